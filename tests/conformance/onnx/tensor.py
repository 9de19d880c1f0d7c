"""Tensors of the cases: what is declared, what is sent and expected, and when two of them are the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
from onnx import SequenceProto, TensorProto, ValueInfoProto, numpy_helper

Array = npt.NDArray[Any]

DATATYPES: Mapping[int, tuple[str, np.dtype[Any]]] = {
    TensorProto.BOOL: ("BOOL", np.dtype(np.bool_)),
    TensorProto.UINT8: ("UINT8", np.dtype(np.uint8)),
    TensorProto.UINT16: ("UINT16", np.dtype(np.uint16)),
    TensorProto.UINT32: ("UINT32", np.dtype(np.uint32)),
    TensorProto.UINT64: ("UINT64", np.dtype(np.uint64)),
    TensorProto.INT8: ("INT8", np.dtype(np.int8)),
    TensorProto.INT16: ("INT16", np.dtype(np.int16)),
    TensorProto.INT32: ("INT32", np.dtype(np.int32)),
    TensorProto.INT64: ("INT64", np.dtype(np.int64)),
    TensorProto.FLOAT16: ("FP16", np.dtype(np.float16)),
    TensorProto.BFLOAT16: ("BF16", np.dtype(ml_dtypes.bfloat16)),
    TensorProto.FLOAT: ("FP32", np.dtype(np.float32)),
    TensorProto.DOUBLE: ("FP64", np.dtype(np.float64)),
    TensorProto.STRING: ("BYTES", np.dtype(np.object_)),
}
"""Triton's datatypes, and the numpy types of their elements, by ONNX element type (triton.md §3.1)."""

NUMPY_TYPES = dict(DATATYPES.values())

NOT_IN_JSON = ("FP16", "BF16")
"""Datatypes that only travel as bytes (triton.md §1.4)."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array of one of Triton's datatypes; the elements of BYTES are `str`."""

    name: str
    datatype: str
    array: Array

    def rows(self, start: int, stop: int) -> Tensor:
        """Some of its rows."""
        return Tensor(self.name, self.datatype, self.array[start:stop])


def as_declared(value: Any, declared: ValueInfoProto) -> Tensor:
    """A value of a test as the graph's input or output declares it.

    Raises:
        TypeError: it is no array, or not one of the declared type.
    """
    datatype, dtype = DATATYPES[declared.type.tensor_type.elem_type]
    array = numpy_helper.to_array(value) if isinstance(value, TensorProto) else np.asarray(value)
    if datatype == "BYTES":
        array = _as_texts(array)
    if array.dtype != dtype:
        raise TypeError(f"'{declared.name}' is declared {dtype} and given {array.dtype}")
    return Tensor(declared.name, datatype, array)


def serialize(tensors: Sequence[Tensor]) -> bytes:
    """Tensors in one protobuf message."""
    return SequenceProto(
        elem_type=SequenceProto.TENSOR,
        tensor_values=[numpy_helper.from_array(tensor.array, tensor.name) for tensor in tensors],
    ).SerializeToString()


def deserialize(data: bytes) -> list[Tensor]:
    """Undo `serialize`."""
    tensors = []
    for message in SequenceProto.FromString(data).tensor_values:
        datatype, dtype = DATATYPES[message.data_type]
        array = numpy_helper.to_array(message)
        if datatype == "BYTES":
            array = _as_texts(array)
        assert array.dtype == dtype
        tensors.append(Tensor(message.name, datatype, array))
    return tensors


def _as_texts(array: Array) -> Array:
    texts = np.empty(array.size, np.object_)
    texts[:] = [each.decode() if isinstance(each, bytes) else str(each) for each in array.ravel()]
    return texts.reshape(array.shape)


def difference(expected: Tensor, got: Array, *, rtol: float, atol: float) -> str:
    """How an array is not what was expected; nothing when it is."""
    want = expected.array
    if got.dtype != want.dtype or got.shape != want.shape:
        return f"'{expected.name}' is {got.dtype}{list(got.shape)}, expected {want.dtype}{list(want.shape)}"
    if expected.datatype in ("FP16", "BF16", "FP32", "FP64"):
        got, want = got.astype(np.float64), want.astype(np.float64)
        equal = np.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True)
    else:
        equal = got == want
    wrong = math.prod(want.shape) - np.count_nonzero(equal)
    return f"'{expected.name}' differs in {wrong} of {want.size} elements: {got.ravel()[:4]} …" if wrong else ""
