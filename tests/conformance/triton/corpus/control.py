"""Models loaded and unloaded by request, and what everything else says meanwhile."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from tests.conformance.triton.case import Corpus, Request, get, infer, parsed, post, tensor
from tests.conformance.triton.folders.folder import ONE, TABLE, TABLE_CONFIG, TINY, TINY_CONFIG, Folder, table
from tests.conformance.triton.wire import Answer
from tests.support.http_client import json_body
from tests.support.onnx_models import identity, ports_config

_TEXT = bytes(identity(("BYTES", ("n",))).SerializeToString())

FOLDERS = (
    Folder("a"),
    Folder("b", f"{TINY_CONFIG} version_policy {{ all {{}} }}", {"1/model.onnx": TINY, "2/model.onnx": TINY}),
    table("t", TABLE_CONFIG),
    Folder("broken", TINY_CONFIG, {"1/model.onnx": b"not a graph"}),
    Folder("refused", TINY_CONFIG.replace("max_batch_size: 8", "max_batch_size: -1")),
    Folder("nothing", None, {}),
    Folder("auto", ONE),
    Folder("text", ports_config([("BYTES", [-1])], extra=ONE), {"1/model.onnx": _TEXT}),
)

INDEX = post("/v2/repository/index")
_X = tensor("x", [1, 16], "FP32", [0.5] * 16)
_ASK_A = infer("a", _X)

_corpus = Corpus("control")


def load(model: str, parameters: Mapping[str, Any] | None = None) -> bytes:
    """A request to load."""
    return post(
        f"/v2/repository/models/{model}/load", b"" if parameters is None else json_body({"parameters": parameters})
    )


def unload(model: str, body: bytes | str = b"") -> bytes:
    """A request to unload."""
    return post(f"/v2/repository/models/{model}/unload", body)


def settled(model: str) -> Request:
    """The model's entries in the index, as soon as none of them is on its way in or out."""

    def entries(answer: Answer) -> list[Any]:
        return [entry for entry in parsed(answer) if entry["name"] == model]

    def is_settled(answer: Answer) -> bool:
        return not {"LOADING", "UNLOADING"} & {entry.get("state") for entry in entries(answer)}

    return Request(INDEX, until=is_settled, view=entries)


def _config(**fields: Any) -> dict[str, str]:
    return {"config": json.dumps(fields)}


def _views(model: str) -> tuple[bytes, ...]:
    paths = (f"/v2/models/{model}", f"/v2/models/{model}/config", f"/v2/models/{model}/ready", "/v2/health/ready")
    return tuple(get(path) for path in paths)


_corpus.add(
    "before any load",
    INDEX,
    post("/v2/repository/index", '{"ready":true}'),
    *_views("a"),
    _ASK_A,
    get("/v2/models/stats"),
)
_corpus.add("load", load("a"), *_views("a"), _ASK_A, INDEX, get("/v2/models/a/stats"))
_corpus.add("load again", load("a"), *_views("a"), _ASK_A, post("/v2/repository/index", '{"ready":true}'))
_corpus.add("load with empty parameters", load("a", {}))
_corpus.add(
    "unload", unload("a"), settled("a"), *_views("a"), _ASK_A, get("/v2/models/a/versions/1"), get("/v2/models/a/stats")
)
_corpus.add("unload again", unload("a"), settled("a"))
_corpus.add("load after unload", load("a"), _ASK_A, INDEX)
_corpus.add("two versions", load("b"), *_views("b"), get("/v2/models/b/versions/1"), INDEX)

for _name in ("nope", "nope/", "..", ".", "a b", "%2e%2e", "a%2Fb", "a\\b", "~", "x" * 300):
    _corpus.add(f"load '{_name[:20]}'", load(_name), unload(_name))

_BODIES = {
    "cut short": "{",
    "an array": "[]",
    "a string": '"a"',
    "null": "null",
    "parameters null": '{"parameters":null}',
    "parameters an array": '{"parameters":[]}',
    "parameters a number": '{"parameters":1}',
    "unknown member": '{"zzz":1}',
    "unknown parameter text": '{"parameters":{"zzz":"a"}}',
    "unknown parameter number": '{"parameters":{"zzz":1}}',
    "config null": '{"parameters":{"config":null}}',
    "config a number": '{"parameters":{"config":1}}',
    "config an object": '{"parameters":{"config":{}}}',
    "file a number": '{"parameters":{"config":"{}","file:1/model.onnx":1}}',
    "unload_dependents yes": '{"parameters":{"unload_dependents":true}}',
    "unload_dependents no": '{"parameters":{"unload_dependents":false}}',
    "unload_dependents in words": '{"parameters":{"unload_dependents":"yes"}}',
    "unload_dependents null": '{"parameters":{"unload_dependents":null}}',
}
for _what, _body in _BODIES.items():
    _corpus.add(f"load with {_what}", post("/v2/repository/models/a/load", _body), settled("a"))
for _what in ("cut short", "an array", "parameters an array", "unload_dependents yes", "unload_dependents in words"):
    _corpus.add(f"unload with {_what}", unload("nope", _BODIES[_what]))
_corpus.add(
    "from a named repository", post("/v2/repository/zz/models/a/load"), post("/v2/repository/zz/models/a/unload")
)

_FULL = {
    "backend": "onnxruntime",
    "max_batch_size": 4,
    "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [16]}],
    "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [4]}],
    "instance_group": [{"kind": "KIND_CPU", "count": 1}],
}
_OVERRIDES = {
    "the whole": json.dumps(_FULL),
    "nothing": "{}",
    "camel case": json.dumps({**_FULL, "maxBatchSize": 3, "max_batch_size": 3}).replace(
        '"max_batch_size": 3', '"defaultModelFilename": "model.onnx"'
    ),
    "types as numbers": json.dumps({**_FULL, "input": [{"name": "x", "data_type": 11, "dims": [16]}]}),
    "another name": json.dumps({**_FULL, "name": "zz"}),
    "an unknown field": json.dumps({**_FULL, "zzz": 1}),
    "a negative batch": json.dumps({**_FULL, "max_batch_size": -1}),
    "two instances": json.dumps({**_FULL, "instance_group": [{"kind": "KIND_CPU", "count": 2}]}),
    "batching": json.dumps(
        {**_FULL, "dynamic_batching": {"preferred_batch_size": [2], "max_queue_delay_microseconds": 5}}
    ),
    "no JSON": "{zz",
    "an array": "[]",
    "a number": "1",
    "empty text": "",
    "text format": 'backend: "onnxruntime"',
    "wrong kinds": json.dumps({**_FULL, "input": {"name": "x"}}),
}
for _what, _text in _OVERRIDES.items():
    _corpus.add(f"override {_what}", load("a", {"config": _text}), get("/v2/models/a/config"), _ASK_A)
_corpus.add("plain load after overrides", load("a"), get("/v2/models/a/config"), _ASK_A)
_corpus.add(
    "override of the version policy",
    load("b", _config(**_FULL, version_policy={"specific": {"versions": [1]}})),
    settled("b"),
    get("/v2/models/b"),
    get("/v2/models/b/versions/2"),
    infer("b", _X, version="2"),
)
_corpus.add(
    "override to no version",
    load("b", _config(**_FULL, version_policy={"specific": {"versions": [9]}})),
    get("/v2/models/b"),
)
_corpus.add("plain load of both versions", load("b"), settled("b"), get("/v2/models/b"))

_GRAPH = b64encode(TABLE).decode()
_TABLE_FIELDS = {
    "backend": "onnxruntime",
    "input": [{"name": "i0", "data_type": "TYPE_INT32", "dims": [2, 3]}],
    "output": [{"name": "o0", "data_type": "TYPE_INT32", "dims": [2, 3]}],
    "instance_group": [{"kind": "KIND_CPU", "count": 1}],
}
_ASK_TABLE = tensor("i0", [2, 3], "INT32", [1, 2, 3, 4, 5, 6])
_corpus.add(
    "files",
    load("a", {**_config(**_TABLE_FIELDS), "file:1/model.onnx": _GRAPH}),
    get("/v2/models/a"),
    infer("a", _ASK_TABLE),
    settled("a"),
)
_corpus.add(
    "files of another version",
    load("a", {**_config(**_TABLE_FIELDS), "file:7/model.onnx": _GRAPH}),
    settled("a"),
    get("/v2/models/a"),
)
_corpus.add("plain load after files", load("a"), settled("a"), get("/v2/models/a"), _ASK_A)
_corpus.add(
    "files of a model without folder",
    load("made_up", {**_config(**_TABLE_FIELDS), "file:1/model.onnx": _GRAPH}),
    infer("made_up", _ASK_TABLE),
    settled("made_up"),
)
_corpus.add("unload files of a model without folder", unload("made_up"), settled("made_up"), get("/v2/models/made_up"))
_corpus.add("files without config", load("a", {"file:1/model.onnx": _GRAPH}), _ASK_A)
_corpus.add("files not in base64", load("a", {**_config(**_TABLE_FIELDS), "file:1/model.onnx": "!!!"}), _ASK_A)
_corpus.add("files that are no graph", load("a", {**_config(**_TABLE_FIELDS), "file:1/model.onnx": "AAAA"}), _ASK_A)
for _path in ("", "../model.onnx", "/naiad_conformance_model.onnx", "model.onnx"):
    _corpus.add(f"files at '{_path}'", load("a", {**_config(**_TABLE_FIELDS), f"file:{_path}": _GRAPH}), _ASK_A)
_corpus.add(
    "load the others",
    load("t"),
    load("text"),
    infer("t", _ASK_TABLE),
    load("auto"),
    get("/v2/models/auto/config"),
    settled("auto"),
    get("/v2/models/t/stats"),
)

for _name in ("broken", "refused", "nothing"):
    _corpus.add(f"load {_name}", load(_name), *_views(_name), infer(_name, _X), get(f"/v2/models/{_name}/stats"))
    _corpus.add(f"unload {_name}", unload(_name), settled(_name))

CASES = _corpus.cases
