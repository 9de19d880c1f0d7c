"""gRPC itself: methods that there are not, messages that are none, too many and too few, compression, deadlines."""

from __future__ import annotations

from typing import Any

from tests.conformance.triton.case import Corpus
from tests.conformance.triton.rpc import TRITON, Rpc
from tests.conformance.triton.rpc_messages import call, infer, message, request, stream, tensor

_corpus = Corpus("grpc calls")

_UNKNOWN = (
    f"/{TRITON}/Nope",
    f"/{TRITON}/",
    f"/{TRITON}",
    f"/{TRITON}/modelinfer",
    f"/{TRITON}/ModelInfer/",
    "/inference.Nope/ModelInfer",
    "/nope",
    "/",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.health.v1.Health/Nope",
)
for _path in _UNKNOWN:
    _corpus.add(f"path {_path}", Rpc(_path, (b"",)))
_corpus.add("unknown method, two messages", Rpc(f"/{TRITON}/Nope", (b"abc", b"def")))

_METHODS: dict[str, dict[str, Any]] = {
    "ServerLive": {},
    "ServerMetadata": {},
    "ModelReady": {"name": "tiny"},
    "ModelMetadata": {"name": "tiny"},
    "ModelConfig": {"name": "tiny"},
    "ModelStatistics": {"name": "nope"},
    "ModelInfer": {"model_name": "nope"},
    "RepositoryIndex": {"ready": True},
    "RepositoryModelLoad": {"model_name": "nope"},
    "RepositoryModelUnload": {"model_name": "nope"},
    "SystemSharedMemoryStatus": {},
    "SystemSharedMemoryRegister": {"name": "r", "key": "/naiad_conformance_absent", "byte_size": 8},
    "SystemSharedMemoryUnregister": {},
    "CudaSharedMemoryStatus": {},
    "CudaSharedMemoryRegister": {"name": "r"},
    "CudaSharedMemoryUnregister": {},
    "TraceSetting": {},
    "LogSettings": {},
}
for _method, _fields in _METHODS.items():
    _good = message(_method, **_fields)
    _corpus.add(f"{_method}: no protobuf", Rpc(_method, (b"\xff\xff\xff",)))
    _corpus.add(f"{_method}: unknown fields", Rpc(_method, (_good + b"\xf8\x07\x01\xfa\x07\x03abc",)))

for _method, _fields in {"ServerLive": {}, "ModelInfer": {"model_name": "nope"}}.items():
    _good = message(_method, **_fields)
    _corpus.add(f"{_method}: no message", Rpc(_method, ()))
    _corpus.add(f"{_method}: two messages", Rpc(_method, (_good, _good)))

_TABLE = tensor("i0", [2, 3], "INT32", [1, 2, 3, 4, 5, 6])
_GOOD = request("table", _TABLE)
_corpus.add("infer: cut short", Rpc("ModelInfer", (_GOOD[:-1],)))
_corpus.add("infer: a name that is not UTF-8", Rpc("ModelInfer", (b"\x0a\x02\xff\xfe",)))
_corpus.add("infer: a name of another wire type", Rpc("ModelInfer", (b"\x08\x01" + _GOOD,)))
_corpus.add("infer: a name twice", Rpc("ModelInfer", (b"\x0a\x04nope" + _GOOD,)))
_corpus.add("infer: the same message twice over", Rpc("ModelInfer", (_GOOD + _GOOD,)))
_corpus.add("infer: a group", Rpc("ModelInfer", (_GOOD + b"\xfb\x07\x08\x01\xfc\x07",)))
_corpus.add("infer: field 0", Rpc("ModelInfer", (_GOOD + b"\x02\x01a",)))
_corpus.add("infer: an empty message", Rpc("ModelInfer", (b"",)))
_corpus.add("infer: a varint of 11 bytes", Rpc("ModelInfer", (_GOOD + b"\xf8\x07" + b"\xff" * 10 + b"\x01",)))
_corpus.add("infer: a length beyond the message", Rpc("ModelInfer", (_GOOD + b"\x3a\x7f",)))

for _encoding in ("gzip", "deflate"):
    _corpus.add(f"infer in {_encoding}", infer("table", _TABLE, options={"compression": _encoding}))
    _corpus.add(f"metadata in {_encoding}", call("ModelMetadata", name="tiny", options={"compression": _encoding}))
    _corpus.add(f"an error in {_encoding}", infer("nope", _TABLE, options={"compression": _encoding}))

_METADATA = {
    "plain": (("x-a", "1"), ("x-b", "2")),
    "of bytes": (("x-a-bin", b"\x00\xff"),),
    "the same twice": (("x-a", "1"), ("x-a", "2")),
    "long": (("x-a", "a" * 4000),),
    "triton_grpc_error": (("triton_grpc_error", "true"),),
}
for _what, _metadata in _METADATA.items():
    _corpus.add(f"metadata {_what}", infer("table", _TABLE, options={"metadata": _metadata}))
    _corpus.add(f"metadata {_what} in an error", infer("nope", _TABLE, options={"metadata": _metadata}))

_ROW = tensor("x", [1, 16], "FP32", [0.5] * 16)


def _failed(statistics: Any) -> Any:
    """How many requests for the model failed, and how many did not."""
    of_model = statistics["model_stats"][0]
    counts = (of_model["inference_stats"][name].get("count") for name in ("success", "fail"))
    return [*counts, of_model.get("inference_count"), of_model.get("execution_count")]


_SHOWN = call("ModelStatistics", name="delayed", options={"view": _failed})
_corpus.add("a deadline that is long", infer("table", _TABLE, options={"timeout_s": 30.0}))
_corpus.add("a deadline in the queue", infer("delayed", _ROW, options={"timeout_s": 0.1}))
_corpus.add("a deadline of a stream in the queue", stream(request("delayed", _ROW), timeout_s=0.1))
_corpus.add("another request after the deadlines", infer("delayed", _ROW), _SHOWN)
_corpus.add(
    "a stream that ends while requests wait", stream(request("delayed", _ROW), request("delayed", _ROW)), _SHOWN
)

CASES = _corpus.cases
