"""What is noted about a request: the order of moments, tensors as they were, and calls passed on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from naiad import datatypes
from naiad.backends.base import Array
from naiad.engine.execution import Batch
from naiad.engine.request import InferRequest
from naiad.engine.request_trace import RequestTrace, TracedSink, TracedTensor
from naiad.errors import InternalError, NaiadError, UnavailableError
from tests.support.engine import RecordingSink, idle_model, spec

TIMES = frozenset({"TIMESTAMPS"})
TENSORS = frozenset({"TENSORS"})


class Plan:
    """Encodes an answer as text, or fails to."""

    def __init__(self, error: NaiadError | None = None) -> None:
        self.error = error

    def encode(self, request_id: str, outputs: Sequence[Array]) -> list[str]:
        if self.error is not None:
            raise self.error
        return [f"{request_id}: {len(outputs)} outputs"]


class EncodingSink(RecordingSink):
    """A sink that asks the plan, as transports do.

    Attributes:
        written: what it has sent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def respond(self, request: InferRequest, outputs: Sequence[Array]) -> None:
        try:
            self.written += request.plan.encode(request.id, outputs)
        except NaiadError as error:
            self.fail(request, error)
            return
        super().respond(request, outputs)


class Traced:
    """A request of two rows for a model (x FP32[2], t BYTES[1] optional → y FP32[2]), and its trace.

    Attributes:
        ended: traces that ended.
    """

    def __init__(self, levels: frozenset[str], *, plan: Plan | None = None) -> None:
        model = idle_model([spec("x"), spec("t", "BYTES", (1,), optional=True)], [spec("y")])
        x = np.arange(4, dtype=np.float32)
        self.inner = EncodingSink()
        self.plan = plan or Plan()
        self.request = InferRequest(
            model, self.inner, self.plan, (x.tobytes(), None), ((2, 2), ()), 2, None, arrived_ns=5
        )
        self.request.id = "q"
        self.trace = RequestTrace(1, levels, self.request)
        self.ended: list[RequestTrace] = []
        self.sink = TracedSink(self.request, self.trace, self.ended.append)

    @property
    def names(self) -> list[str]:
        """Of the moments, in the order in which they were noted."""
        return [event[0] for event in self.trace.events if not isinstance(event, TracedTensor)]

    def time(self, name: str) -> int:
        """The moment of that name."""
        return dict(event for event in self.trace.events if not isinstance(event, TracedTensor))[name]

    @property
    def tensors(self) -> list[TracedTensor]:
        return [event for event in self.trace.events if isinstance(event, TracedTensor)]

    def run(self, *, error: NaiadError | None = None) -> None:
        batch = Batch([self.request])
        batch.started_ns, batch.input_ns, batch.infer_ns, batch.error = 1000, 10, 100, error
        self.sink.computed(batch)


BEFORE = ["HTTP_RECV_START", "HTTP_RECV_END", "REQUEST_START", "QUEUE_START"]
COMPUTED = ["COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START"]
OUTPUTS = [np.zeros((2, 2), np.float32)]


class TestMoments:
    def test_of_a_request_that_is_answered(self) -> None:
        traced = Traced(TIMES)
        traced.run()
        traced.request.sink.respond(traced.request, OUTPUTS)
        after = ["INFER_RESPONSE_COMPLETE", "COMPUTE_END", "REQUEST_END", "HTTP_SEND_START", "HTTP_SEND_END"]
        assert traced.names == BEFORE + COMPUTED + after
        assert traced.time("HTTP_RECV_START") == traced.time("HTTP_RECV_END") == 5
        assert [traced.time(name) for name in COMPUTED] == [1000, 1010, 1110]
        assert traced.time("QUEUE_START") < traced.time("COMPUTE_END") <= traced.time("HTTP_SEND_END")
        assert traced.ended == [traced.trace]
        assert traced.inner.written == ["q: 1 outputs"]
        assert traced.inner.answers[traced.request] == OUTPUTS

    def test_of_a_request_that_came_in_pieces(self) -> None:
        traced = Traced(TIMES)
        sink = EncodingSink()
        sink.receiving_since_ns, sink.transport = 3, "GRPC"
        traced.request.sink = sink
        second = RequestTrace(2, TIMES, traced.request)
        TracedSink(traced.request, second, traced.ended.append)
        assert second.events[:2] == [("GRPC_WAITREAD_START", 3), ("GRPC_WAITREAD_END", 5)]

    def test_of_a_request_that_failed(self) -> None:
        traced = Traced(TIMES)
        error = InternalError("it broke")
        traced.run(error=error)
        traced.request.sink.fail(traced.request, error)
        assert traced.names == [*BEFORE, "COMPUTE_START", "REQUEST_END", "HTTP_SEND_START", "HTTP_SEND_END"]
        assert traced.inner.failures == {traced.request: error}
        assert traced.ended == [traced.trace]

    def test_of_a_request_whose_answer_could_not_be_written(self) -> None:
        error = InternalError("no text")
        traced = Traced(TIMES, plan=Plan(error))
        traced.run()
        traced.request.sink.respond(traced.request, OUTPUTS)
        assert traced.names[-4:] == ["COMPUTE_END", "REQUEST_END", "HTTP_SEND_START", "HTTP_SEND_END"]
        assert traced.inner.failures == {traced.request: error}
        assert len(traced.ended) == 1

    def test_of_a_request_that_is_cancelled(self) -> None:
        traced = Traced(TIMES)
        traced.sink.cancelled()
        assert traced.names == [*BEFORE, "REQUEST_END"]
        assert traced.ended == [traced.trace]
        traced.run()
        traced.sink.cancelled()
        assert traced.names == [*BEFORE, "REQUEST_END"]
        assert len(traced.ended) == 1

    def test_are_left_out_when_only_tensors_are_wanted(self) -> None:
        traced = Traced(TENSORS)
        traced.run()
        traced.request.sink.respond(traced.request, OUTPUTS)
        assert traced.names == []


class TestTensors:
    def test_are_what_came_and_what_was_made_of_it(self) -> None:
        traced = Traced(TENSORS)
        made = np.array([[1, 2], [3, 4]], np.float32)
        traced.request.sink.respond(traced.request, [made])
        made[:] = 0  # the trace has a copy
        given, got = traced.tensors
        assert (given.activity, given.name, given.shape) == ("TENSOR_QUEUE_INPUT", "x", (2, 2))
        assert (given.datatype.name, given.elements.tolist()) == ("FP32", [0, 1, 2, 3])
        assert (got.activity, got.name, got.shape) == ("TENSOR_BACKEND_OUTPUT", "y", (2, 2))
        assert got.elements.tolist() == [1, 2, 3, 4]

    def test_of_text(self) -> None:
        traced = Traced(TIMES)
        elements = datatypes.object_array([b"a", b"bc"], (2, 1))
        traced.request.inputs = (traced.request.inputs[0], elements)
        traced.request.shapes = ((2, 2), (2, 1))
        trace = RequestTrace(2, TENSORS, traced.request)
        trace.inputs(traced.request)
        text = trace.events[1]
        assert isinstance(text, TracedTensor)
        assert (text.name, text.shape, text.elements.tolist()) == ("t", (2, 1), [b"a", b"bc"])
        assert text.size_bytes == 2 * 8 + 3

    def test_are_left_out_when_only_times_are_wanted(self) -> None:
        traced = Traced(TIMES)
        traced.request.sink.respond(traced.request, OUTPUTS)
        assert traced.tensors == []

    def test_count_in_the_size(self) -> None:
        assert Traced(TENSORS).trace.size_bytes >= 16
        assert Traced(TIMES).trace.size_bytes < 4096


def test_an_error_of_the_sink_s_own_is_its_own() -> None:
    traced = Traced(TIMES, plan=Plan(UnavailableError("later")))
    with pytest.raises(UnavailableError):
        traced.request.plan.encode("", OUTPUTS)
