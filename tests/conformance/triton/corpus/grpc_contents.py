"""Tensors over gRPC: every datatype as raw bytes and as typed contents, and what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.conformance.triton.case import Corpus, framed
from tests.conformance.triton.corpus.datatypes import sample
from tests.conformance.triton.models import BATCHED_DATATYPES, DATATYPES
from tests.conformance.triton.rpc_messages import infer, tensor

_corpus = Corpus("grpc contents")

_ONLY_RAW = ("FP16",)


def _raw(array: Any) -> bytes:
    return framed(*array.ravel()) if array.dtype == object else array.tobytes()


def _ways(datatype: str) -> None:
    model, array = datatype.lower(), sample(datatype)
    shape, raw = [array.size], _raw(array)
    bare = tensor("i0", shape, datatype)
    _corpus.add(f"{datatype}: raw", infer(model, bare, raw=[raw]))
    _corpus.add(f"{datatype}: raw, one byte too few", infer(model, bare, raw=[raw[:-1]]))
    _corpus.add(f"{datatype}: raw, one byte too many", infer(model, bare, raw=[raw + b"\0"]))
    _corpus.add(f"{datatype}: raw, nothing for something", infer(model, bare, raw=[b""]))
    _corpus.add(f"{datatype}: raw, nothing for nothing", infer(model, tensor("i0", [0], datatype), raw=[b""]))
    _corpus.add(f"{datatype}: no data", infer(model, bare))
    if datatype in _ONLY_RAW:
        _corpus.add(f"{datatype}: in floats", infer(model, tensor("i0", [1], datatype, [1.0], field="fp32_contents")))
        return
    values = array.tolist()
    _corpus.add(f"{datatype}: contents", infer(model, tensor("i0", shape, datatype, values)))
    _corpus.add(f"{datatype}: contents, one too few", infer(model, tensor("i0", shape, datatype, values[1:])))
    _corpus.add(
        f"{datatype}: contents, one too many", infer(model, tensor("i0", shape, datatype, [*values, values[0]]))
    )
    _corpus.add(f"{datatype}: contents of nothing", infer(model, tensor("i0", [0], datatype, [])))
    _corpus.add(f"{datatype}: contents and raw", infer(model, tensor("i0", shape, datatype, values), raw=[raw]))
    wrong = ("fp64_contents", 1.0) if datatype != "FP64" else ("fp32_contents", 1.0)
    _corpus.add(
        f"{datatype}: contents in another field", infer(model, tensor("i0", [1], datatype, [wrong[1]], field=wrong[0]))
    )


for _datatype in DATATYPES:
    _ways(_datatype)
for _datatype in BATCHED_DATATYPES:
    _array = sample(_datatype)
    _corpus.add(
        f"{_datatype}: two rows",
        infer(f"rows_{_datatype.lower()}", tensor("i0", [2, _array.size], _datatype), raw=[_raw(_array) * 2]),
    )

_EDGES = {
    "UINT8": ("uint_contents", (255, 256, 300, (1 << 32) - 1)),
    "INT8": ("int_contents", (127, 128, -129, 1 << 20)),
    "UINT16": ("uint_contents", (65535, 65536)),
    "INT16": ("int_contents", (32768, -32769)),
}
for _datatype, (_field, _values) in _EDGES.items():
    for _value in _values:
        _corpus.add(
            f"{_datatype}: {_value}", infer(_datatype.lower(), tensor("i0", [1], _datatype, [_value], field=_field))
        )

_TABLE = np.arange(6, dtype=np.int32)
_I0 = tensor("i0", [2, 3], "INT32")
_corpus.add("table: no input", infer("table"))
_corpus.add("table: no input and raw", infer("table", raw=[_TABLE.tobytes()]))
_corpus.add("table: two raws", infer("table", _I0, raw=[_TABLE.tobytes(), _TABLE.tobytes()]))
_corpus.add(
    "table: contents twice",
    infer("table", tensor("i0", [2, 3], "INT32", [1, 2, 3, 4, 5, 6]), tensor("i0", [2, 3], "INT32", [1] * 6)),
)
_both = tensor("i0", [2, 3], "INT32", [1, 2, 3, 4, 5, 6])
_both.contents.fp32_contents.extend([1.0] * 6)
_corpus.add("table: contents of two kinds", infer("table", _both))
_both = tensor("i0", [2, 3], "INT32", [1, 2, 3])
_both.contents.uint_contents.extend([1, 2, 3])
_corpus.add("table: contents half of one kind, half of another", infer("table", _both))
_corpus.add("table: contents that are empty", infer("table", tensor("i0", [2, 3], "INT32", [])))
for _name in ("FP32", "int32", "INT33", "", "TYPE_INT32", "BF16"):
    _corpus.add(f"table: datatype '{_name}'", infer("table", tensor("i0", [2, 3], _name), raw=[_TABLE.tobytes()]))
    _corpus.add(
        f"table: datatype '{_name}' with contents",
        infer("table", tensor("i0", [2, 3], _name, [1] * 6, field="int_contents")),
    )
for _shape in (
    [3, 2],
    [6],
    [1, 2, 3],
    [2, 3, 1],
    [],
    [2, -3],
    [-2, -3],
    [0, 3],
    [1 << 62, 3],
    [(1 << 63) - 1, 3],
    [1 << 32, 1 << 32],
):
    _corpus.add(f"table: shape {_shape}", infer("table", tensor("i0", _shape, "INT32"), raw=[_TABLE.tobytes()]))
for _shape in ([1, 16], [2, 16], [65, 16], [0, 16], [16], [1, 17], [], [-1, 16]):
    _size = abs(int(np.prod(_shape)))
    _corpus.add(f"tiny: shape {_shape}", infer("tiny", tensor("x", _shape, "FP32"), raw=[b"\0\0\x80?" * _size]))
    _corpus.add(f"tiny: shape {_shape} with contents", infer("tiny", tensor("x", _shape, "FP32", [1.0] * _size)))

_FIRST, _SECOND = tensor("i0", [1, 2], "FP32"), tensor("i1", [1, 2], "INT32")
_RAWS = [np.array([1.5, 2.5], np.float32).tobytes(), np.array([7, 8], np.int32).tobytes()]
_corpus.add("two: raw", infer("two", _FIRST, _SECOND, raw=_RAWS))
_corpus.add("two: other order", infer("two", _SECOND, _FIRST, raw=_RAWS[::-1]))
_corpus.add("two: raw swapped", infer("two", _FIRST, _SECOND, raw=_RAWS[::-1]))
_corpus.add("two: one raw too few", infer("two", _FIRST, _SECOND, raw=_RAWS[:1]))
_corpus.add("two: one raw too many", infer("two", _FIRST, _SECOND, raw=[*_RAWS, b"zz"]))
_corpus.add("two: one as contents", infer("two", tensor("i0", [1, 2], "FP32", [1.5, 2.5]), _SECOND, raw=_RAWS))
_corpus.add(
    "two: one as contents, its raw left out",
    infer("two", tensor("i0", [1, 2], "FP32", [1.5, 2.5]), _SECOND, raw=_RAWS[1:]),
)
_corpus.add(
    "two: contents", infer("two", tensor("i0", [1, 2], "FP32", [1.5, 2.5]), tensor("i1", [1, 2], "INT32", [7, 8]))
)
_corpus.add(
    "two: contents of one, nothing of the other", infer("two", tensor("i0", [1, 2], "FP32", [1.5, 2.5]), _SECOND)
)
_corpus.add("two: first missing", infer("two", _SECOND, raw=_RAWS[1:]))
_corpus.add("two: second missing", infer("two", _FIRST, raw=_RAWS[:1]))
_corpus.add("two: first twice", infer("two", _FIRST, _FIRST, raw=[_RAWS[0], _RAWS[0]]))
_corpus.add("two: another instead of the second", infer("two", _FIRST, tensor("zz", [1, 2], "INT32"), raw=_RAWS))
_corpus.add("two: batch sizes differ", infer("two", _FIRST, tensor("i1", [2, 1], "INT32"), raw=_RAWS))
_corpus.add("one: unknown input", infer("tiny", tensor("zz", [1, 16], "FP32"), raw=[b"\0" * 64]))
_corpus.add("one: no name", infer("tiny", tensor("", [1, 16], "FP32"), raw=[b"\0" * 64]))
_corpus.add("optional: left out", infer("optional", tensor("x", [2], "FP32", [1.0, 2.0])))
_corpus.add(
    "optional: given", infer("optional", tensor("x", [2], "FP32", [1.0, 2.0]), tensor("bias", [2], "FP32", [0.5, 0.25]))
)

_TEXTS = {
    "one element for two": (2, framed(b"abc")),
    "two elements for one": (1, framed(b"ab", b"c")),
    "an element cut short": (1, (9).to_bytes(4, "little") + b"abc"),
    "a length cut short": (1, b"\1\0"),
    "a length of 4 GiB": (1, b"\xff\xff\xff\xff"),
    "not UTF-8": (1, framed(b"\xff\xfe")),
}
for _what, (_count, _tail) in _TEXTS.items():
    if _what != "not UTF-8":
        _corpus.add(f"BYTES: {_what}", infer("bytes", tensor("i0", [_count], "BYTES"), raw=[_tail]))
_corpus.add("BYTES: NUL as contents", infer("bytes", tensor("i0", [1], "BYTES", [b"a\0b"])))
_corpus.add("BOOL: bytes beyond 1", infer("bool", tensor("i0", [4], "BOOL"), raw=[b"\0\1\2\xff"]))
_corpus.add("the runtime fails", infer("picker", tensor("index", [1, 1], "INT64", [9])))
_corpus.add("the runtime fails, with an id", infer("picker", tensor("index", [1, 1], "INT64", [9]), identity="abc"))
_corpus.add("the runtime is well again", infer("picker", tensor("index", [2, 1], "INT64", [1, 3])))
_corpus.add("2 MB", infer("fp32", tensor("i0", [500_000], "FP32"), raw=[b"\0\0\x80?" * 500_000]))

CASES = _corpus.cases
