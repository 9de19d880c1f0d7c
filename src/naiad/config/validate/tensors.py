"""Inputs, outputs, and the batch inputs and outputs of ragged batching."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from naiad.config.model_config import TENSORRT_PLATFORM, ModelConfig
from naiad.errors import ConfigError
from naiad.messages import model_config_pb2

_INT64_MAX: Final = 2**63 - 1


def validate_tensors(config: ModelConfig) -> None:
    """Check each `input` and `output` by itself (triton.md §3.5).

    Raises:
        ConfigError: a name, type or dimension is missing, or dims and reshape do not agree.
    """
    for tensor in config.input:
        _validate_shape(config, tensor, f"model input '{tensor.name}' " if tensor.name else "model input ")
        formats = model_config_pb2.ModelInput
        if tensor.format in (formats.FORMAT_NHWC, formats.FORMAT_NCHW) and len(tensor.dims) != 3:
            raise ConfigError(f"model input NHWC/NCHW require 3 dims for {config.name}")
        _validate_tensorrt_only(config, tensor, "input")
    for tensor in config.output:
        _validate_shape(config, tensor, f"model output '{tensor.name}' " if tensor.name else "model output ")
        _validate_tensorrt_only(config, tensor, "output")


def element_count(dims: Sequence[int], *, name: str) -> int:
    """Count the elements of a tensor.

    Args:
        dims: its dimensions.
        name: what an error calls it.

    Returns:
        The product, -1 when a dimension is -1 before any is 0, and 0 when there are no dimensions (triton.md §3.5).

    Raises:
        ConfigError: a dimension is below -1, or the product is over 2^63 - 1.
    """
    count = 1
    for dim in dims:
        if dim == -1 or dim == 0:
            return dim
        if dim < 0:
            raise ConfigError(f"tensor '{name}' contains an invalid dimension in shape [{','.join(map(str, dims))}]")
        count *= dim
        if count > _INT64_MAX:
            raise ConfigError(f"element count for tensor '{name}' exceeds maximum size of {_INT64_MAX}")
    return count if dims else 0


def _validate_shape(config: ModelConfig, tensor: Any, subject: str) -> None:
    suffix = f" for {config.name}"
    if not tensor.name:
        raise ConfigError(f"{subject}must specify 'name'{suffix}")
    if tensor.data_type == model_config_pb2.TYPE_INVALID:
        raise ConfigError(f"{subject}must specify 'data_type'{suffix}")
    if not tensor.dims:
        raise ConfigError(f"{subject}must specify 'dims'{suffix}")
    if tensor.HasField("reshape") and not tensor.reshape.shape and config.max_batch_size == 0:
        raise ConfigError(
            f"{subject}cannot have empty reshape for non-batching model as scalar tensors are not supported{suffix}"
        )
    if _has_invalid_dimension(tensor.dims):
        raise ConfigError(
            f"{subject}dimension must be integer >= 1, or -1 to indicate a variable-size dimension{suffix}"
        )
    if tensor.HasField("reshape"):
        _validate_reshape(config, tensor, subject)


def _validate_reshape(config: ModelConfig, tensor: Any, subject: str) -> None:
    suffix = f" for {config.name}"
    if _has_invalid_dimension(tensor.reshape.shape):
        raise ConfigError(
            f"{subject}reshape dimensions must be integer >= 1, or -1 to indicate a variable-size dimension{suffix}"
        )
    try:
        given = element_count(tensor.dims, name=f"{tensor.name} dims")
        wanted = element_count(tensor.reshape.shape, name=f"{tensor.name} reshape")
    except ConfigError as error:
        raise ConfigError(error.message + suffix) from None
    # A reshape to a scalar counts as no elements, and fits dims of one element.
    if given != wanted and (wanted != 0 or given != 1):
        raise ConfigError(f"{subject}has different size for dims and reshape{suffix}")
    if given == -1:
        chunks, reshaped_chunks = list(_fixed_chunks(tensor.dims)), list(_fixed_chunks(tensor.reshape.shape))
        if len(chunks) != len(reshaped_chunks):
            raise ConfigError(f"{subject}has different number of variable-size dimensions for dims and reshape{suffix}")
        if chunks != reshaped_chunks:
            raise ConfigError(f"{subject}has different size for dims and reshape{suffix}")


def _has_invalid_dimension(dims: Iterable[int]) -> bool:
    return any(dim < 1 and dim != -1 for dim in dims)


def _fixed_chunks(dims: Sequence[int]) -> Iterator[int]:
    """Element counts of what lies before, between and after the variable-size dimensions."""
    start = 0
    for position, dim in enumerate(dims):
        if dim == -1:
            yield math.prod(dims[start:position])
            start = position + 1
    yield math.prod(dims[start:])


def _validate_tensorrt_only(config: ModelConfig, tensor: Any, side: str) -> None:
    if tensor.is_shape_tensor and config.platform != TENSORRT_PLATFORM:
        raise ConfigError(f"shape tensors are only supported for TensorRT platform for {config.name}")
    if tensor.is_non_linear_format_io:
        if config.platform != TENSORRT_PLATFORM:
            raise ConfigError(f"Non-linear IO format is only supported for the TensorRT platform for {config.name}")
        if len(tensor.dims) != 3:
            raise ConfigError(f"Non-linear IO format {side} requires 3 dims for {config.name}")


def validate_batch_tensors(config: ModelConfig) -> None:
    """Check `batch_input` and `batch_output` against inputs and outputs (triton.md §3.5).

    Raises:
        ConfigError: a kind, a type, a number of sources or a name is wrong.
    """
    inputs = {tensor.name for tensor in config.input}
    outputs = {tensor.name for tensor in config.output}
    suffix = f" for {config.name}"
    for tensor in config.batch_input:
        _validate_sources(tensor, model_config_pb2.BatchInput.Kind, inputs, subject="batch input", suffix=suffix)
    for tensor in config.batch_output:
        _validate_sources(tensor, model_config_pb2.BatchOutput.Kind, inputs, subject="batch output", suffix=suffix)
        targets: set[str] = set()
        for target in tensor.target_name:
            if target not in outputs:
                raise ConfigError(f"unknown target output name '{target}'{suffix}")
            if target in targets:
                raise ConfigError(f"target output name '{target}' can only be specified once{suffix}")
            targets.add(target)


def _validate_sources(tensor: Any, kinds: Any, inputs: set[str], *, subject: str, suffix: str) -> None:
    if tensor.kind not in kinds.values():
        raise ConfigError(f"unknown {subject} kind ''{suffix}")
    if len(tensor.source_input) != 1:
        raise ConfigError(
            f"{subject} kind '{kinds.Name(tensor.kind)}' expects 1 source input, got {len(tensor.source_input)}{suffix}"
        )
    allowed = (model_config_pb2.TYPE_INT32, model_config_pb2.TYPE_FP32)
    if subject == "batch input" and tensor.data_type not in allowed:
        raise ConfigError(f"batch input data type must be TYPE_INT32 or TYPE_FP32{suffix}")
    for source in tensor.source_input:
        if source not in inputs:
            raise ConfigError(f"unknown source input name '{source}'{suffix}")
