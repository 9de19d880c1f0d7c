"""Warm-up: requests that a model answers before it is ready, so that the first real one is not the slow one
(triton.md §4.7)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from naiad import datatypes
from naiad.backends.base import Array, Execute
from naiad.datatypes import DataType
from naiad.engine.tensor_spec import TensorSpec
from naiad.errors import InternalError, InvalidArgumentError, NaiadError
from naiad.repository.local import ModelFolder


def warm_up(config: Any, folder: ModelFolder, inputs: Sequence[TensorSpec], execute: Execute) -> None:
    """Run every warm-up sample of a configuration as often as it says.

    Args:
        config: the completed `ModelConfig`.
        folder: of the model; sample files lie in its `warmup` folder.
        inputs: the model's inputs, in the order that `execute` was bound to.
        execute: the runtime.

    Raises:
        InternalError: a sample cannot be made, or the model fails on it.
    """
    batched = config.max_batch_size > 0
    for sample in config.model_warmup:
        if not sample.batch_size:
            continue  # no requests, so nothing to run
        try:
            arrays = [_array(folder, spec, sample, batched=batched) for spec in inputs]
            for _ in range(max(1, sample.count)):
                execute(arrays)
        except NaiadError as error:
            raise InternalError(f"failed to run warmup sample '{sample.name}': {error.message}; ") from error


def _array(folder: ModelFolder, spec: TensorSpec, sample: Any, *, batched: bool) -> Array | None:
    if spec.name not in sample.inputs:
        if spec.optional:
            return None
        raise InvalidArgumentError(f"the sample has no input '{spec.name}'")
    given = sample.inputs[spec.name]
    if given.data_type != spec.datatype.config_number:
        wanted, got = spec.datatype.config_name, datatypes.BY_CONFIG_NUMBER[given.data_type].config_name
        raise InvalidArgumentError(f"input '{spec.name}' is {got}, but the model expects {wanted}")
    # Each of the sample's requests is one row with the same data.
    row = _row(folder, spec, given)
    array = np.repeat(row[np.newaxis], sample.batch_size, axis=0) if batched else row
    return spec.to_runtime(array, batched=batched)


def _row(folder: ModelFolder, spec: TensorSpec, given: Any) -> Array:
    shape, datatype = tuple(given.dims), spec.datatype
    match given.WhichOneof("input_data_type"):
        case "zero_data":
            return _zeros(shape, datatype)
        case "random_data":
            return _random(shape, datatype)
        case _:
            return _from_file(folder, spec, shape, given.input_data_file)


def _zeros(shape: tuple[int, ...], datatype: DataType) -> Array:
    if datatype is datatypes.BYTES:
        return datatypes.object_array([b""] * prod(shape), shape)
    return np.zeros(shape, datatype.dtype)


def _random(shape: tuple[int, ...], datatype: DataType) -> Array:
    """Random bits, as Triton's: whatever number they make. Text is letters, so that it is UTF-8."""
    random = np.random.default_rng()
    if datatype is datatypes.BYTES:
        return datatypes.object_array([bytes(random.integers(97, 123, 8, np.uint8)) for _ in range(prod(shape))], shape)
    if datatype.dtype.kind == "b":
        return random.integers(0, 2, shape).astype(np.bool_)
    bits = random.integers(0, 256, prod(shape) * datatype.size_bytes, np.uint8)
    return bits.view(datatype.dtype).reshape(shape)


def _from_file(folder: ModelFolder, spec: TensorSpec, shape: tuple[int, ...], file_name: str) -> Array:
    content = folder.read_bytes(f"warmup/{file_name}", purpose=f"warmup data file '{file_name}'")
    datatype = spec.datatype
    if datatype is datatypes.BYTES:
        try:
            elements = list(datatypes.iterate_bytes(content))
        except (ValueError, IndexError) as error:
            raise InvalidArgumentError(f"the strings in '{file_name}' are cut short") from error
        if len(elements) != prod(shape):
            raise InvalidArgumentError(f"'{file_name}' has {len(elements)} strings, expected {prod(shape)}")
        return datatypes.object_array(elements, shape)
    expected = prod(shape) * datatype.size_bytes
    if len(content) < expected:
        raise InvalidArgumentError(
            f"warmup setting expects {expected} bytes, but the data provided from {file_name}only has {len(content)} "
            "bytes"
        )
    return np.frombuffer(content[:expected], datatype.dtype).reshape(shape)
