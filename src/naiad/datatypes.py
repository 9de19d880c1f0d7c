"""Tensor datatypes: one table for every name a type goes by, and the framing of BYTES.

Wire names are the Open Inference Protocol's (`FP32`), configuration names Triton's (`TYPE_FP32`; triton.md §3.1),
ONNX names onnxruntime's (`tensor(float)`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import ml_dtypes
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class DataType:
    """One row of the table.

    Attributes:
        name: wire name, as in a request's `datatype`.
        config_name: name in config.pbtxt.
        config_number: value of `inference.DataType`.
        dtype: numpy type of one element; `object` for BYTES.
        onnx_name: how onnxruntime spells the type of a graph input or output.
        size_bytes: bytes of one element on the wire; 0 for BYTES, whose elements vary.
        json_representable: whether Triton moves the type through JSON (not FP16 and BF16; triton.md §1.4).
    """

    name: str
    config_name: str
    config_number: int
    dtype: np.dtype[Any]
    onnx_name: str
    size_bytes: int
    json_representable: bool = True


def _row(name: str, number: int, dtype: npt.DTypeLike, onnx: str, *, config: str = "", json: bool = True) -> DataType:
    numpy_type = np.dtype(dtype)
    size = 0 if numpy_type.hasobject else numpy_type.itemsize
    return DataType(name, f"TYPE_{config or name}", number, numpy_type, f"tensor({onnx})", size, json)


DATATYPES: Final[tuple[DataType, ...]] = (
    _row("BOOL", 1, np.bool_, "bool"),
    _row("UINT8", 2, np.uint8, "uint8"),
    _row("UINT16", 3, np.uint16, "uint16"),
    _row("UINT32", 4, np.uint32, "uint32"),
    _row("UINT64", 5, np.uint64, "uint64"),
    _row("INT8", 6, np.int8, "int8"),
    _row("INT16", 7, np.int16, "int16"),
    _row("INT32", 8, np.int32, "int32"),
    _row("INT64", 9, np.int64, "int64"),
    _row("FP16", 10, np.float16, "float16", json=False),
    _row("FP32", 11, np.float32, "float"),
    _row("FP64", 12, np.float64, "double"),
    _row("BYTES", 13, np.object_, "string", config="STRING"),
    _row("BF16", 14, ml_dtypes.bfloat16, "bfloat16", json=False),
)

BY_NAME: Final[dict[str, DataType]] = {row.name: row for row in DATATYPES}
BY_CONFIG_NAME: Final[dict[str, DataType]] = {row.config_name: row for row in DATATYPES}
BY_CONFIG_NUMBER: Final[dict[int, DataType]] = {row.config_number: row for row in DATATYPES}
BY_ONNX_NAME: Final[dict[str, DataType]] = {row.onnx_name: row for row in DATATYPES}

BYTES: Final = BY_NAME["BYTES"]

_LENGTH: Final = struct.Struct("<I")


def encode_bytes(elements: Iterable[Any]) -> bytes:
    """Frame BYTES elements for the wire: each is a 4-byte little-endian length and its bytes (triton.md §1.4).

    Args:
        elements: `bytes`, or `str` (written as UTF-8); anything else is written as the UTF-8 of its `str()`.
    """
    pack = _LENGTH.pack
    pieces: list[bytes] = []
    for element in elements:
        raw = element if isinstance(element, bytes) else str(element).encode()
        pieces += (pack(len(raw)), raw)
    return b"".join(pieces)


def iterate_bytes(framed: bytes | memoryview) -> Iterator[bytes]:
    """Undo `encode_bytes` element by element.

    Raises:
        ValueError: when the buffer ends inside a length; the argument is the number of bytes that were left.
        IndexError: when it ends inside an element; the arguments are the element's length and how much of it is there.
    """
    position, end = 0, len(framed)
    while position < end:
        if end - position < 4:
            raise ValueError(end - position)
        (length,) = _LENGTH.unpack_from(framed, position)
        position += 4
        if end - position < length:
            raise IndexError(length, end - position)
        yield bytes(framed[position : position + length])
        position += length


def object_array(elements: Sequence[Any], shape: Sequence[int]) -> npt.NDArray[np.object_]:
    """An object array of the given shape, filled row-major, that never looks inside its elements."""
    array = np.empty(len(elements), dtype=np.object_)
    array[:] = elements
    return array.reshape(shape)
