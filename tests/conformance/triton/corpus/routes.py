"""Paths and methods: what there is, what there is not, and how it is told."""

from __future__ import annotations

from tests.conformance.triton.case import Corpus, get, infer_path, post
from tests.support.http_client import request_bytes

_corpus = Corpus("routes")

_BOTH = ("/v2/trace/setting", "/v2/models/tiny/trace/setting", "/v2/logging")
"""Paths that take GET and POST."""

_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")

_PATHS = {
    "/v2": "GET",
    "/v2/health/live": "GET",
    "/v2/health/ready": "GET",
    "/v2/models/stats": "GET",
    "/v2/models/tiny": "GET",
    "/v2/models/tiny/versions/1": "GET",
    "/v2/models/tiny/ready": "GET",
    "/v2/models/tiny/config": "GET",
    "/v2/models/tiny/versions/1/stats": "GET",
    "/v2/models/tiny/infer": "POST",
    "/v2/repository/index": "POST",
    "/v2/repository/models/tiny/load": "POST",
    "/v2/repository/models/tiny/unload": "POST",
    "/v2/systemsharedmemory/status": "GET",
    "/v2/systemsharedmemory/region/r/register": "POST",
    "/v2/systemsharedmemory/unregister": "POST",
    "/v2/cudasharedmemory/status": "GET",
    "/v2/cudasharedmemory/region/r/register": "POST",
    "/v2/models/tiny/generate": "POST",
    "/v2/models/tiny/generate_stream": "POST",
}
"""Every kind of path, and the method that it takes."""

_UNKNOWN = (
    "/",
    "/v2/",
    "/v1",
    "/v3",
    "/V2",
    "/metrics",
    "/v2/health",
    "/v2/health/dead",
    "/v2/models",
    "/v2/models/",
    "/v2/models/tiny/",
    "/v2/models/tiny/zzz",
    "/v2/models/tiny/versions",
    "/v2/models/tiny/versions/",
    "/v2/models/tiny/versions/abc",
    "/v2/models/tiny/versions/-1",
    "/v2/models/tiny/versions/1.0",
    "/v2/models/tiny/versions/1/zzz",
    "/v2/models/tiny/versions/1/versions/1",
    "/v2/models/a/b/ready",
    "/v2/systemsharedmemory",
    "/v2/systemsharedmemory/region/r",
    "/v2/repository",
    "/v2/repository/models/tiny",
)

for path, right in _PATHS.items():
    for method in _METHODS:
        if method != right:
            body = None if method in ("GET", "OPTIONS") else b""
            _corpus.add(f"{method} {path}", request_bytes(method, path, body))

for path in _BOTH:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        _corpus.add(f"{method} {path}", request_bytes(method, path))

for path in _UNKNOWN:
    _corpus.add(f"GET {path}", get(path))
    _corpus.add(f"POST {path}", post(path, b"{}"))

_corpus.add("HEAD metadata", request_bytes("HEAD", "/v2", headers=["Connection: close"]))
_corpus.add("HEAD ready", request_bytes("HEAD", "/v2/health/ready", headers=["Connection: close"]))
_corpus.add("HEAD unknown path", request_bytes("HEAD", "/v3", headers=["Connection: close"]))
_corpus.add("query", get("/v2/models/tiny?x=1"))
_corpus.add("query of nothing", get("/v2/models/tiny?"))
_corpus.add("query with a slash", get("/v2/health/live?a=/b"))
_corpus.add("fragment", get("/v2/models/tiny#here"))
_corpus.add("two slashes in front", get("//v2/models/tiny"))
_corpus.add("two slashes inside", get("/v2//health/live"))
_corpus.add("dots", get("/v2/../v2"))
_corpus.add("percent in the path", get("/v2/models/ti%6Ey"))
_corpus.add("percent in an unknown model", get("/v2/models/a%20b"))
_corpus.add("absolute target", get("http://localhost/v2/health/live"))
_corpus.add("a model named as a route", get("/v2/models/stats/ready"))
_corpus.add("a body with a GET", request_bytes("GET", "/v2/models/tiny", b"{}"))
_corpus.add("infer with a query", post(infer_path("tiny") + "?a=b", b"{}"))

CASES = _corpus.cases
