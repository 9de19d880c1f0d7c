"""Bytes behind the JSON, and bodies that are nothing but bytes."""

from __future__ import annotations

import numpy as np

from tests.conformance.triton.case import (
    Corpus,
    binary,
    document,
    infer,
    infer_binary,
    infer_path,
    infer_text,
    output,
    post,
    tensor,
)

_corpus = Corpus("binary")

TABLE = np.arange(6, dtype=np.int32).reshape(2, 3)
ENTRY, TAIL = binary("i0", TABLE)
JSON = document([tensor("i0", [2, 3], "INT32", [1, 2, 3, 4, 5, 6])])
AS_BYTES = [output("o0", binary_data=True)]


def _length(name: str, value: str) -> None:
    _corpus.add(f"header length {name}, with a tail", infer_binary("table", ENTRY, tail=TAIL, header=value))
    _corpus.add(
        f"header length {name}, JSON alone", infer_text("table", JSON, f"Inference-Header-Content-Length: {value}")
    )


_SIZE = len(document([ENTRY]))
for _name, _value in {
    "in words": "abc",
    "empty": "",
    "negative": "-5",
    "minus zero": "-0",
    "with a plus": f"+{_SIZE}",
    "with spaces": f"  {_SIZE}  ",
    "with a fraction": f"{_SIZE}.0",
    "with letters behind": f"{_SIZE}abc",
    "in hexadecimal": hex(_SIZE),
    "with leading zeros": f"000{_SIZE}",
    "beyond the body": "9999",
    "over 31 bits": "2147483648",
    "over 64 bits": "99999999999999999999",
    "one less": str(_SIZE - 1),
    "one more": str(_SIZE + 1),
    "one": "1",
}.items():
    _length(_name, _value)

_corpus.add(
    "header length in lower case",
    post(infer_path("table"), document([ENTRY]) + TAIL, f"inference-header-content-length: {_SIZE}"),
)
_corpus.add(
    "header length twice",
    infer_binary("table", ENTRY, tail=TAIL, headers=[f"Inference-Header-Content-Length: {_SIZE}"]),
)
_corpus.add(
    "header length is the whole body", infer_text("table", JSON, f"Inference-Header-Content-Length: {len(JSON)}")
)
_corpus.add(
    "the older header name",
    post(infer_path("table"), document([ENTRY]) + TAIL, f"Infer-Header-Content-Length: {_SIZE}"),
)
_corpus.add("no header length", post(infer_path("table"), document([ENTRY]) + TAIL))
_corpus.add("no header length, no tail", post(infer_path("table"), document([ENTRY])))

_corpus.add("bytes out, listed", infer_binary("table", ENTRY, tail=TAIL, outputs=AS_BYTES))
_corpus.add(
    "bytes out, by the request", infer_binary("table", ENTRY, tail=TAIL, parameters={"binary_data_output": True})
)
_corpus.add(
    "bytes out, by the request, output listed",
    infer_binary("table", ENTRY, tail=TAIL, parameters={"binary_data_output": True}, outputs=[output("o0")]),
)
_corpus.add(
    "bytes out, by the request, outputs empty",
    infer_binary("table", ENTRY, tail=TAIL, parameters={"binary_data_output": True}, outputs=[]),
)
_corpus.add(
    "JSON out by the request", infer_binary("table", ENTRY, tail=TAIL, parameters={"binary_data_output": False})
)
_corpus.add("JSON out, listed", infer_binary("table", ENTRY, tail=TAIL, outputs=[output("o0", binary_data=False)]))
_corpus.add("with an id", infer_binary("table", ENTRY, tail=TAIL, outputs=AS_BYTES, id="abc"))
_corpus.add(
    "bytes out in chunks",
    post(
        infer_path("table"),
        b"%x\r\n%b\r\n0\r\n\r\n" % (_SIZE + len(TAIL), document([ENTRY]) + TAIL),
        f"Inference-Header-Content-Length: {_SIZE}",
        "Transfer-Encoding: chunked",
    ),
)

for _size, _sent in (
    (24, 23),
    (24, 25),
    (23, 23),
    (25, 25),
    (0, 0),
    (24, 0),
    (0, 24),
    (20, 20),
    (28, 28),
    (1 << 62, 24),
    (1 << 64, 24),
):
    _corpus.add(
        f"announced {_size}, sent {_sent}",
        infer_binary("table", tensor("i0", [2, 3], "INT32", binary_data_size=_size), tail=b"\1" * _sent),
    )
_corpus.add(
    "JSON input and a tail", infer_binary("table", tensor("i0", [2, 3], "INT32", [1, 2, 3, 4, 5, 6]), tail=b"abc")
)

_FIRST, _FIRST_TAIL = binary("i0", np.array([[1.5, 2.5]], np.float32))
_SECOND, _SECOND_TAIL = binary("i1", np.array([[7, 8]], np.int32))
_BOTH = _FIRST_TAIL + _SECOND_TAIL
_corpus.add("two inputs", infer_binary("two", _FIRST, _SECOND, tail=_BOTH))
_corpus.add("two inputs, other order", infer_binary("two", _SECOND, _FIRST, tail=_SECOND_TAIL + _FIRST_TAIL))
_corpus.add(
    "two inputs, one in JSON", infer_binary("two", _FIRST, tensor("i1", [1, 2], "INT32", [7, 8]), tail=_FIRST_TAIL)
)
_corpus.add(
    "two inputs, first short",
    infer_binary("two", {**_FIRST, "parameters": {"binary_data_size": 4}}, _SECOND, tail=_BOTH),
)
_corpus.add("two inputs, tail short", infer_binary("two", _FIRST, _SECOND, tail=_BOTH[:-1]))
_corpus.add("two inputs, tail of the first alone", infer_binary("two", _FIRST, _SECOND, tail=_FIRST_TAIL))
_corpus.add("two inputs, tail long", infer_binary("two", _FIRST, _SECOND, tail=_BOTH + b"\0"))
_corpus.add(
    "two outputs as bytes", infer_binary("two", _FIRST, _SECOND, tail=_BOTH, parameters={"binary_data_output": True})
)
_corpus.add(
    "two outputs, one as bytes",
    infer_binary("two", _FIRST, _SECOND, tail=_BOTH, outputs=[output("o0"), output("o1", binary_data=True)]),
)


def _raw(name: str, model: str, body: bytes, *headers: str) -> None:
    _corpus.add(f"raw: {name}", post(infer_path(model), body, "Inference-Header-Content-Length: 0", *headers))


_raw("a table", "table", TAIL)
_raw("a table, too short", "table", TAIL[:-4])
_raw("a table, too long", "table", TAIL * 2)
_raw("a table, nothing", "table", b"")
_raw("a row", "tiny", np.arange(16, dtype=np.float32).tobytes())
_raw("two rows", "tiny", np.arange(32, dtype=np.float32).tobytes())
_raw("open length", "fp32", b"\0\0\x80?" * 3)
_raw("open length, nothing", "fp32", b"")
_raw("open length, 7 bytes", "fp32", b"\0" * 7)
_raw("open length in a batch", "rows_fp32", b"\0\0\x80?" * 3)
_raw("open length in the middle", "open_row", b"\0\0\x80?" * 12)
_raw("open length in the middle, 7 elements", "open_row", b"\0\0\x80?" * 7)
_raw("two open lengths", "grid", b"\0\0\x80?" * 4)
_raw("two inputs", "two", b"\0" * 8)
_raw("an optional input", "optional", b"\0\0\x80?" * 2)
_raw("text of open length", "bytes", b"hello")
_raw("text in a batch of open length", "rows_bytes", b"hello")
_raw("one text", "word", b"hello")
_raw("no text", "word", b"")
_raw("a scalar", "scalar", b"\0\0\x80?")
_raw("reshaped", "reshaped", b"\0\0\x80?" * 16)
_raw("unknown model", "nope", b"\0" * 4)
_raw("BOOL", "bool", b"\0\1\0")
_raw("FP16", "fp16", b"\0\x3c" * 3)
_raw("JSON taken as bytes", "uint8", JSON)

_corpus.add("infer at last", infer("table", tensor("i0", [2, 3], "INT32", [6, 5, 4, 3, 2, 1])))

CASES = _corpus.cases
