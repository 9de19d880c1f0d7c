"""Protocols that are restricted to who knows a key, over HTTP and gRPC."""

from __future__ import annotations

from collections.abc import Sequence

from tests.conformance.triton.case import Corpus, get, post
from tests.conformance.triton.case import infer as infer_over_http
from tests.conformance.triton.case import tensor as json_tensor
from tests.conformance.triton.rpc import Rpc
from tests.conformance.triton.rpc_messages import call, infer, request, stream, tensor

FLAGS = (
    "--grpc-restricted-protocol=model-repository,statistics:admin-key=admin-value",
    "--grpc-restricted-protocol=inference:infer-key=infer-value",
    "--grpc-restricted-protocol=health:health-key=health-value",
    "--http-restricted-api=model-repository,statistics:admin-key=admin-value",
    "--http-restricted-api=inference:infer-key=infer-value",
)

_corpus = Corpus("restricted")

_X = tensor("x", [1, 16], "FP32", [0.5] * 16)
_KEYS = ("admin", "infer", "health")


def _metadata(values: Sequence[str], *, prefix: str = "triton-grpc-protocol-") -> tuple[tuple[str, str], ...]:
    return tuple((f"{prefix}{key}-key", value) for key, value in zip(_KEYS, values, strict=True))


_RIGHT = tuple(f"{key}-value" for key in _KEYS)
_METADATA: dict[str, tuple[tuple[str, str], ...]] = {
    "no key": (),
    "the key": _metadata(_RIGHT),
    "another value": _metadata(["zzz"] * 3),
    "no prefix": _metadata(_RIGHT, prefix=""),
    "the other's key": _metadata([*_RIGHT[1:], _RIGHT[0]]),
    "an empty value": _metadata([""] * 3),
    "more behind the value": _metadata([f"{value}z" for value in _RIGHT]),
}
_METHODS = (
    *("ServerLive", "ServerReady", "ModelReady", "ModelMetadata", "ModelStatistics", "ModelConfig"),
    *("RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload", "SystemSharedMemoryStatus"),
    *("CudaSharedMemoryStatus", "TraceSetting", "LogSettings"),
)
_OF_A_MODEL = {"ModelReady": "name", "ModelMetadata": "name", "ModelStatistics": "name", "ModelConfig": "name"}

for _what, _sent in _METADATA.items():
    _options = {"metadata": _sent}
    for _method in _METHODS:
        _fields = {_OF_A_MODEL[_method]: "tiny"} if _method in _OF_A_MODEL else {}
        _corpus.add(f"{_method} with {_what}", call(_method, options=_options, **_fields))
    _corpus.add(f"ModelInfer with {_what}", infer("tiny", _X, options=_options))
    _corpus.add(f"ModelStreamInfer with {_what}", stream(request("tiny", _X), metadata=_sent))
    _corpus.add(f"Health with {_what}", Rpc("/grpc.health.v1.Health/Check", (b"",), metadata=_sent))
_corpus.add("no protobuf without a key", Rpc("ModelInfer", (b"\xff",)))
_corpus.add("an unknown model without a key", infer("nope", _X))

_ROW = json_tensor("x", [1, 16], "FP32", [0.5] * 16)
for _what, _lines in {
    "no key": (),
    "the key": ("admin-key: admin-value", "infer-key: infer-value"),
    "another value": ("admin-key: zzz", "infer-key: zzz"),
    "the other's key": ("admin-key: infer-value", "infer-key: admin-value"),
}.items():
    for _path in (
        "/v2/health/ready",
        "/v2/models/tiny",
        "/v2/models/tiny/stats",
        "/v2/models/tiny/config",
        "/v2/logging",
    ):
        _corpus.add(f"GET {_path} with {_what}", get(_path, *_lines))
    _corpus.add(f"POST index with {_what}", post("/v2/repository/index", b"", *_lines))
    _corpus.add(f"POST infer with {_what}", infer_over_http("tiny", _ROW, headers=_lines))

CASES = _corpus.cases
