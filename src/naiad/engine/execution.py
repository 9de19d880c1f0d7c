"""Running one batch: requests' buffers to arrays, arrays through the runtime, rows back to requests.

No scheduling here, and nothing that must happen on the event loop: a batch may run on the loop or in a thread.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from naiad.backends.base import Array, Execute
from naiad.engine.request import Buffer, InferRequest
from naiad.engine.tensor_spec import TensorSpec
from naiad.errors import InternalError, NaiadError

clock_ns = time.monotonic_ns

_LARGE_BYTES: Final = 1 << 20


class Batch:
    """Requests that run together, and what came of it.

    Attributes:
        requests: in arrival order.
        rows: their batch sizes together.
        outputs: one array per output of the model for the whole batch; empty when `error` is set.
        error: why there are none.
        parts: the batch's requests one by one, each with an outcome of its own, when they failed together.
        started_ns, input_ns, infer_ns: when it began, and how long gathering inputs and the runtime took.
    """

    __slots__ = ("error", "infer_ns", "input_ns", "outputs", "parts", "requests", "rows", "started_ns")

    def __init__(self, requests: list[InferRequest]) -> None:
        self.requests = requests
        self.rows = sum([request.batch_size for request in requests])
        self.outputs: list[Array] = []
        self.error: NaiadError | None = None
        self.parts: list[Batch] = []
        self.started_ns = self.input_ns = self.infer_ns = 0


class Executor:
    """Turns batches into outputs with one model's runtime.

    Args:
        inputs, outputs: the model's tensors, in the order that `execute` was bound to.
        batched: whether the model has a batch dimension.
        execute: the runtime.
    """

    def __init__(
        self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], *, batched: bool, execute: Execute
    ) -> None:
        self._inputs = inputs
        self._outputs = outputs
        self._batched = batched
        self._execute = execute
        self._scratches: list[dict[int, bytearray]] = []

    def run(self, batch: Batch) -> None:
        """Run the batch; whatever goes wrong ends up in `batch.error`, never in the caller.

        Requests that fail together are run again one by one: what one of them brings must not cost the others their
        answers.
        """
        self._run(batch)
        if batch.error is not None and len(batch.requests) > 1:
            batch.parts = [Batch([request]) for request in batch.requests]
            for part in batch.parts:
                self._run(part)

    def _run(self, batch: Batch) -> None:
        batch.started_ns = started = clock_ns()
        scratch = self._scratches.pop() if self._scratches else {}
        try:
            arrays = [self._gather(index, spec, batch, scratch) for index, spec in enumerate(self._inputs)]
            gathered = clock_ns()
            outputs = self._execute(arrays)
            batch.infer_ns = clock_ns() - gathered
            batch.input_ns = gathered - started
            batch.outputs = [
                output if spec.reshape is None else spec.from_runtime(output, batched=self._batched)
                for spec, output in zip(self._outputs, outputs, strict=True)
            ]
            if self._batched:
                self._check_rows(batch)
        except NaiadError as error:
            batch.error = error
        except Exception as error:  # a runtime may raise anything; its requests still get an answer
            batch.error = InternalError(f"{type(error).__name__}: {error}")
        finally:
            self._scratches.append(scratch)

    def _gather(self, index: int, spec: TensorSpec, batch: Batch, scratch: dict[int, bytearray]) -> Array | None:
        """One input of the whole batch: a view of the buffer for one request, one copy for several."""
        requests = batch.requests
        first = requests[0]
        buffer = first.inputs[index]
        if buffer is None:
            return None
        shape = first.shapes[index]
        if len(requests) == 1:
            array = _as_array(buffer, spec, shape)
        else:
            buffers = [request.inputs[index] for request in requests]
            shape = (batch.rows, *shape[1:])
            if batch.rows * spec.row_bytes < _LARGE_BYTES:
                array = _join(buffers, spec, shape)
            else:
                array = _join_into(scratch, index, buffers, spec, shape)
        return array if spec.reshape is None else spec.to_runtime(array, batched=self._batched)

    def _check_rows(self, batch: Batch) -> None:
        for spec, output in zip(self._outputs, batch.outputs, strict=True):
            if output.ndim == 0 or output.shape[0] != batch.rows:
                raise InternalError(
                    f"output '{spec.name}' has shape {list(output.shape)} for a batch of {batch.rows}: "
                    "a model that batches gives one row per request row",
                    hint="set max_batch_size to 0 for a model without a batch dimension",
                )


def _as_array(buffer: Buffer, spec: TensorSpec, shape: tuple[int, ...]) -> Array:
    if isinstance(buffer, np.ndarray):
        return buffer.reshape(shape)
    return np.frombuffer(buffer, spec.datatype.dtype).reshape(shape)


def _join(buffers: list[Buffer], spec: TensorSpec, shape: tuple[int, ...]) -> Array:
    if spec.datatype.dtype.hasobject:
        return np.concatenate([buffer.ravel() for buffer in buffers]).reshape(shape)
    return np.frombuffer(b"".join(buffers), spec.datatype.dtype).reshape(shape)


def _join_into(
    scratch: dict[int, bytearray], index: int, buffers: list[Buffer], spec: TensorSpec, shape: tuple[int, ...]
) -> Array:
    """As `_join`, into memory that the next batch uses again: fresh pages would cost as much as the copy."""
    size = shape[0] * spec.row_bytes
    memory = scratch.get(index)
    if memory is None or len(memory) < size:
        memory = scratch[index] = bytearray(size)
    view, position = memoryview(memory), 0
    for buffer in buffers:
        part = memoryview(buffer).cast("B")
        view[position : position + part.nbytes] = part
        position += part.nbytes
    return np.frombuffer(view[:size], spec.datatype.dtype).reshape(shape)
