"""onnxruntime without a server: what it makes of a model is what a server over it can at best make of it."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import ml_dtypes
import numpy as np
import onnxruntime
from onnx import ModelProto

from tests.conformance.onnx.tensor import NUMPY_TYPES, Array, Tensor

_BFLOAT16 = 16
_FATAL_ONLY = 4


class BareModel:
    """A model in a session of its own.

    Attributes:
        dims: of each input and output; -1 for what is open, none for a scalar.

    Raises:
        Exception: of onnxruntime's, when it does not take the model.
    """

    def __init__(self, model: ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _FATAL_ONLY
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        values = (*self._session.get_inputs(), *self._session.get_outputs())
        self.dims = {value.name: [dim if isinstance(dim, int) else -1 for dim in value.shape] for value in values}

    def run(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Array]:
        """The outputs that go with the inputs; their names and datatypes are taken from `outputs`.

        Raises:
            Exception: of onnxruntime's, when it cannot run the model.
        """
        names = [tensor.name for tensor in outputs]
        if all(tensor.datatype != "BF16" for tensor in (*inputs, *outputs)):
            found: list[Array] = self._session.run(names, {tensor.name: tensor.array for tensor in inputs})
            return [np.asarray(array) for array in found]
        values = self._session.run_with_ort_values(names, {tensor.name: _value(tensor) for tensor in inputs})
        return [_array(value, tensor.datatype) for value, tensor in zip(values, outputs, strict=True)]


def _value(tensor: Tensor) -> onnxruntime.OrtValue:
    if tensor.datatype != "BF16":
        return onnxruntime.OrtValue.ortvalue_from_numpy(tensor.array)
    bits = np.ascontiguousarray(tensor.array).view(np.uint16)
    return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, _BFLOAT16)


def _array(value: onnxruntime.OrtValue, datatype: str) -> Array:
    if datatype != "BF16":
        array: Array = value.numpy()
        return array
    raw = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    assert NUMPY_TYPES[datatype] == ml_dtypes.bfloat16
    return np.frombuffer(raw, NUMPY_TYPES[datatype]).reshape(value.shape())
