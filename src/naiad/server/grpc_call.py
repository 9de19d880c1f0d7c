"""One RPC on one HTTP/2 stream: messages in, messages and a status out; deadline, cancellation, back-pressure.

What a call does is a method's, which a `GrpcService` finds by the path: a function for unary ones; for streaming ones
a function that makes a handler of messages.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from naiad.backends.base import Array
from naiad.engine.execution import clock_ns
from naiad.engine.request import InferRequest
from naiad.errors import InternalError, NaiadError, RequestTimeoutError, UnavailableError
from naiad.server.grpc_framing import OK_TRAILERS, PREFIX_BYTES, MessageReader, error_trailers, frame

if TYPE_CHECKING:
    from naiad.server.grpc_head import GrpcHead
    from naiad.server.http2 import Http2Connection

logger = logging.getLogger(__name__)

_MAX_UNSENT_BYTES: Final = 1 << 20
_MAX_WHOLE_BYTES: Final = 1 << 14
_UNEXPECTED: Final = "unexpected internal error, see the server's log"
_SHUTTING_DOWN: Final = "GRPC server is shutting down and has stopped accepting new requests."


class StreamHandler(Protocol):
    """Answers the messages of one streaming RPC. None of its methods may raise anything but a NaiadError, which ends
    the call."""

    def message(self, data: bytes | memoryview, arrived_ns: int) -> None:
        """The client has sent a message; the handler may `call.pause()` to get no more for now."""

    def half_close(self) -> None:
        """There will be no more messages; the handler finishes the call when everything is answered."""

    def cancel(self) -> None:
        """The client has gone, or the deadline has passed: nobody waits for anything any more."""


UnaryMethod = Callable[["GrpcCall", "bytes | memoryview", int], "Sequence[bytes | memoryview] | None"]
"""Takes the call, its message and the monotonic time in nanoseconds at which that was whole. Returns the answer in
pieces, or None when `call.send` and `call.finish`, or the engine, come later. May raise NaiadError."""

StreamMethod = Callable[["GrpcCall"], StreamHandler]
"""Takes the call when it begins, before its first message. May raise NaiadError."""


@dataclass(frozen=True, slots=True)
class Unary:
    """A method with one message in and one out."""

    method: UnaryMethod


@dataclass(frozen=True, slots=True)
class Streaming:
    """A method with any number of messages either way (a unary request with many answers is one of these)."""

    method: StreamMethod


class GrpcService(Protocol):
    """What a port answers by gRPC."""

    def find(self, path: bytes) -> Unary | Streaming | None:
        """The method at `/package.Service/Method`; None for what is not implemented."""

    def authorize(self, path: bytes, metadata: Mapping[bytes, bytes]) -> None:
        """Called once per RPC, after the bearer key has been checked.

        Raises:
            RestrictedError: the metadata lack what the method's protocol is restricted to (triton.md §2.4).
        """


class GrpcCall:
    """One RPC; for a unary inference it is the engine's sink as well.

    Args:
        connection: that it came by.
        stream_id: of its stream.
        head: its headers.
        now_ns: monotonic time at which they came.

    Attributes:
        deadline_ns: monotonic time at which the client stops waiting; 0 for none.
        request: the inference that is being answered, for the method to set: it is cancelled when the client goes or
            the deadline passes.
        on_writable: called when `writable` becomes true after it was asked for and false.
        receiving_since_ns: while a message is handed over, when its first byte came, or 0 when all came at once.
        is_finished: the status has been sent, or there is nobody to send it to.
    """

    __slots__ = (
        "_backlog",
        "_connection",
        "_half_closed",
        "_handler",
        "_head",
        "_headers_sent",
        "_message",
        "_paused",
        "_reader",
        "_since_ns",
        "_stopping",
        "_stream_id",
        "deadline_ns",
        "is_finished",
        "on_writable",
        "receiving_since_ns",
        "request",
    )

    transport: Final = "GRPC"

    def __init__(self, connection: Http2Connection, stream_id: int, head: GrpcHead, now_ns: int) -> None:
        self._connection = connection
        self._stream_id = stream_id
        self._head = head
        self._reader: MessageReader | None = None
        self._message: bytes | memoryview | None = None
        self._handler: StreamHandler | None = None
        self._backlog: deque[tuple[bytes, bool]] | None = None
        self._half_closed = False
        self._headers_sent = False
        self._paused = False
        self._stopping = False
        self._since_ns = now_ns
        self.deadline_ns = now_ns + head.timeout_ns if head.timeout_ns else 0
        self.receiving_since_ns = 0
        self.request: InferRequest | None = None
        self.on_writable: Callable[[], None] | None = None
        self.is_finished = False

    # What methods look at and do.

    @property
    def path(self) -> bytes:
        """`/package.Service/Method`."""
        return self._head.path

    @property
    def metadata(self) -> Mapping[bytes, bytes]:
        """By lower-case name, the last value of each. Values of names that end in `-bin` are in base64."""
        return self._head.metadata

    def send(self, message: Sequence[bytes | memoryview]) -> None:
        """Send one message, given in pieces; nothing when the call is finished.

        Raises:
            InternalError: it is longer than gRPC's clients take.
        """
        if self.is_finished:
            return
        head, session = self._head, self._connection.session
        framed = frame(message, encoding=head.answer_encoding, level=head.compression_level)
        if not self._headers_sent:
            self._headers_sent = True
            session.send_headers(self._stream_id, head.answer_headers)
        for piece in framed:
            session.send_data(self._stream_id, piece)
        self._connection.flush_later()

    def finish(self, error: NaiadError | None = None) -> None:
        """Send the status, after which nothing can be sent; nothing when the call is finished."""
        if self.is_finished:
            return
        self.is_finished = True
        self._since_ns = clock_ns()
        self.request = self._message = self._handler = self.on_writable = None
        self._drop_backlog()
        if self.deadline_ns:
            self._connection.server.deadlines.discard(self)
        if error is None and self._stopping:
            error = UnavailableError(_SHUTTING_DOWN)
        trailers = OK_TRAILERS if error is None else error_trailers(error)
        session = self._connection.session
        if self._headers_sent:
            session.send_trailers(self._stream_id, trailers)
        else:
            session.send_headers(self._stream_id, [*self._head.answer_headers, *trailers], end_stream=True)
        if not self._half_closed:
            session.reset_when_sent(self._stream_id)
        self._connection.flush_later()

    def pause(self) -> None:
        """Hand over no more messages, and let the client send no more than its window holds, until `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Hand over messages again."""
        self._paused = False
        self._connection.flush_later()
        while self._backlog and not self._paused:
            data, ended = self._backlog.popleft()
            self.receive(data, ended, clock_ns())

    @property
    def writable(self) -> bool:
        """Whether the client reads fast enough for more; when not, `on_writable` will be called."""
        if self.is_finished or self._connection.session.unsent_bytes(self._stream_id) < _MAX_UNSENT_BYTES:
            return True
        self._connection.tell_when_writable(self)
        return False

    # The engine's sink.

    def respond(self, request: InferRequest, outputs: Sequence[Array]) -> None:
        """A unary inference has its outputs."""
        if self.is_finished:
            return
        try:
            self.send(request.plan.encode(request.id, outputs))
        except NaiadError as error:
            self.finish(error)
        except Exception:
            logger.exception("unexpected error while encoding outputs of '%s'", request.model.name)
            self.finish(InternalError(_UNEXPECTED))
        else:
            self.finish()

    def fail(self, request: InferRequest, error: NaiadError) -> None:
        """A unary inference has none."""
        self.finish(error)

    # What the connection calls.

    def open(self, *, ended: bool) -> None:
        """The headers are there; what is wrong with them ends the call at once.

        Args:
            ended: nothing follows them.
        """
        head = self._head
        self._half_closed = ended
        if self.deadline_ns:
            self._connection.server.deadlines.add(self)
        if head.error is not None:
            self.finish(head.error)
            return
        try:
            self._connection.server.authorize_call(head.path, head.metadata)
            if isinstance(head.method, Streaming):
                handler = head.method.method(self)
                self._handler = None if self.is_finished else handler
            if ended and not self.is_finished:
                self._end_messages(self._since_ns)
        except NaiadError as error:
            self.finish(error)
        except Exception:
            self._crash()

    def receive(self, data: bytes, ended: bool, now_ns: int) -> None:
        """DATA has come.

        Args:
            data: of one frame.
            ended: nothing follows.
            now_ns: monotonic time.
        """
        if self._paused and not self.is_finished:
            if self._backlog is None:
                self._backlog = deque()
            self._backlog.append((data, ended))
            return
        if data:
            self._connection.session.consume(self._stream_id, len(data))
        self._half_closed = ended
        if self.is_finished:
            return
        try:
            if (
                ended
                and self._reader is None
                and self._handler is None
                and PREFIX_BYTES <= len(data) < _MAX_WHOLE_BYTES
                and int.from_bytes(data[:PREFIX_BYTES]) == len(data) - PREFIX_BYTES
            ):
                self._answer(data[PREFIX_BYTES:], now_ns)  # the whole of a small message, not compressed
                return
            self._read(data, now_ns)
            if ended and not self.is_finished:
                self._end_messages(now_ns)
        except NaiadError as error:
            self.finish(error)
        except Exception:
            self._crash()

    @property
    def unconsumed_bytes(self) -> int:
        """What came while the call was paused."""
        return sum(len(data) for data, _ in self._backlog) if self._backlog else 0

    def cancel(self) -> None:
        """The client is gone, or does not wait any more."""
        if self.is_finished:
            return
        self.is_finished = True
        if self.deadline_ns:
            self._connection.server.deadlines.discard(self)
        self._abandon()

    def expire(self) -> None:
        """The deadline has passed."""
        if not self.is_finished:
            self._abandon()
            self.finish(RequestTimeoutError("Deadline Exceeded"))

    def stop(self) -> None:
        """The server drains: a streaming call takes no more messages, and ends when those it took are answered."""
        if self._handler is not None and not (self._stopping or self._half_closed):
            self._stopping = True
            self._half_close()

    def check_time(self, now_ns: int, *, receive_timeout_ns: int, read_timeout_ns: int) -> None:
        """End a call whose message, or whose reader, takes too long.

        Args:
            now_ns: monotonic time.
            receive_timeout_ns: for a message to arrive.
            read_timeout_ns: for the client to read the answer.
        """
        if self.is_finished:
            if now_ns - self._since_ns > read_timeout_ns:
                self._connection.session.reset(self._stream_id)
                self._connection.flush_later()
            return
        awaits_message = self._handler is None and not self._half_closed
        since_ns = self._since_ns if awaits_message else self.receiving_since_ns
        if since_ns and not self._half_closed and now_ns - since_ns > receive_timeout_ns:
            self._abandon()
            self.finish(RequestTimeoutError("the request did not arrive in time"))

    def _answer(self, message: bytes | memoryview, now_ns: int) -> None:
        """Have the method answer the only message of a unary call."""
        method = self._head.method
        assert isinstance(method, Unary)
        pieces = method.method(self, message, now_ns)
        if pieces is not None:
            self.send(pieces)
            self.finish()

    def _read(self, data: bytes, now_ns: int) -> None:
        """Hand over the messages that this DATA completes."""
        if self._stopping:
            return
        if self._reader is None:
            self._reader = self._connection.server.message_reader(self._head.encoding)
        if not self.receiving_since_ns:
            self.receiving_since_ns = now_ns
        for message in self._reader.feed(data):
            if self._handler is not None:
                self._handler.message(message, now_ns)
                self.receiving_since_ns = now_ns
            elif self._message is None:
                self._message = message
            else:
                raise InternalError("a unary call has one message, and more were sent")
            if self.is_finished:
                break
        if self._handler is not None and not self._reader.is_amid:
            self.receiving_since_ns = 0

    def _end_messages(self, now_ns: int) -> None:
        """The client will send no more."""
        if self._reader is not None and self._reader.is_amid:
            raise InternalError("the stream ended in the middle of a message")
        if self._handler is not None:
            if not self._stopping:
                self._half_close()
        elif self._message is None:
            raise InternalError("Unable to parse request")  # the real server's words
        else:
            message, self._message = self._message, None
            self._answer(message, now_ns)

    def _half_close(self) -> None:
        try:
            if self._handler is not None:
                self._handler.half_close()
        except NaiadError as error:
            self.finish(error)
        except Exception:
            self._crash()

    def _abandon(self) -> None:
        """Stop working on what nobody waits for."""
        request, self.request = self.request, None
        if request is not None:
            request.model.scheduler.cancel(request)
        self._message = self.on_writable = None
        handler, self._handler = self._handler, None
        self._drop_backlog()
        if handler is not None:
            try:
                handler.cancel()
            except Exception:
                logger.exception("unexpected error in %r", self.path)

    def _drop_backlog(self) -> None:
        if self._backlog:
            self._connection.session.consume(self._stream_id, self.unconsumed_bytes)
        self._backlog = None

    def _crash(self) -> None:
        logger.exception("unexpected error in %r", self.path)
        self.finish(InternalError(_UNEXPECTED))
