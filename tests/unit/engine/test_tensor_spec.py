"""Shapes as clients see them and as the runtime wants them (triton.md §1.5, reshape)."""

from __future__ import annotations

import numpy as np
import pytest

from naiad.engine.tensor_spec import TensorSpec
from naiad.messages import model_config_pb2
from tests.support.engine import spec


def message(dims: list[int]) -> model_config_pb2.ModelInput:
    return model_config_pb2.ModelInput(name="x", data_type=model_config_pb2.TYPE_FP32, dims=dims)


def test_the_batch_dimension_stands_in_front() -> None:
    assert spec(dims=(2, -1)).shape == (-1, 2, -1)
    assert spec(dims=(2, -1), batched=False).shape == (2, -1)


def test_what_is_fixed() -> None:
    fixed, variable = spec(dims=(2, 3)), spec(dims=(2, -1))
    assert (fixed.is_fixed, fixed.row_bytes) == (True, 24)
    assert (variable.is_fixed, variable.row_bytes) == (False, 0)


def test_without_reshape_an_array_stays_itself() -> None:
    array = np.zeros((3, 2), np.float32)
    assert spec().to_runtime(array, batched=True) is array
    assert spec().from_runtime(array, batched=True) is array


@pytest.mark.parametrize(
    ("dims", "reshape", "rows", "client", "runtime"),
    [
        ((1,), (), (3,), (1,), ()),
        ((4,), (2, 2), (3,), (4,), (2, 2)),
        ((2, 2), (4,), (3,), (2, 2), (4,)),
        ((-1, 4), (-1, 2, 2), (3,), (5, 4), (5, 2, 2)),
        ((-1, 2, -1), (-1, 1, 2, -1), (3,), (5, 2, 7), (5, 1, 2, 7)),
        ((-1,), (-1, 1), (3,), (0,), (0, 1)),
        ((4,), (2, 2), (), (4,), (2, 2)),
        ((-1, 4), (-1, 2, 2), (), (5, 4), (5, 2, 2)),
        ((1, 4), (4,), (0,), (1, 4), (4,)),
    ],
)
def test_reshape_goes_both_ways(
    dims: tuple[int, ...],
    reshape: tuple[int, ...],
    rows: tuple[int, ...],
    client: tuple[int, ...],
    runtime: tuple[int, ...],
) -> None:
    batched = bool(rows)
    tensor = spec(dims=dims, reshape=reshape, batched=batched)
    array = np.arange(np.prod(rows + client), dtype=np.float32).reshape(rows + client)
    inner = tensor.to_runtime(array, batched=batched)
    assert inner.shape == rows + runtime
    outer = tensor.from_runtime(inner, batched=batched)
    assert outer.shape == rows + client
    assert outer.ravel().tolist() == array.ravel().tolist()


def test_scalars_of_a_model_without_batches() -> None:
    tensor = spec(dims=(1,), reshape=(), batched=False)
    assert tensor.to_runtime(np.ones((1,), np.float32), batched=False).shape == ()
    assert tensor.from_runtime(np.ones((), np.float32), batched=False).shape == (1,)


def test_a_scalar_that_the_configuration_cannot_name_as_one() -> None:
    tensor = TensorSpec(message([1]), batched=False, scalar=True)
    assert tensor.to_runtime(np.ones((1,), np.float32), batched=False).shape == ()
    assert tensor.from_runtime(np.ones((), np.float32), batched=False).shape == (1,)
    assert TensorSpec(message([1, 1]), batched=False, scalar=True).from_runtime(
        np.ones((), np.float32), batched=False
    ).shape == (1, 1)


def test_an_output_whose_rank_the_graph_does_not_tell_stays_as_it_is() -> None:
    tensor = TensorSpec(message([1]), batched=False, scalar=True)
    assert tensor.from_runtime(np.ones((2, 3), np.float32), batched=False).shape == (2, 3)


def test_scalars_of_a_batch_are_the_configuration_s_to_name() -> None:
    assert TensorSpec(message([1]), batched=True, scalar=True).reshape is None
