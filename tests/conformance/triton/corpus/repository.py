"""The repository routes and shared memory where neither loading nor registering is of use; statistics."""

from __future__ import annotations

from tests.conformance.triton.case import Corpus, get, infer, post, tensor

_corpus = Corpus("repository")

_BODIES = {
    "nothing": "",
    "{}": "{}",
    "ready": '{"ready":true}',
    "not ready": '{"ready":false}',
    "ready in words": '{"ready":"true"}',
    "ready as a number": '{"ready":1}',
    "ready null": '{"ready":null}',
    "unknown member": '{"zzz":1}',
    "an array": "[]",
    "a string": '"a"',
    "cut short": "{",
    "garbage": "zz",
}
for _name, _body in _BODIES.items():
    _corpus.add(f"index: {_name}", post("/v2/repository/index", _body))
_corpus.add("index of a named repository", post("/v2/repository/foo/index"))
_corpus.add("index of a named repository, ready", post("/v2/repository/foo/index", '{"ready":true}'))

for _verb in ("load", "unload"):
    for _model in ("tiny", "nope"):
        _corpus.add(f"{_verb} {_model}", post(f"/v2/repository/models/{_model}/{_verb}"))
    _corpus.add(f"{_verb} with garbage", post(f"/v2/repository/models/tiny/{_verb}", "{"))
    _corpus.add(
        f"{_verb} with an unknown parameter", post(f"/v2/repository/models/tiny/{_verb}", '{"parameters":{"zz":1}}')
    )
    _corpus.add(f"{_verb} from a named repository", post(f"/v2/repository/foo/models/tiny/{_verb}"))

_X = tensor("x", [1, 16], "FP32", [0.5] * 16)
_corpus.add("statistics before", get("/v2/models/counted/stats"))
_corpus.add(
    "statistics after requests",
    infer("counted", _X),
    infer("counted", tensor("x", [3, 16], "FP32", [0.5] * 48)),
    infer("counted", tensor("x", [1, 15], "FP32", [0.5] * 15)),
    infer("counted", tensor("zz", [1, 15], "FP32", [0.5] * 15)),
    post("/v2/models/counted/infer", "{"),
    infer("counted", _X),
    get("/v2/models/counted/stats"),
    get("/v2/models/counted/versions/1/stats"),
)
_corpus.add("statistics of an unknown model", get("/v2/models/nope/stats"))
_corpus.add("statistics of an unknown version", get("/v2/models/tiny/versions/9/stats"))
_corpus.add("statistics of an unknown model's version", get("/v2/models/nope/versions/1/stats"))
_corpus.add("statistics of version 01", get("/v2/models/counted/versions/01/stats"))
_corpus.add("statistics of versions", get("/v2/models/versions_all/stats"))
_corpus.add("statistics of one version", get("/v2/models/versions_latest/versions/5/stats"))
_corpus.add("statistics of a version not served", get("/v2/models/versions_latest/versions/1/stats"))
_corpus.add("statistics of all", get("/v2/models/stats"))

CASES = _corpus.cases
