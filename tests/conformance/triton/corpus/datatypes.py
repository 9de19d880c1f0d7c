"""Every datatype through JSON and through bytes, in both directions, and what does not fit it."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from naiad import datatypes
from tests.conformance.triton.case import Corpus, binary, framed, infer, infer_binary, infer_text, output, tensor
from tests.conformance.triton.models import BATCHED_DATATYPES, DATATYPES

_corpus = Corpus("datatypes")

_TEXTS = [b"", b"a", "é€😀".encode(), b'with "quotes" and \\', b"line\nbreak\ttab", b"x" * 300]


def sample(datatype: str) -> Any:
    """A few values of a datatype, its extremes among them; a flat array."""
    dtype = datatypes.BY_NAME[datatype].dtype
    if datatype == "BYTES":
        return datatypes.object_array(_TEXTS, (len(_TEXTS),))
    if dtype.kind == "b":
        return np.array([True, False, True])
    if dtype.kind == "f":
        limits = np.finfo(dtype)
        values = [0.0, -0.0, 1.0, 0.1, -2.5, 100.5, 1 / 3, 12345.678, 1e-5, limits.max, limits.min, limits.tiny]
        return np.array(values, dtype)
    whole = np.iinfo(dtype)
    return np.array([0, 1, 7, whole.max, whole.min], dtype)


def listed(array: Any) -> list[Any]:
    """The elements as JSON has them."""
    return [element.decode() if isinstance(element, bytes) else element for element in array.tolist()]


def _ways(datatype: str) -> None:
    model, array = datatype.lower(), sample(datatype)
    entry, tail = binary("i0", array)
    shape = [array.size]
    name = f"{datatype}:"
    as_bytes = [output("o0", binary_data=True)]
    values = listed(array)
    _corpus.add(f"{name} JSON both ways", infer(model, tensor("i0", shape, datatype, values)))
    _corpus.add(f"{name} JSON in, bytes out", infer(model, tensor("i0", shape, datatype, values), outputs=as_bytes))
    _corpus.add(f"{name} bytes in, JSON out", infer_binary(model, entry, tail=tail))
    _corpus.add(f"{name} bytes both ways", infer_binary(model, entry, tail=tail, outputs=as_bytes))
    _corpus.add(
        f"{name} all outputs as bytes", infer_binary(model, entry, tail=tail, parameters={"binary_data_output": True})
    )
    _corpus.add(f"{name} nested", infer(model, tensor("i0", shape, datatype, [[value] for value in values])))
    _corpus.add(f"{name} too few", infer(model, tensor("i0", shape, datatype, values[1:])))
    _corpus.add(f"{name} too many", infer(model, tensor("i0", shape, datatype, [*values, values[0]])))
    _corpus.add(f"{name} none", infer(model, tensor("i0", [0], datatype, [])))
    _corpus.add(
        f"{name} none as bytes",
        infer_binary(model, tensor("i0", [0], datatype, binary_data_size=0), tail=b"", outputs=as_bytes),
    )
    _corpus.add(
        f"{name} one byte too few",
        infer_binary(model, {**entry, "parameters": {"binary_data_size": len(tail) - 1}}, tail=tail[:-1]),
    )
    _corpus.add(
        f"{name} one byte too many",
        infer_binary(model, {**entry, "parameters": {"binary_data_size": len(tail) + 1}}, tail=tail + b"\0"),
    )
    wrong = "INT32" if datatype != "INT32" else "FP32"
    _corpus.add(f"{name} announced as {wrong}", infer(model, tensor("i0", [1], wrong, [1])))


_ELEMENTS: dict[str, Any] = {
    "null": None,
    "true": True,
    "0": 0,
    "-1": -1,
    "1.0": 1.0,
    "1.5": 1.5,
    "a string": "a",
    "an object": {},
}

for _datatype in DATATYPES:
    _ways(_datatype)
    for _kind, _value in _ELEMENTS.items():
        _corpus.add(f"{_datatype}: element {_kind}", infer(_datatype.lower(), tensor("i0", [1], _datatype, [_value])))

for _datatype in BATCHED_DATATYPES:
    _array = sample(_datatype)
    _entry, _tail = binary("i0", _array.reshape(1, -1))
    _model = f"rows_{_datatype.lower()}"
    _corpus.add(
        f"{_datatype}: a row of bytes",
        infer_binary(_model, _entry, tail=_tail, outputs=[output("o0", binary_data=True)]),
    )
    _twice = (
        datatypes.object_array([*_array, *_array], (2, _array.size))
        if _array.dtype == object
        else np.stack([_array, _array])
    )
    _entry, _tail = binary("i0", _twice)
    _corpus.add(
        f"{_datatype}: two rows of bytes",
        infer_binary(_model, _entry, tail=_tail, outputs=[output("o0", binary_data=True)]),
    )
    if _datatype != "FP16":
        _corpus.add(
            f"{_datatype}: two rows in JSON",
            infer(_model, tensor("i0", list(_twice.shape), _datatype, [listed(row) for row in _twice])),
        )

_EDGES = {
    "UINT8": (255, 256, 300, 1 << 32, 1 << 63, 1 << 64),
    "INT8": (127, 128, -128, -129, 1 << 31),
    "UINT16": (65535, 65536),
    "INT16": (32768, -32769),
    "UINT32": (1 << 32, (1 << 32) - 1),
    "INT32": (1 << 31, -(1 << 31) - 1, 1 << 40),
    "UINT64": ((1 << 64) - 1, 1 << 64),
    "INT64": ((1 << 63) - 1, 1 << 63, -(1 << 63), -(1 << 63) - 1),
    "FP32": (1e39, -1e39, 1e-50, 16777217, 1 << 63, 1 << 64, 10**30),
    "FP64": (1e308, 1e-320, 1 << 63, (1 << 64) + 1, 0.30000000000000004, 9007199254740993),
}
for _datatype, _edges in _EDGES.items():
    for _edge in _edges:
        _corpus.add(f"{_datatype}: {_edge}", infer(_datatype.lower(), tensor("i0", [1], _datatype, [_edge])))

for _word in ("NaN", "Infinity", "-Infinity", "Inf", "-Inf", "-NaN", "nan", "inf", "+Infinity"):
    for _datatype in ("FP32", "FP64", "INT32"):
        _body = f'{{"inputs":[{{"name":"i0","shape":[1],"datatype":"{_datatype}","data":[{_word}]}}]}}'
        _corpus.add(f"{_datatype}: the word {_word}", infer_text(_datatype.lower(), _body))

for _datatype, _code in (("FP32", "f"), ("FP64", "d")):
    _tail = struct.pack(f"<5{_code}", float("nan"), float("inf"), float("-inf"), -0.0, 5e-324)
    _entry = tensor("i0", [5], _datatype, binary_data_size=len(_tail))
    _corpus.add(f"{_datatype}: not numbers as bytes, JSON out", infer_binary(_datatype.lower(), _entry, tail=_tail))

_corpus.add(
    "BOOL: bytes beyond 1, JSON out",
    infer_binary("bool", tensor("i0", [4], "BOOL", binary_data_size=4), tail=b"\0\1\2\xff"),
)

_BYTES = {
    "one element for two": (2, framed(b"abc")),
    "two elements for one": (1, framed(b"ab", b"c")),
    "an element cut short": (1, (9).to_bytes(4, "little") + b"abc"),
    "a length cut short": (1, b"\1\0"),
    "a length only": (1, (0).to_bytes(4, "little")),
    "a length of 4 GiB": (1, b"\xff\xff\xff\xff"),
    "a length cut short behind an element": (2, framed(b"ab") + b"\1"),
    "no bytes for one": (1, b""),
    "bytes for none": (0, framed(b"a")),
    "an element cut short before others": (3, framed(b"a") + (9).to_bytes(4, "little") + b"abc"),
    "an element cut short behind all others": (1, framed(b"a") + (9).to_bytes(4, "little") + b"abc"),
    "NUL inside": (1, framed(b"a\0b")),
}
for _name, (_count, _tail) in _BYTES.items():
    _entry = tensor("i0", [_count], "BYTES", binary_data_size=len(_tail))
    _corpus.add(f"BYTES: {_name}", infer_binary("bytes", _entry, tail=_tail))
for _name, _text in {
    "escapes": '\b\f\n\r\t"\\/',
    "NUL": "a\0b",
    "controls": "\x01\x1f\x7f",
    "DEL and beyond": "\x80\xa0\u2028\ufeff",
}.items():
    _corpus.add(f"BYTES: {_name} in JSON", infer("bytes", tensor("i0", [1], "BYTES", [_text])))

for _name in ("FLOAT", "fp32", "TYPE_FP32", "STRING", "FP8", "BF16", "INVALID", ""):
    _corpus.add(f"datatype '{_name}'", infer("fp32", tensor("i0", [1], _name, [1.0])))
for _name in ("FLOAT", "BF16"):
    _entry = tensor("i0", [1], _name, binary_data_size=4)
    _corpus.add(f"datatype '{_name}' as bytes", infer_binary("fp32", _entry, tail=b"\0" * 4))

CASES = _corpus.cases
