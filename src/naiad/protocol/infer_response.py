"""The v2 inference response: arrays to JSON, and to the bytes behind it (triton.md §1.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from naiad import datatypes
from naiad.datatypes import DataType
from naiad.protocol.json_tensor import array_to_json

_COPY_BELOW_BYTES: Final = 1 << 14


class OutputEncoding:
    """How one output of an answer is written.

    Args:
        name: of the output.
        datatype: as sent.
        binary: behind the JSON rather than in it.
    """

    __slots__ = ("_prefix", "binary", "datatype", "name")

    def __init__(self, name: str, datatype: DataType, *, binary: bool) -> None:
        self.name = name
        self.datatype = datatype
        self.binary = binary
        self._prefix = b'{"name":' + orjson.dumps(name) + b',"datatype":"' + datatype.name.encode() + b'","shape":['

    def fragment(self, shape: Sequence[int], *, size_bytes: int) -> bytes:
        """The JSON of a binary output of this shape."""
        dims = ",".join(map(str, shape)).encode()
        return b'%b%b],"parameters":{"binary_data_size":%d}}' % (self._prefix, dims, size_bytes)

    def fragment_alone(self, shape: Sequence[int]) -> bytes:
        """The JSON of an output whose elements are elsewhere."""
        return b"%b%b]}" % (self._prefix, ",".join(map(str, shape)).encode())

    def fragment_with_data(self, array: npt.NDArray[Any]) -> bytes:
        """The JSON of an output whose elements are in it."""
        dims = ",".join(map(str, array.shape)).encode()
        return b'%b%b],"data":%b}' % (self._prefix, dims, array_to_json(array, self.datatype))


def response_start(model_name: str, model_version: str, request_id: str) -> bytes:
    """The JSON of an answer up to where its outputs begin."""
    identity = b'"id":' + orjson.dumps(request_id) + b"," if request_id else b""
    return b'{%b"model_name":%b,"model_version":"%b","outputs":[' % (
        identity,
        orjson.dumps(model_name),
        model_version.encode(),
    )


def raw_bytes(array: npt.NDArray[Any], datatype: DataType) -> bytes | memoryview:
    """An array as the wire carries it: little-endian, row-major, BYTES framed. Large arrays are not copied."""
    if datatype is datatypes.BYTES:
        return datatypes.encode_bytes(array.ravel())
    if array.nbytes < _COPY_BELOW_BYTES:
        return array.tobytes()
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
