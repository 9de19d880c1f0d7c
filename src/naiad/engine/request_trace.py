"""What is noted about one request on its way: when it was where, and what was in its tensors (triton.md §1.9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from naiad import datatypes
from naiad.backends.base import Array
from naiad.config.trace_config import TENSORS, TIMESTAMPS
from naiad.datatypes import DataType
from naiad.engine.execution import Batch, clock_ns
from naiad.engine.request import Buffer, InferRequest
from naiad.errors import NaiadError

_EVENT_BYTES: Final = 128
_RECEIVING: Final = {"HTTP": "HTTP_RECV", "GRPC": "GRPC_WAITREAD"}


@dataclass(frozen=True, slots=True)
class TracedTensor:
    """A tensor of a request at one point of its way.

    Attributes:
        activity: TENSOR_QUEUE_INPUT or TENSOR_BACKEND_OUTPUT.
        name: of the input or output.
        datatype: its type.
        shape: its client shape.
        elements: all of them in one dimension.
    """

    activity: str
    name: str
    datatype: DataType
    shape: tuple[int, ...]
    elements: Array

    @property
    def size_bytes(self) -> int:
        """What its elements keep in memory, more or less."""
        return self.elements.nbytes + (sum(map(len, self.elements)) if self.datatype is datatypes.BYTES else 0)


class RequestTrace:
    """The notes about one request.

    Args:
        number: unlike any other trace's of this process.
        levels: what is noted, of `naiad.config.trace_config.LEVELS`.
        request: whom they are about.

    Attributes:
        number, model_name, model_version, request_id: whom they are about.
        events: name and monotonic nanoseconds of each moment, and tensors, as they came.
    """

    __slots__ = ("_levels", "events", "model_name", "model_version", "number", "request_id")

    def __init__(self, number: int, levels: frozenset[str], request: InferRequest) -> None:
        self.number = number
        self.model_name = request.model.name
        self.model_version = request.model.version
        self.request_id = request.id
        self.events: list[tuple[str, int] | TracedTensor] = []
        self._levels = levels

    def stamp(self, name: str, ns: int) -> None:
        """Note a moment."""
        if TIMESTAMPS in self._levels:
            self.events.append((name, ns))

    def inputs(self, request: InferRequest) -> None:
        """Note what the request brought."""
        if TENSORS in self._levels:
            for spec, shape, buffer in zip(request.model.inputs, request.shapes, request.inputs, strict=True):
                if buffer is not None:
                    elements = _elements(buffer, spec.datatype)
                    self.events.append(TracedTensor("TENSOR_QUEUE_INPUT", spec.name, spec.datatype, shape, elements))

    def outputs(self, request: InferRequest, outputs: Sequence[Array]) -> None:
        """Note what the model made of it."""
        if TENSORS in self._levels:
            for spec, output in zip(request.model.outputs, outputs, strict=True):
                elements = output.flatten()  # a copy: a slice would keep the whole batch
                tensor = TracedTensor("TENSOR_BACKEND_OUTPUT", spec.name, spec.datatype, output.shape, elements)
                self.events.append(tensor)

    @property
    def size_bytes(self) -> int:
        """What the notes keep in memory, more or less."""
        tensors = [event.size_bytes for event in self.events if isinstance(event, TracedTensor)]
        return _EVENT_BYTES * len(self.events) + sum(tensors)


def _elements(buffer: Buffer, datatype: DataType) -> Array:
    return buffer.reshape(-1) if isinstance(buffer, np.ndarray) else np.frombuffer(buffer, datatype.dtype)


class TracedSink:
    """Stands between a traced request and who asked: its sink and its plan, whose calls it passes on and notes.

    Args:
        request: has its sink and plan replaced by this.
        trace: where it is noted.
        ended: told when nothing more is to be noted.
    """

    __slots__ = ("_ended", "_plan", "_sink", "_trace", "receiving_since_ns", "transport")

    def __init__(self, request: InferRequest, trace: RequestTrace, ended: Callable[[RequestTrace], None]) -> None:
        self._sink = request.sink
        self._plan = request.plan
        self._trace: RequestTrace | None = trace
        self._ended = ended
        self.transport = request.sink.transport
        self.receiving_since_ns = request.sink.receiving_since_ns
        request.sink = request.plan = self
        receiving = _RECEIVING[self.transport]
        trace.stamp(f"{receiving}_START", self.receiving_since_ns or request.arrived_ns)
        trace.stamp(f"{receiving}_END", request.arrived_ns)
        now_ns = clock_ns()
        trace.stamp("REQUEST_START", now_ns)
        trace.stamp("QUEUE_START", now_ns)
        trace.inputs(request)

    def computed(self, batch: Batch) -> None:
        """The batch that the request is part of has run."""
        if (trace := self._trace) is not None:
            trace.stamp("COMPUTE_START", batch.started_ns)
            if batch.error is None:
                trace.stamp("COMPUTE_INPUT_END", input_end_ns := batch.started_ns + batch.input_ns)
                trace.stamp("COMPUTE_OUTPUT_START", input_end_ns + batch.infer_ns)

    def respond(self, request: InferRequest, outputs: Sequence[Array]) -> None:
        """As the sink's."""
        if self._trace is not None:
            self._trace.stamp("INFER_RESPONSE_COMPLETE", clock_ns())
            self._trace.outputs(request, outputs)
        self._sink.respond(request, outputs)
        self._end(f"{self.transport}_SEND_END")

    def encode(self, request_id: str, outputs: Sequence[Array]) -> Any:
        """As the plan's."""
        try:
            return self._plan.encode(request_id, outputs)
        finally:
            self._stamp_together("COMPUTE_END", "REQUEST_END", f"{self.transport}_SEND_START")

    def fail(self, request: InferRequest, error: NaiadError) -> None:
        """As the sink's."""
        self._stamp_together("REQUEST_END", f"{self.transport}_SEND_START")
        self._sink.fail(request, error)
        self._end(f"{self.transport}_SEND_END")

    def cancelled(self) -> None:
        """Nobody waits for the answer any more, or there will be none."""
        self._end("REQUEST_END")

    def _stamp_together(self, *names: str) -> None:
        now_ns = clock_ns()
        if self._trace is not None:
            for name in names:
                self._trace.stamp(name, now_ns)

    def _end(self, name: str) -> None:
        trace, self._trace = self._trace, None
        if trace is not None:
            trace.stamp(name, clock_ns())
            self._ended(trace)
