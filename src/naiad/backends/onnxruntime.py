"""ONNX models on onnxruntime's CPU provider, in this process.

One session per model version, shared by its instances: a session may run from several threads, so instances cost no
memory. Options are Triton's (triton.md §8.1).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime

from naiad import datatypes
from naiad.backends.base import Array, Execute, LoadContext
from naiad.config.signature import ModelSignature, TensorSignature
from naiad.errors import InternalError, InvalidArgumentError, UnavailableError, UnsupportedError

_GRAPH_LEVELS = {
    -1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    2: onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
_BOOLEANS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
_BF16 = datatypes.BY_NAME["BF16"]
_ONNX_BFLOAT16 = 16
_LOG_ERRORS_ONLY = 3
_MAX_THREADS = 1024


def open_model(context: LoadContext) -> OnnxModel:
    """Load one version.

    Raises:
        UnavailableError: the model file is missing.
        InvalidArgumentError: an option has a value it cannot have.
        InternalError: onnxruntime refuses the model.
        UnsupportedError: the graph has an input or output that is no tensor.
    """
    path = context.path / context.model_file
    if path.is_dir():
        path = path / "model.onnx"
    if not path.is_file():
        raise UnavailableError(
            f"unable to find '{path}' for model '{context.name}'",
            hint="a version folder holds model.onnx, or the file that default_model_filename names",
        )
    options = _session_options(context)
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's pybind exceptions share no base but Exception
        raise InternalError(f"onnx runtime error {_describe(error)}") from error
    return OnnxModel(session)


class OnnxModel:
    """A session and what its graph takes and gives."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self.signature = ModelSignature(
            inputs=tuple(_tensor(value) for value in session.get_inputs()),
            outputs=tuple(_tensor(value) for value in session.get_outputs()),
            optional_inputs=tuple(_tensor(value) for value in session.get_overridable_initializers()),
        )

    def bind(self, inputs: Sequence[str], outputs: Sequence[str]) -> Execute:
        """Fix the order of tensors; the returned function runs one batch.

        Raises:
            UnsupportedError: an input is text while another tensor is BF16: onnxruntime's Python interface has no way
                to pass both.
        """
        known = {tensor.name: tensor.datatype for tensor in (*self.signature.inputs, *self.signature.optional_inputs)}
        produced = {tensor.name: tensor.datatype for tensor in self.signature.outputs}
        input_types = [known[name] for name in inputs]
        output_types = [produced[name] for name in outputs]
        if _BF16 in input_types or _BF16 in output_types:
            if datatypes.BYTES in input_types:
                raise UnsupportedError("a model with BF16 tensors cannot have an input of type TYPE_STRING as well")
            return self._bind_values(list(inputs), list(outputs))
        return self._bind_arrays(list(inputs), list(outputs), datatypes.BYTES in input_types)

    def _bind_arrays(self, inputs: list[str], outputs: list[str], has_text: bool) -> Execute:
        def execute(arrays: Sequence[Array | None]) -> list[Array]:
            feed = {name: array for name, array in zip(inputs, arrays, strict=True) if array is not None}
            if has_text:
                feed = {name: _as_text(name, array) for name, array in feed.items()}
            try:
                produced: list[Array] = self._session.run(outputs, feed)
                return produced
            except Exception as error:
                raise InternalError(f"onnx runtime error {_describe(error)}") from error

        return execute

    def _bind_values(self, inputs: list[str], outputs: list[str]) -> Execute:
        """BF16 has no numpy type that onnxruntime takes, so its tensors travel as OrtValues over their bits."""

        def execute(arrays: Sequence[Array | None]) -> list[Array]:
            try:
                feed = {
                    name: _to_value(name, array)
                    for name, array in zip(inputs, arrays, strict=True)
                    if array is not None
                }
                values = self._session.run_with_ort_values(outputs, feed)
                return [_from_value(value) for value in values]
            except InvalidArgumentError:
                raise
            except Exception as error:
                raise InternalError(f"onnx runtime error {_describe(error)}") from error

        return execute

    def close(self) -> None:
        """Drop the session; onnxruntime ends its threads and frees its memory with the last reference."""
        del self._session


def _tensor(value: Any) -> TensorSignature:
    datatype = datatypes.BY_ONNX_NAME.get(value.type)
    if datatype is None:
        raise UnsupportedError(
            f"Unsupported ONNX Type '{value.type}' for I/O '{value.name}', expected 'ONNX_TYPE_TENSOR'."
        )
    return TensorSignature(value.name, datatype, tuple(dim if isinstance(dim, int) else -1 for dim in value.shape))


def _session_options(context: LoadContext) -> onnxruntime.SessionOptions:
    """Threads are a budget: instances × intra-op threads stay within the cores (fast-path.md point 9)."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_ERRORS_ONLY
    level = context.config.optimization.graph.level
    options.graph_optimization_level = _GRAPH_LEVELS.get(level, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL)
    budget = max(1, context.cores // max(1, context.instance_count))
    options.intra_op_num_threads = _threads(context, "intra_op_thread_count") or budget
    options.inter_op_num_threads = _threads(context, "inter_op_thread_count") or 1
    mode = _integer(context, "execution_mode")
    if mode not in (0, 1):
        raise InvalidArgumentError(
            f"Invalid configuration value provided. Expected values for  execution_mode are 0 or 1 but got {mode} ."
        )
    options.execution_mode = (
        onnxruntime.ExecutionMode.ORT_PARALLEL if mode else onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    )
    options.enable_cpu_mem_arena = _boolean(context, "enable_mem_arena", default=True)
    options.enable_mem_pattern = _boolean(context, "enable_mem_pattern", default=True)
    # A spinning pool would burn the very cores that the event loop needs between batches.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _option(context: LoadContext, key: str) -> str | None:
    """A model parameter, else a `--backend-config=onnxruntime,key=value`, else None."""
    if key in context.config.parameters:
        return str(context.config.parameters[key].string_value)
    return context.settings.get(key)


def _integer(context: LoadContext, key: str) -> int:
    """An option that is a count; 0, onnxruntime's own choice, where it is not given."""
    text = _option(context, key)
    try:
        return int(text or 0)
    except ValueError as error:
        raise InvalidArgumentError(f"failed to convert '{text}' to integral number") from error


def _threads(context: LoadContext, key: str) -> int:
    """An option that is a number of threads; onnxruntime would begin to start a million of them, too."""
    count = _integer(context, key)
    if not 0 <= count <= _MAX_THREADS:
        raise InvalidArgumentError(f"{key} is {count}, expected a number between 0 and {_MAX_THREADS}")
    return count


def _boolean(context: LoadContext, key: str, *, default: bool) -> bool:
    text = _option(context, key)
    if text is None:
        return default
    if text.lower() not in _BOOLEANS:
        raise InvalidArgumentError(f"failed to convert '{text}' to boolean")
    return _BOOLEANS[text.lower()]


def _as_text(name: str, array: Array) -> Array:
    """onnxruntime takes `str`, the wire carries bytes."""
    if array.dtype != object:
        return array
    try:
        text = [element.decode() if isinstance(element, bytes) else element for element in array.ravel()]
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(
            f"input '{name}' has an element that is not UTF-8 text: {error.reason} at byte {error.start}"
        ) from error
    return datatypes.object_array(text, array.shape)


def _to_value(name: str, array: Array) -> onnxruntime.OrtValue:
    if array.dtype == _BF16.dtype:
        bits = np.ascontiguousarray(array).view(np.uint16)
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, _ONNX_BFLOAT16)
    return onnxruntime.OrtValue.ortvalue_from_numpy(_as_text(name, array))


def _from_value(value: onnxruntime.OrtValue) -> Array:
    if value.data_type() != _BF16.onnx_name:
        array: Array = value.numpy()
        return array
    raw = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    return np.frombuffer(raw, dtype=_BF16.dtype).reshape(value.shape())


def _describe(error: Exception) -> str:
    """`{code}: {message}`, Triton's words for a failed call (triton.md §1.5); pybind gives both in the text."""
    text = " ".join(str(error).split())
    prefix = "[ONNXRuntimeError] : "
    if text.startswith(prefix):
        code, _, rest = text[len(prefix) :].partition(" : ")
        return f"{code}: {rest.partition(' : ')[2] or rest}"
    return f"1: {text}"
