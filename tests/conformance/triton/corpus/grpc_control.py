"""Models loaded and unloaded over gRPC, with parameters of every kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tritonclient.grpc import service_pb2

from tests.conformance.triton.case import Corpus
from tests.conformance.triton.folders.folder import TABLE, TINY, TINY_CONFIG, Folder
from tests.conformance.triton.rpc import Rpc
from tests.conformance.triton.rpc_messages import call, infer, tensor

FOLDERS = (
    Folder("rpc_a"),
    Folder("rpc_b", f"{TINY_CONFIG} version_policy {{ all {{}} }}", {"1/model.onnx": TINY, "2/model.onnx": TINY}),
    Folder("rpc_broken", TINY_CONFIG, {"1/model.onnx": b"not a graph"}),
    Folder("rpc_refused", TINY_CONFIG.replace("max_batch_size: 8", "max_batch_size: -1")),
    Folder("rpc_nothing", None, {}),
)

_corpus = Corpus("grpc control")

_ASK_A = infer("rpc_a", tensor("x", [1, 16], "FP32", [0.5] * 16))
_ASK_TABLE = infer("rpc_a", tensor("i0", [2, 3], "INT32", [1, 2, 3, 4, 5, 6]))


def _parameter(value: Any) -> Any:
    kinds = {bool: "bool_param", int: "int64_param", str: "string_param", bytes: "bytes_param"}
    return service_pb2.ModelRepositoryParameter(**({} if value is None else {kinds[type(value)]: value}))


def _load(model: str, parameters: Mapping[str, Any] | None = None, **fields: Any) -> Rpc:
    values = {name: _parameter(value) for name, value in (parameters or {}).items()}
    return call("RepositoryModelLoad", model_name=model, parameters=values, **fields)


def _unload(model: str, parameters: Mapping[str, Any] | None = None, **fields: Any) -> Rpc:
    values = {name: _parameter(value) for name, value in (parameters or {}).items()}
    return call("RepositoryModelUnload", model_name=model, parameters=values, **fields)


def _settled(model: str) -> Rpc:
    """The model's entries in the index, as soon as none of them is on its way in or out."""

    def entries(index: Any) -> list[Any]:
        return [entry for entry in index.get("models", ()) if entry["name"] == model]

    def is_settled(index: Any) -> bool:
        return not {"LOADING", "UNLOADING"} & {entry.get("state") for entry in entries(index)}

    return call("RepositoryIndex", options={"until": is_settled, "view": entries})


def _views(model: str) -> tuple[Rpc, ...]:
    of_model = (
        call(method, name=model) for method in ("ModelReady", "ModelMetadata", "ModelConfig", "ModelStatistics")
    )
    return (*of_model, call("ServerReady"))


_corpus.add("load", _load("rpc_a"), *_views("rpc_a"), _ASK_A)
_corpus.add("unload", _unload("rpc_a"), _settled("rpc_a"), *_views("rpc_a"), _ASK_A)
_corpus.add("load again", _load("rpc_a"), _load("rpc_a"), _ASK_A, _settled("rpc_a"))
_corpus.add("two versions", _load("rpc_b"), *_views("rpc_b"), _settled("rpc_b"))
for _name in ("nope", "", "..", "a/b", "x" * 300):
    _corpus.add(f"load '{_name[:20]}'", _load(_name))
    _corpus.add(f"unload '{_name[:20]}'", _unload(_name))
for _name in ("rpc_broken", "rpc_refused", "rpc_nothing"):
    _corpus.add(f"load {_name}", _load(_name), *_views(_name))
    _corpus.add(f"unload {_name}", _unload(_name), _settled(_name))
_corpus.add("from a named repository", _load("rpc_a", repository_name="zz"), _unload("rpc_a", repository_name="zz"))

_FULL = {
    "backend": "onnxruntime",
    "max_batch_size": 4,
    "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [16]}],
    "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [4]}],
    "instance_group": [{"kind": "KIND_CPU", "count": 1}],
}
_TABLE_CONFIG = json.dumps(
    {
        "backend": "onnxruntime",
        "input": [{"name": "i0", "data_type": "TYPE_INT32", "dims": [2, 3]}],
        "output": [{"name": "o0", "data_type": "TYPE_INT32", "dims": [2, 3]}],
        "instance_group": [{"kind": "KIND_CPU", "count": 1}],
    }
)
_VALUES = {"true": True, "false": False, "1": 1, "text": "a", "bytes": b"a", "nothing": None}
for _key in ("config", "file:1/model.onnx", "unload_dependents", "zzz", ""):
    for _what, _value in _VALUES.items():
        if (_key, _what) not in {("config", "text"), ("file:1/model.onnx", "bytes")}:
            _corpus.add(f"load with '{_key}' {_what}", _load("rpc_a", {_key: _value}))
for _key in ("unload_dependents", "config", "zzz"):
    for _what, _value in _VALUES.items():
        _corpus.add(f"unload with '{_key}' {_what}", _unload("nope", {_key: _value}))
_corpus.add("override", _load("rpc_a", {"config": json.dumps(_FULL)}), call("ModelConfig", name="rpc_a"), _ASK_A)
_corpus.add("override no JSON", _load("rpc_a", {"config": "{zz"}), _ASK_A)
_corpus.add(
    "override a negative batch", _load("rpc_a", {"config": json.dumps({**_FULL, "max_batch_size": -1})}), _ASK_A
)
_corpus.add(
    "files", _load("rpc_a", {"config": _TABLE_CONFIG, "file:1/model.onnx": TABLE}), _ASK_TABLE, _settled("rpc_a")
)
_corpus.add("files without config", _load("rpc_a", {"file:1/model.onnx": TABLE}), _ASK_TABLE)
_corpus.add("files that are no graph", _load("rpc_a", {"config": _TABLE_CONFIG, "file:1/model.onnx": b"zz"}))
_corpus.add("files out of the folder", _load("rpc_a", {"config": _TABLE_CONFIG, "file:../model.onnx": TABLE}))
_corpus.add("plain load after files", _load("rpc_a"), _settled("rpc_a"), _ASK_A)
_corpus.add("unload at the end", _unload("rpc_a"), _unload("rpc_b"), _settled("rpc_a"), _settled("rpc_b"))

CASES = _corpus.cases
