"""HTTP itself: versions, keep-alive, pipelines, chunks, interim answers, what is no HTTP."""

from __future__ import annotations

from tests.conformance.triton.case import Corpus, Request, document, get, infer, infer_path, infer_text, post, tensor
from tests.support.http_client import request_bytes

_corpus = Corpus("connections")

_LIVE = "/v2/health/live"
_INFER = infer_path("table")
_BODY = document([tensor("i0", [2, 3], "INT32", [1, 2, 3, 4, 5, 6])])


def _chunked(*chunks: bytes, extension: bytes = b"", trailer: bytes = b"") -> bytes:
    framed = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    return framed + b"0\r\n" + trailer + b"\r\n"


def _in_chunks(body: bytes, *headers: str) -> bytes:
    return request_bytes("POST", _INFER, body, headers=["Transfer-Encoding: chunked", *headers])


_corpus.add("HTTP/1.0", request_bytes("GET", _LIVE, version="1.0"))
_corpus.add("HTTP/1.0 with a body in the answer", request_bytes("GET", "/v2/models/table", version="1.0"))
_corpus.add("HTTP/1.0 unknown path", request_bytes("GET", "/v3", version="1.0"))
_corpus.add("HTTP/1.0 infer", request_bytes("POST", _INFER, _BODY, version="1.0"))
_corpus.add("HTTP/1.0 keep-alive", request_bytes("GET", _LIVE, headers=["Connection: keep-alive"], version="1.0"))
_corpus.add("keep-alive", get(_LIVE, "Connection: keep-alive"))
_corpus.add("close", get(_LIVE, "Connection: close"))
_corpus.add("close in capitals", get(_LIVE, "Connection: Close"))
_corpus.add("close on JSON", get("/v2/models/table", "Connection: close"))
_corpus.add("close on an error", get("/v2/models/nope", "Connection: close"))
_corpus.add("close on an unknown path", get("/v3", "Connection: close"))
_corpus.add("close on infer", infer_text("table", _BODY, "Connection: close"))
_corpus.add("close on a failing infer", infer_text("table", b"{}", "Connection: close"))
_corpus.add("close on infer of an unknown model", infer_text("nope", _BODY, "Connection: close"))

_corpus.add("infer twice at once", Request(post(_INFER, _BODY) * 2, answers=2))

_corpus.add("no Host", b"GET /v2/health/live HTTP/1.1\r\n\r\n")
_corpus.add("Host twice", get(_LIVE, "Host: other"))
_corpus.add("lower-case header names", b"GET /v2/health/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
_corpus.add("spaces around a value", get(_LIVE, "Connection:   close  "))
_corpus.add("a header without value", get(_LIVE, "X-Nothing:"))
_corpus.add("a header of 4000 characters", get(_LIVE, f"X-Long: {'a' * 4000}"))
_corpus.add("200 headers", get(_LIVE, *(f"X-{index}: {index}" for index in range(200))))
_corpus.add("a path of 2000 characters", get(f"/v2/models/{'m' * 2000}"))

_corpus.add("unknown method", b"GARBAGE zzz HTTP/1.1\r\nHost: a\r\n\r\n")
_corpus.add("lower-case method", b"get /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n")
_corpus.add("HTTP/2.0 in words", b"GET /v2/health/live HTTP/2.0\r\nHost: a\r\n\r\n")
_corpus.add("HTTP/1.2", b"GET /v2/health/live HTTP/1.2\r\nHost: a\r\n\r\n")
_corpus.add("no protocol at all", b"hello there\r\n\r\n")
_corpus.add("bytes", b"\x00\x01\x02\x03\r\n\r\n")
_corpus.add("a header without colon", get(_LIVE, "Nonsense"))
_corpus.add("a header name with a space", get(_LIVE, "Non sense: 1"))
_corpus.add("TLS hello", bytes.fromhex("16030100 05 01000001 00".replace(" ", "")) + b"\r\n\r\n")

_corpus.add("Content-Length in words", post(_INFER, b"", "Content-Length: abc"))
_corpus.add("Content-Length negative", post(_INFER, b"", "Content-Length: -1"))
_corpus.add("Content-Length twice the same", post(_INFER, _BODY, *[f"Content-Length: {len(_BODY)}"] * 2))
_corpus.add("no Content-Length", request_bytes("POST", _INFER))
_corpus.add("Content-Length 0", post(_INFER, b""))

for _model in ("table", "nope"):
    _head, _, _rest = infer_text(_model, _BODY, "Expect: 100-continue").partition(b"\r\n\r\n")
    _corpus.add(f"Expect, model {_model}", Request(_head + b"\r\n\r\n", then=_rest))
    _corpus.add(f"Expect without waiting, model {_model}", infer_text(_model, _BODY, "Expect: 100-continue"))
_corpus.add("Expect of something else", get(_LIVE, "Expect: miracles"))
_corpus.add("Upgrade", get(_LIVE, "Connection: Upgrade", "Upgrade: h2c"))
_corpus.add("Origin", get(_LIVE, "Origin: http://example.org"))

_corpus.add("one chunk", _in_chunks(_chunked(_BODY)))
_corpus.add("two chunks", _in_chunks(_chunked(_BODY[:20], _BODY[20:])))
_corpus.add("a chunk a byte", _in_chunks(_chunked(*(_BODY[at : at + 1] for at in range(len(_BODY))))))
_corpus.add("chunk extensions", _in_chunks(_chunked(_BODY, extension=b";name=value")))
_corpus.add("no chunks", _in_chunks(_chunked()))
_corpus.add(
    "chunks of an unknown model",
    request_bytes("POST", infer_path("nope"), _chunked(_BODY), headers=["Transfer-Encoding: chunked"]),
)
_corpus.add("chunks twice on a connection", Request(_in_chunks(_chunked(_BODY)) * 2, answers=2))
_corpus.add("a chunk size in words", _in_chunks(b"zz\r\nabc\r\n0\r\n\r\n"))

_corpus.add("Content-Type text/plain", infer_text("table", _BODY, "Content-Type: text/plain"))
_corpus.add("Content-Type of bytes", infer_text("table", _BODY, "Content-Type: application/octet-stream"))
_corpus.add("Accept text/html", infer_text("table", _BODY, "Accept: text/html"))
_corpus.add("metrics: unknown path", Request(get("/zzz"), metrics=True))
_corpus.add("metrics: POST to an unknown path", Request(post("/zzz", b""), metrics=True))
_corpus.add("infer at last", infer("table", tensor("i0", [2, 3], "INT32", [6, 5, 4, 3, 2, 1])))

CASES = _corpus.cases
