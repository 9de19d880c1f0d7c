"""What the servers tell of themselves and their models over gRPC: health, metadata, configuration, statistics."""

from __future__ import annotations

from tests.conformance.triton.case import Corpus
from tests.conformance.triton.rpc import Rpc
from tests.conformance.triton.rpc_messages import call

_corpus = Corpus("grpc views")

_OF_MODELS = ("ModelReady", "ModelMetadata", "ModelConfig", "ModelStatistics")
_MODELS = (
    "tiny",
    "labelled",
    "auto",
    "queued",
    "bytes",
    "three",
    "rows_int64",
    "image",
    "reshaped",
    "scalar",
    "optional",
)
_VERSIONS = (
    "1",
    "2",
    "3",
    "0",
    "01",
    "-1",
    "+3",
    " 3",
    "3 ",
    "abc",
    "3abc",
    "1.5",
    "4294967296",
    "99999999999999999999",
)

_corpus.add("live", call("ServerLive"))
_corpus.add("ready", call("ServerReady"))
_corpus.add("server", call("ServerMetadata"))

for _model in _MODELS:
    for _method in _OF_MODELS:
        _corpus.add(f"{_method} {_model}", call(_method, name=_model))
for _version in _VERSIONS:
    for _method in _OF_MODELS:
        _corpus.add(f"{_method} version '{_version}'", call(_method, name="versions_all", version=_version))
for _model in ("versions_latest", "versions_specific"):
    for _method in _OF_MODELS:
        _corpus.add(f"{_method} {_model}", call(_method, name=_model))
for _name in ("nope", "TINY", ""):
    for _method in _OF_MODELS:
        if (_name, _method) != ("", "ModelStatistics"):
            _corpus.add(f"{_method} of '{_name}'", call(_method, name=_name))
            _corpus.add(f"{_method} of '{_name}' version 1", call(_method, name=_name, version="1"))
_corpus.add("ModelStatistics of all", call("ModelStatistics"))
_corpus.add("ModelStatistics of all, version 1", call("ModelStatistics", version="1"))
_corpus.add("index", call("RepositoryIndex"))
_corpus.add("index of what is ready", call("RepositoryIndex", ready=True))
_corpus.add("index of a named repository", call("RepositoryIndex", repository_name="zz"))

_corpus.add("load where models are fixed", call("RepositoryModelLoad", model_name="tiny"))
_corpus.add("unload where models are fixed", call("RepositoryModelUnload", model_name="tiny"))

_CHECK = "/grpc.health.v1.Health/Check"
_SERVICES = {
    "the server": b"",
    "the inference service": b"inference.GRPCInferenceService",
    "another service": b"zzz",
    "a model": b"tiny",
}
for _what, _service in _SERVICES.items():
    _corpus.add(f"health of {_what}", Rpc(_CHECK, (b"\n" + bytes([len(_service)]) + _service if _service else b"",)))
_corpus.add("health watched", Rpc("/grpc.health.v1.Health/Watch", (b"",), cancel_after=1))
_corpus.add("health listed", Rpc("/grpc.health.v1.Health/List", (b"",)))

CASES = _corpus.cases
