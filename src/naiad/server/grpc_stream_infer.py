"""`ModelStreamInfer`: requests as they come, answers in the order of the requests, errors among them (triton.md §2.3).

Models answer a request once; every answer is therefore a request's final one.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import Final

from naiad.backends.base import Array
from naiad.engine.request import InferRequest
from naiad.errors import InternalError, NaiadError
from naiad.protocol.grpc_infer_message import Buffer
from naiad.protocol.grpc_infer_response import FINAL_RESPONSE, stream_error, stream_prefix
from naiad.protocol.protobuf_wire import MalformedError
from naiad.server.grpc_call import GrpcCall
from naiad.server.grpc_infer import InferReader

logger = logging.getLogger(__name__)

_ENDS_WITH_ERROR: Final = b"triton_grpc_error"
_MAX_OUTSTANDING: Final = 256


class InferStream:
    """One stream of inferences.

    Args:
        call: that it came by.
        reader: reads its messages.
    """

    def __init__(self, call: GrpcCall, reader: InferReader) -> None:
        self._call = call
        self._reader = reader
        # Only of errors that a model brings: those of requests are always answered, as tritonserver does.
        self._ends_with_error = call.metadata.get(_ENDS_WITH_ERROR) == b"true"
        self._outstanding: deque[StreamedRequest] = deque()
        self._half_closed = False
        self._paused = False
        call.on_writable = self._go_on

    @property
    def receiving_since_ns(self) -> int:
        """As the call's."""
        return self._call.receiving_since_ns

    def message(self, data: Buffer, arrived_ns: int) -> None:
        """A request; one that is no protobuf ends the requests, as tritonserver takes it."""
        if self._half_closed:
            return
        asked = StreamedRequest(self)
        self._outstanding.append(asked)
        try:
            asked.request = self._reader.read(data, asked, arrived_ns)
            asked.request.model.infer(asked.request)
        except MalformedError:
            self._outstanding.pop()
            self.half_close()
            return
        except NaiadError as error:
            asked.request = None
            asked.answer = [stream_error(error.message, self._reader.request_id(data))]
            self.flush()
        if len(self._outstanding) >= _MAX_OUTSTANDING or not self._call.writable:
            self._paused = True
            self._call.pause()

    def half_close(self) -> None:
        """There will be no more requests."""
        self._half_closed = True
        if not self._outstanding:
            self._call.finish()

    def cancel(self) -> None:
        """Nobody waits for answers any more."""
        outstanding, self._outstanding = self._outstanding, deque()
        for asked in outstanding:
            request, asked.request = asked.request, None  # they refer to each other
            if request is not None:
                request.model.scheduler.cancel(request)

    def flush(self) -> None:
        """Send what is answered, up to the first that is not."""
        outstanding = self._outstanding
        while outstanding and (outstanding[0].answer is not None or outstanding[0].error is not None):
            asked = outstanding.popleft()
            if asked.answer is None:
                self._end(asked.error)
                return
            try:
                self._call.send(asked.answer)
            except NaiadError as error:
                self._end(error)
                return
        if self._half_closed and not outstanding:
            self._call.finish()
        else:
            self._go_on()

    def failed(self, asked: StreamedRequest, error: NaiadError, request: InferRequest) -> None:
        """A request that was taken on has no answer."""
        if self._ends_with_error:
            asked.error = error
        else:
            asked.answer = [stream_error(error.message, request.id, model_name=request.model.name)]
        self.flush()

    def _end(self, error: NaiadError | None) -> None:
        self.cancel()
        self._call.finish(error)

    def _go_on(self) -> None:
        """Take requests again when there is room for their answers."""
        if self._paused and len(self._outstanding) < _MAX_OUTSTANDING and self._call.writable:
            self._paused = False
            self._call.resume()


class StreamedRequest:
    """One request of a stream, and what became of it: the engine's sink.

    Args:
        stream: that it came by.

    Attributes:
        request: the engine's; None when it was refused or is answered.
        answer: what to send, in pieces; None while there is none.
        error: what to end the stream with instead.
    """

    __slots__ = ("_stream", "answer", "error", "request")

    transport: Final = GrpcCall.transport

    def __init__(self, stream: InferStream) -> None:
        self._stream = stream
        self.request: InferRequest | None = None
        self.answer: list[bytes | memoryview] | None = None
        self.error: NaiadError | None = None

    @property
    def receiving_since_ns(self) -> int:
        """As the call's."""
        return self._stream.receiving_since_ns

    def respond(self, request: InferRequest, outputs: Sequence[Array]) -> None:
        """The outputs are there."""
        try:
            pieces = request.plan.encode(request.id, outputs)
        except NaiadError as error:
            self.fail(request, error)
        except Exception:
            logger.exception("unexpected error while encoding outputs of '%s'", request.model.name)
            self.fail(request, InternalError("unexpected internal error, see the server's log"))
        else:
            self.request = None
            self.answer = [stream_prefix(sum(map(len, pieces)) + len(FINAL_RESPONSE)), *pieces, FINAL_RESPONSE]
            self._stream.flush()

    def fail(self, request: InferRequest, error: NaiadError) -> None:
        """There are none."""
        self.request = None
        self._stream.failed(self, error, request)
