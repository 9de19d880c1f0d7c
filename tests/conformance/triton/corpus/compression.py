"""Compressed requests and answers."""

from __future__ import annotations

import gzip
import zlib

import numpy as np

from tests.conformance.triton.case import Corpus, binary, document, get, infer_path, infer_text, output, post, tensor

_corpus = Corpus("compression")

_JSON = document([tensor("i0", [2, 3], "INT32", [1, 2, 3, 4, 5, 6])])
_ENTRY, _TAIL = binary("i0", np.arange(6, dtype=np.int32).reshape(2, 3))
_HEAD = document([_ENTRY], outputs=[output("o0", binary_data=True)])
_LENGTH = f"Inference-Header-Content-Length: {len(_HEAD)}"

_PACKED = {
    "gzip": gzip.compress(_JSON, mtime=0),
    "deflate": zlib.compress(_JSON),
    "identity": _JSON,
    "br": _JSON,
    "GZIP": gzip.compress(_JSON, mtime=0),
    "x-gzip": gzip.compress(_JSON, mtime=0),
    "gzip, deflate": gzip.compress(zlib.compress(_JSON), mtime=0),
    "": _JSON,
}
for _encoding, _body in _PACKED.items():
    _corpus.add(f"request '{_encoding}'", infer_text("table", _body, f"Content-Encoding: {_encoding}"))

_WRONG = {
    "gzip of nothing": ("gzip", gzip.compress(b"", mtime=0)),
    "gzip that is none": ("gzip", _JSON),
    "gzip cut short": ("gzip", gzip.compress(_JSON, mtime=0)[:-9]),
    "gzip with garbage behind": ("gzip", gzip.compress(_JSON, mtime=0) + b"zz"),
    "two gzip members": ("gzip", gzip.compress(_JSON[:9], mtime=0) + gzip.compress(_JSON[9:], mtime=0)),
    "an empty body as gzip": ("gzip", b""),
    "deflate that is none": ("deflate", _JSON),
    "deflate without its head": ("deflate", zlib.compress(_JSON)[2:-4]),
    "gzip called deflate": ("deflate", gzip.compress(_JSON, mtime=0)),
    "deflate called gzip": ("gzip", zlib.compress(_JSON)),
}
for _name, (_encoding, _body) in _WRONG.items():
    _corpus.add(f"request {_name}", infer_text("table", _body, f"Content-Encoding: {_encoding}"))

_ACCEPTED = (
    "gzip",
    "deflate",
    "identity",
    "br",
    "*",
    "GZIP",
    "gzip, deflate",
    "deflate, gzip",
    "gzip;q=0.1, deflate;q=0.5",
    "gzip;q=0",
    "identity, gzip",
    "identity;q=0.5, gzip;q=0.9",
    "br, gzip",
    "gzip;q=abc",
    "*;q=0.5, gzip;q=0.1",
    "",
)
for _accepted in _ACCEPTED:
    _corpus.add(f"answer '{_accepted}'", infer_text("table", _JSON, f"Accept-Encoding: {_accepted}"))

_corpus.add("answer gzip to an error", infer_text("table", b"{", "Accept-Encoding: gzip"))
_corpus.add("answer gzip to an unknown model", infer_text("nope", _JSON, "Accept-Encoding: gzip"))
_corpus.add("answer gzip to a GET", get("/v2/models/table", "Accept-Encoding: gzip"))
_corpus.add("request br of an unknown model", infer_text("nope", _JSON, "Content-Encoding: br"))
_corpus.add(
    "request gzip of an index", post("/v2/repository/index", gzip.compress(b"{}", mtime=0), "Content-Encoding: gzip")
)


def _pack(data: bytes, encoding: str) -> bytes:
    return gzip.compress(data, mtime=0) if encoding == "gzip" else zlib.compress(data)


for _encoding in ("gzip", "deflate"):
    _packed = _pack(_HEAD + _TAIL, _encoding)
    _corpus.add(f"bytes in {_encoding}", post(infer_path("table"), _packed, _LENGTH, f"Content-Encoding: {_encoding}"))
    _corpus.add(
        f"bytes in {_encoding} both ways",
        post(infer_path("table"), _packed, _LENGTH, f"Content-Encoding: {_encoding}", f"Accept-Encoding: {_encoding}"),
    )
    _corpus.add(
        f"raw bytes in {_encoding}",
        post(
            infer_path("table"),
            _pack(_TAIL, _encoding),
            "Inference-Header-Content-Length: 0",
            f"Content-Encoding: {_encoding}",
        ),
    )
    _corpus.add(
        f"header length beyond what {_encoding} unpacks to",
        post(infer_path("table"), _packed, "Inference-Header-Content-Length: 9999", f"Content-Encoding: {_encoding}"),
    )

CASES = _corpus.cases
