"""Running one batch with a runtime that does as it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from naiad import datatypes
from naiad.backends.base import Array
from naiad.engine.execution import Batch, Executor
from naiad.engine.request import InferRequest
from naiad.engine.tensor_spec import TensorSpec
from naiad.errors import InternalError, InvalidArgumentError
from tests.support.engine import infer_request, spec


def run(
    requests: list[InferRequest],
    execute: Callable[[Sequence[Array | None]], list[Any]],
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec] = (),
    *,
    batched: bool = True,
) -> Batch:
    batch = Batch(requests)
    Executor(inputs, outputs, batched=batched, execute=execute).run(batch)
    return batch


def floats(*values: float) -> bytes:
    return np.array(values, np.float32).tobytes()


def seen(requests: list[InferRequest], *inputs: TensorSpec, batched: bool = True) -> list[Array | None]:
    """The arrays that the runtime gets."""
    arrays: list[Array | None] = []

    def keep(given: Sequence[Array | None]) -> list[Array]:
        arrays.extend(given)
        return []

    batch = run(requests, keep, inputs, batched=batched)
    assert batch.error is None
    return arrays


class TestInputs:
    def test_one_request_is_a_view_of_its_bytes(self) -> None:
        buffer = bytearray(floats(1, 2))
        (array,) = seen([infer_request(memoryview(buffer), shapes=[(1, 2)])], spec())
        assert array is not None
        assert array.tolist() == [[1.0, 2.0]]
        buffer[:4] = floats(7)
        assert array.tolist() == [[7.0, 2.0]]

    @pytest.mark.parametrize("as_view", [True, False])
    def test_several_requests_are_joined_in_order(self, *, as_view: bool) -> None:
        wrap = memoryview if as_view else bytes
        requests = [
            infer_request(wrap(floats(1, 2)), shapes=[(1, 2)]),
            infer_request(np.array([3, 4, 5, 6], np.float32), shapes=[(2, 2)], rows=2),
            infer_request(wrap(floats(7, 8)), shapes=[(1, 2)]),
        ]
        (array,) = seen(requests, spec())
        assert array is not None
        assert array.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]

    @pytest.mark.parametrize("row", [row for row in datatypes.DATATYPES if row.size_bytes], ids=lambda row: row.name)
    @pytest.mark.parametrize("offset", [0, 1, 3])
    def test_every_datatype_at_any_place_in_a_body(self, row: datatypes.DataType, offset: int) -> None:
        values = np.arange(2).astype(row.dtype)
        buffer = memoryview(bytes(offset) + values.tobytes())[offset:]
        one, two = spec(datatype=row.name), spec(datatype=row.name)
        (alone,) = seen([infer_request(buffer, shapes=[(1, 2)])], one)
        (joined,) = seen([infer_request(buffer, shapes=[(1, 2)])] * 2, two)
        assert alone is not None
        assert joined is not None
        assert alone.dtype == joined.dtype == row.dtype
        assert alone.tobytes() == values.tobytes()
        assert joined.tobytes() == values.tobytes() * 2

    def test_text(self) -> None:
        elements = datatypes.object_array([b"a", b"b"], (2,))
        (array,) = seen([infer_request(elements, shapes=[(1, 2)])] * 2, spec(datatype="BYTES"))
        assert array is not None
        assert array.tolist() == [[b"a", b"b"], [b"a", b"b"]]

    def test_an_absent_optional_input(self) -> None:
        requests = [infer_request(floats(1, 2), None, shapes=[(1, 2), ()])] * 2
        arrays = seen(requests, spec("a"), spec("b", optional=True))
        assert arrays[1] is None

    def test_nothing_is_a_tensor(self) -> None:
        (array,) = seen([infer_request(b"", shapes=[(0,)])], spec(dims=(-1,), batched=False), batched=False)
        assert array is not None
        assert array.shape == (0,)

    def test_reshape(self) -> None:
        (array,) = seen([infer_request(floats(1), shapes=[(1, 1)])] * 3, spec(dims=(1,), reshape=()))
        assert array is not None
        assert array.shape == (3,)


class TestOutputs:
    def test_reshape(self) -> None:
        outputs = [spec("y", dims=(1,), reshape=())]
        request = infer_request(floats(1, 2), shapes=[(1, 2)])
        batch = run([request], lambda _: [np.zeros(1, np.float32)], [spec()], outputs)
        assert batch.outputs[0].shape == (1, 1)

    @pytest.mark.parametrize("shape", [(1, 2), (3, 2), (), (0, 2)])
    def test_another_number_of_rows_is_an_error(self, shape: tuple[int, ...]) -> None:
        requests = [infer_request(floats(1, 2), shapes=[(1, 2)])] * 2
        batch = run(requests, lambda _: [np.zeros(shape, np.float32)], [spec()], [spec("y")])
        assert batch.outputs == [] or batch.error is not None
        assert isinstance(batch.error, InternalError)
        assert batch.error.message == (
            f"output 'y' has shape {list(shape)} for a batch of 2: a model that batches gives one row per request row"
        )

    def test_without_batching_any_shape_is_right(self) -> None:
        request = infer_request(floats(1, 2), shapes=[(2,)])
        batch = run(
            [request],
            lambda _: [np.zeros((), np.float32)],
            [spec(batched=False)],
            [spec("y", batched=False)],
            batched=False,
        )
        assert batch.error is None
        assert batch.outputs[0].shape == ()


class TestErrors:
    def test_the_runtimes_own_error_is_kept(self) -> None:
        error = InvalidArgumentError("no")

        def fail(_: object) -> list[Array]:
            raise error

        assert run([infer_request(floats(1, 2), shapes=[(1, 2)])], fail, [spec()]).error is error

    @pytest.mark.parametrize("error", [ValueError("no"), MemoryError("no"), KeyError("no")])
    def test_anything_else_is_internal(self, error: Exception) -> None:
        def fail(_: object) -> list[Array]:
            raise error

        batch = run([infer_request(floats(1, 2), shapes=[(1, 2)])], fail, [spec()])
        assert isinstance(batch.error, InternalError)
        assert batch.error.message.startswith(f"{type(error).__name__}: ")

    def test_another_number_of_outputs_is_internal(self) -> None:
        batch = run([infer_request(floats(1, 2), shapes=[(1, 2)])], lambda _: [], [spec()], [spec("y")])
        assert isinstance(batch.error, InternalError)

    def test_an_output_that_cannot_be_reshaped_is_internal(self) -> None:
        outputs = [spec("y", dims=(4,), reshape=(2, 2))]
        request = infer_request(floats(1, 2), shapes=[(1, 2)])
        batch = run([request], lambda _: [np.zeros((1, 3), np.float32)], [spec()], outputs)
        assert isinstance(batch.error, InternalError)

    def test_a_shape_that_numpy_cannot_have_is_an_error_and_no_exception(self) -> None:
        shape = (0, 1 << 62, 1 << 62)
        request = infer_request(b"", shapes=[shape])
        batch = run([request], lambda _: [], [spec(dims=(-1, -1, -1), batched=False)], batched=False)
        assert isinstance(batch.error, InternalError)


def test_times_are_taken() -> None:
    batch = run([infer_request(floats(1, 2), shapes=[(1, 2)])], lambda _: [np.zeros((1, 2))], [spec()], [spec("y")])
    assert batch.started_ns > 0
    assert batch.input_ns >= 0
    assert batch.infer_ns >= 0
    assert batch.rows == 1


def test_bfloat16_joins() -> None:
    values = np.array([1, 2], ml_dtypes.bfloat16)
    (array,) = seen([infer_request(values.tobytes(), shapes=[(1, 2)])] * 2, spec(datatype="BF16"))
    assert array is not None
    assert array.astype(np.float32).tolist() == [[1.0, 2.0], [1.0, 2.0]]
