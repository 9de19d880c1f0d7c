"""`InferTensorContents`: elements as typed numbers in protobuf, to the bytes that raw contents would have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from naiad import datatypes
from naiad.datatypes import DataType
from naiad.errors import InvalidArgumentError
from naiad.protocol.protobuf_wire import skip_field

_FIELDS: Final = {
    # field: the types that it holds, its own one first (triton.md §2.3)
    "bool_contents": ("BOOL",),
    "int_contents": ("INT32", "INT16", "INT8"),
    "int64_contents": ("INT64",),
    "uint_contents": ("UINT32", "UINT16", "UINT8"),
    "uint64_contents": ("UINT64",),
    "fp32_contents": ("FP32",),
    "fp64_contents": ("FP64",),
    "bytes_contents": ("BYTES",),
}
_FIXED_SIZE: Final = ("bool_contents", "fp32_contents", "fp64_contents")


def contents_bytes(tensor: Any, datatype: DataType, model_name: str) -> bytes:
    """The elements of an `InferInputTensor` with contents, little-endian. Numbers that are too large lose their upper
    bits, as in Triton. Of texts that are too many, some are left out, but they stay too many.

    Args:
        tensor: the message.
        datatype: that it says it has.
        model_name: for errors.

    Raises:
        InvalidArgumentError: they are in the field of another type, or in two.
    """
    contents = tensor.contents
    filled = ""
    for name, types in _FIELDS.items():
        if not len(getattr(contents, name)):
            continue
        problem = ""
        if filled:
            problem = ", binary data was already supplied."
        elif datatype.name not in types:
            problem = f" of type '{types[0]}', expected datatype '{datatype.name}'"
        if problem:
            raise InvalidArgumentError(
                f"unexpected explicit tensor data for input tensor '{tensor.name}' for model '{model_name}'{problem}"
            )
        filled = name
    if not filled:
        return b""
    if filled == "bytes_contents":
        # One more than there may be is as wrong as a million more.
        wanted = _count(tensor.shape, len(contents.bytes_contents)) + 1
        return datatypes.encode_bytes(contents.bytes_contents[:wanted])
    if filled in _FIXED_SIZE:
        # Of these protobuf writes a length, and the elements as they lie in memory.
        contents.DiscardUnknownFields()
        written: bytes = contents.SerializeToString()
        _, _, begin, end = skip_field(written, 0)
        return written[begin:end]
    values = np.array(getattr(contents, filled), datatypes.BY_NAME[_FIELDS[filled][0]].dtype)
    return values.astype(datatype.dtype).tobytes()


def _count(shape: Sequence[int], limit: int) -> int:
    """How many elements a shape has, or at least `limit`; none when it is no shape."""
    count = 1
    for dim in shape:
        count = min(count * max(dim, 0), limit)
    return count
