"""Streams of inferences: order, errors in the stream, its end, and clients that do not read."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from naiad.engine.engine import Engine
from naiad.engine.model import Model
from naiad.engine.request import InferRequest
from naiad.engine.shared_memory import SharedMemory
from naiad.errors import InternalError, NaiadError, NotFoundError, UnavailableError
from naiad.messages import service_pb2
from naiad.server.grpc_infer import InferReader
from naiad.server.grpc_stream_infer import InferStream
from tests.support.engine import idle_model, spec
from tests.support.grpc_call import fake_call
from tests.support.grpc_messages import infer_message, output, tensor


class Stream:
    """A stream to a server with the model `m` (a FP32[2] → y FP32[2]), whose requests the test answers.

    Attributes:
        call: that it came by.
        queued: the requests that the engine has.
        cancelled: those that nobody waits for any more.
        full: the model's queue takes no more.
    """

    def __init__(self, metadata: dict[bytes, bytes] | None = None) -> None:
        self.queued: list[InferRequest] = []
        self.cancelled: list[InferRequest] = []
        self.full = False
        self._model = idle_model([spec("a")], [spec("y")])
        self._model.infer = self._enqueue
        self._model.scheduler = cast(Any, SimpleNamespace(cancel=self.cancelled.append))
        engine = cast(Engine, SimpleNamespace(model=self._find))
        call, self.call = fake_call(metadata)
        self.handler = InferStream(call, InferReader(engine, SharedMemory(), max_input_bytes=1 << 20))

    def _find(self, name: str, version: str) -> Model:
        if name != "m":
            raise NotFoundError(f"Request for unknown model: '{name}' is not found")
        return self._model

    def _enqueue(self, request: InferRequest) -> None:
        if self.full:
            raise UnavailableError(f"{request.log_prefix}Exceeds maximum queue size")
        self.queued.append(request)

    def ask(self, identity: str, **fields: Any) -> InferRequest | None:
        """Send a request; the engine's, when it gets there."""
        count = len(self.queued)
        message = infer_message(tensor(), raw=[bytes(8)], identity=identity, **fields)
        self.handler.message(message, 5)
        return self.queued[-1] if len(self.queued) > count else None

    def asked(self, identity: str, **fields: Any) -> InferRequest:
        """As `ask`, of a request that gets there."""
        request = self.ask(identity, **fields)
        assert request is not None
        return request

    def take(self) -> list[Any]:
        """What was sent."""
        sent = [service_pb2.ModelStreamInferResponse.FromString(data) for data in self.call.sent]
        self.call.sent.clear()
        return sent

    def ids(self) -> list[str]:
        """Of what was sent."""
        return [each.infer_response.id for each in self.take()]


def respond(request: InferRequest) -> None:
    request.sink.respond(request, [np.ones((1, 2), np.float32)])


def fail(request: InferRequest, error: NaiadError) -> None:
    request.sink.fail(request, error)


def test_an_answer_says_that_it_is_final() -> None:
    stream = Stream()
    respond(stream.asked("x"))
    (told,) = stream.take()
    assert told.error_message == ""
    assert told.infer_response.model_name == "m"
    assert told.infer_response.id == "x"
    assert dict(told.infer_response.parameters) == {
        "triton_final_response": service_pb2.InferParameter(bool_param=True)
    }
    assert list(told.infer_response.raw_output_contents) == [np.ones(2, np.float32).tobytes()]
    assert not stream.call.is_finished


def test_answers_come_in_the_order_of_the_requests() -> None:
    stream = Stream()
    first, second, third = (stream.asked(identity) for identity in "abc")
    respond(third)
    respond(second)
    assert stream.ids() == []
    respond(first)
    assert stream.ids() == ["a", "b", "c"]


class TestErrors:
    @pytest.mark.parametrize("value", [b"", b"false", b"True", b"1"])
    def test_are_answers_like_others(self, value: bytes) -> None:
        stream = Stream({b"triton_grpc_error": value} if value else None)
        first, second = stream.asked("a"), stream.asked("b")
        assert stream.ask("c", model="nope") is None
        fail(second, InternalError("it broke"))
        assert stream.ids() == []
        respond(first)
        told = stream.take()
        assert [each.error_message for each in told] == [
            "",
            "it broke",
            "Request for unknown model: 'nope' is not found",
        ]
        assert [each.infer_response.id for each in told] == ["a", "b", "c"]
        final = {"triton_final_response": service_pb2.InferParameter(bool_param=True)}
        assert told[1].infer_response == service_pb2.ModelInferResponse(model_name="m", id="b", parameters=final)
        assert told[2].infer_response == service_pb2.ModelInferResponse(id="c")
        assert not stream.call.is_finished

    def test_without_an_id_have_an_empty_response(self) -> None:
        stream = Stream()
        stream.ask("", model="nope")
        (told,) = stream.take()
        assert told.HasField("infer_response")
        assert told.infer_response == service_pb2.ModelInferResponse()

    def test_of_models_end_the_stream_where_the_client_wants_it(self) -> None:
        stream = Stream({b"triton_grpc_error": b"true"})
        first, second, third = (stream.asked(identity) for identity in "abc")
        stream.ask("d", model="nope")
        error = InternalError("it broke")
        fail(second, error)
        assert not stream.call.is_finished
        respond(first)
        assert stream.ids() == ["a"]
        assert (stream.call.is_finished, stream.call.error) == (True, error)
        assert stream.cancelled == [third]

    def test_of_requests_do_not(self) -> None:
        stream = Stream({b"triton_grpc_error": b"true"})
        stream.ask("a", model="nope")
        stream.full = True
        stream.ask("b")
        assert [each.error_message for each in stream.take()] == [
            "Request for unknown model: 'nope' is not found",
            "[request id: b] Exceeds maximum queue size",
        ]
        assert not stream.call.is_finished

    def test_of_answers_that_cannot_be_written(self) -> None:
        stream = Stream()
        request = stream.asked("a", outputs=[output(classification=1)])
        request.sink.respond(request, [np.zeros((1, 1_000_001), np.float32)])
        assert [each.error_message for each in stream.take()] == ["classification output tensor too large"]

    def test_of_requests_of_too_many_fields(self) -> None:
        stream = Stream()
        stream.handler.message(infer_message(tensor(), raw=[b""] * 20_000, identity="a"), 5)
        (told,) = stream.take()
        assert told.error_message == "a request may consist of 10000 fields, and this one has more"
        assert not stream.call.is_finished

    def test_that_nobody_expects(self) -> None:
        stream = Stream()
        request = stream.asked("a")
        request.sink.respond(request, [])
        (told,) = stream.take()
        assert told.error_message == "unexpected internal error, see the server's log"


class TestEnd:
    def test_without_requests(self) -> None:
        stream = Stream()
        stream.handler.half_close()
        assert (stream.call.is_finished, stream.call.error) == (True, None)

    def test_waits_for_answers(self) -> None:
        stream = Stream()
        first, second = stream.asked("a"), stream.asked("b")
        stream.handler.half_close()
        respond(first)
        assert not stream.call.is_finished
        respond(second)
        assert (stream.ids(), stream.call.is_finished, stream.call.error) == (["a", "b"], True, None)

    def test_what_is_no_request_ends_the_requests(self) -> None:
        stream = Stream()
        first = stream.asked("a")
        stream.handler.message(b"\xff", 5)
        assert stream.ask("b") is None
        respond(first)
        assert (stream.ids(), stream.call.is_finished, stream.call.error) == (["a"], True, None)

    def test_a_client_that_goes_cancels_what_is_not_answered(self) -> None:
        stream = Stream()
        first, second, third = (stream.asked(identity) for identity in "abc")
        respond(first)
        respond(third)
        stream.handler.cancel()
        assert stream.cancelled == [second]

    @pytest.mark.parametrize("outcome", ["answered", "failed", "cancelled"])
    def test_nothing_keeps_the_tensors_of_a_request_that_is_over(self, outcome: str) -> None:
        stream = Stream()
        data = np.zeros(1 << 16, np.uint8)
        freed: list[bool] = []
        weakref.finalize(data, freed.append, True)
        request = stream.asked("a")
        request.inputs = [data.data]
        del data
        gc.disable()
        try:
            if outcome == "answered":
                respond(request)
            elif outcome == "failed":
                fail(request, InternalError("it broke"))
            else:
                stream.handler.cancel()
                stream.cancelled.clear()
            stream.queued.clear()
            del request
            assert freed
        finally:
            gc.enable()

    def test_an_answer_that_cannot_be_sent_ends_the_stream(self) -> None:
        stream = Stream()
        first, second = stream.asked("a"), stream.asked("b")
        error = UnavailableError("too much waits to be read")

        def send(message: object) -> None:
            raise error

        stream.call.send = send  # type: ignore[method-assign]
        respond(first)
        assert (stream.call.is_finished, stream.call.error) == (True, error)
        assert stream.cancelled == [second]


class TestSlowReaders:
    def test_are_asked_to_wait(self) -> None:
        stream = Stream()
        stream.call.writable = False
        first = stream.asked("a")
        assert stream.call.paused()
        respond(first)
        assert stream.call.paused()
        stream.call.read_again()
        assert not stream.call.paused()

    def test_as_many_requests_as_can_wait_for_answers(self) -> None:
        stream = Stream()
        requests = [stream.asked(str(number)) for number in range(255)]
        assert not stream.call.paused()
        requests.append(stream.asked("last"))
        assert stream.call.paused()
        respond(requests[1])
        assert stream.call.paused()
        respond(requests[0])
        assert not stream.call.paused()
