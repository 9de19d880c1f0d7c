"""A request over HTTP/2 that is no RPC: one stream, answered by the application that answers HTTP/1.1.

To the application it is what a connection of HTTP/1.1 is while that has one request.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from naiad.backends.base import Array
from naiad.engine.execution import clock_ns
from naiad.engine.request import InferRequest
from naiad.errors import ContentTooLargeError, InternalError, NaiadError, RequestTimeoutError
from naiad.server.grpc_framing import Reservation
from naiad.server.request_head import RequestHead
from naiad.server.response import Response

if TYPE_CHECKING:
    from naiad.server.http2 import Http2Connection
    from naiad.server.http2_session import Header

logger = logging.getLogger(__name__)

_MAX_UNSENT_BYTES: Final = 1 << 20
_MAX_REMEMBERED: Final = 256
_UNEXPECTED: Final = "unexpected internal error, see the server's log"
_END_OF_HEAD: Final = b"\r\n\r\n"


class HttpStream:
    """One request.

    Args:
        connection: that it came by.
        stream_id: of its stream.
        head: its headers.
        now_ns: monotonic time at which they came.

    Attributes:
        request: the inference request that is being answered, for cancelling.
        on_lost: called when the client goes away before it has its answer; for the request's handler to set.
        on_writable: called when a client that did not read its answer does so again; for `begin`'s caller to set.
        is_finished: it has been answered, or there is nobody to answer.
    """

    __slots__ = (
        "_body",
        "_connection",
        "_half_closed",
        "_head",
        "_receiving",
        "_since_ns",
        "_stream_id",
        "is_finished",
        "on_lost",
        "on_writable",
        "request",
    )

    transport: Final = "HTTP"

    def __init__(self, connection: Http2Connection, stream_id: int, head: RequestHead, now_ns: int) -> None:
        self._connection = connection
        self._stream_id = stream_id
        self._head = head
        self._since_ns = now_ns
        self._body: _Body | None = None
        self._half_closed = False
        self._receiving = False
        self.request: InferRequest | None = None
        self.on_lost: Callable[[], None] | None = None
        self.on_writable: Callable[[], None] | None = None
        self.is_finished = False

    # What the application looks at and does.

    @property
    def remote_address(self) -> str:
        """The client's address; empty when it is not known."""
        return self._connection.remote_address

    @property
    def receiving_since_ns(self) -> int:
        """While a request is handled: when its first byte came, or 0 when all came at once."""
        return self._since_ns if self._receiving else 0

    def respond(self, request: InferRequest, outputs: Sequence[Array]) -> None:
        """An inference has its outputs."""
        if self.is_finished:
            return
        try:
            pieces = request.plan.encode(request.id, outputs)
        except NaiadError as error:
            self.fail(request, error)
            return
        except Exception:
            logger.exception("unexpected error while encoding outputs of '%s'", request.model.name)
            self.fail(request, InternalError(_UNEXPECTED))
            return
        head, _, rest = bytes(pieces[0]).partition(_END_OF_HEAD)
        self._answer(_translated(head), [rest, *pieces[1:]] if rest else pieces[1:])

    def fail(self, request: InferRequest, error: NaiadError) -> None:
        """An inference has no outputs."""
        self.answer(self._connection.server.describe(error))

    def answer(self, response: Response) -> None:
        """The request has its answer."""
        if not self.is_finished:
            headers = _headers(response)
            headers.append((b"content-length", b"%d" % len(response.body)))
            self._answer(headers, [response.body] if response.body else [])

    def begin(self, response: Response) -> None:
        """The request has an answer whose body follows by `send`, until `end`.

        Args:
            response: status, content type and fields; it has no body.
        """
        if not self.is_finished:
            self._connection.session.send_headers(self._stream_id, _headers(response))
            self._connection.flush_later()

    def send(self, piece: bytes) -> bool:
        """Send a piece of the body; whether the client reads as fast, else `on_writable` tells when it has."""
        if self.is_finished:
            return True
        if piece and self._head.method != "HEAD":
            self._connection.session.send_data(self._stream_id, piece)
            self._connection.flush_later()
        if self._connection.session.unsent_bytes(self._stream_id) < _MAX_UNSENT_BYTES:
            return True
        self._connection.tell_when_writable(self)
        return False

    def end(self) -> None:
        """The body is whole."""
        if not self.is_finished:
            self._connection.session.send_data(self._stream_id, b"", end_stream=True)
            self._finish()

    def abort(self) -> None:
        """Break the stream off, so that a body that is not whole cannot be taken for a whole one."""
        self._connection.session.reset(self._stream_id)
        self._connection.flush_later()

    @property
    def writable(self) -> bool:
        """Whether the client reads fast enough for more."""
        return self._connection.session.unsent_bytes(self._stream_id) < _MAX_UNSENT_BYTES

    # What the connection calls.

    def open(self, *, ended: bool) -> None:
        """The headers are there.

        Args:
            ended: there is no body.
        """
        self._half_closed = ended
        if ended:
            self._dispatch(b"", self._since_ns)
            return
        try:
            self._connection.server.check_body(self._head)
        except NaiadError as error:
            self.answer(self._connection.server.describe(error))
            return
        if self._head.expects_continue:
            self._connection.session.send_continue(self._stream_id)
            self._connection.flush_later()

    def receive(self, data: bytes, ended: bool, now_ns: int) -> None:
        """Part of the body has come.

        Args:
            data: of one frame.
            ended: nothing follows.
            now_ns: monotonic time.
        """
        if data:
            self._connection.session.consume(self._stream_id, len(data))
        self._half_closed = ended
        if self.is_finished:
            return
        if ended and self._body is None:
            self._dispatch(data, now_ns)
            return
        self._receiving = True
        try:
            if self._body is None:
                self._body = _Body(self._connection, self._head)
            self._body.add(data)
        except NaiadError as error:
            self.answer(self._connection.server.describe(error))
            return
        if ended:
            self._dispatch(self._body.content(), now_ns)
            self._body = None

    @property
    def unconsumed_bytes(self) -> int:
        """Whatever comes is taken in at once."""
        return 0

    def cancel(self) -> None:
        """The client is gone."""
        if self.is_finished:
            return
        self.is_finished = True
        self._body = self.on_writable = None
        request, self.request = self.request, None
        if request is not None:
            request.model.scheduler.cancel(request)
        lost, self.on_lost = self.on_lost, None
        if lost is not None:
            lost()

    def close_when_answered(self) -> None:
        """The server drains; a connection of HTTP/2 tells its client by itself."""

    def stop(self) -> None:
        """The server drains; what has begun is answered."""

    def check_time(self, now_ns: int, *, receive_timeout_ns: int, read_timeout_ns: int) -> None:
        """End a request that takes too long to arrive, or an answer that takes too long to be read.

        Args:
            now_ns: monotonic time.
            receive_timeout_ns: for the body to arrive.
            read_timeout_ns: for the client to read the answer.
        """
        waited_ns = now_ns - self._since_ns
        if self.is_finished:
            if waited_ns > read_timeout_ns:
                self.abort()
        elif not self._half_closed and waited_ns > receive_timeout_ns:
            self.answer(self._connection.server.describe(RequestTimeoutError("the request did not arrive in time")))

    def _dispatch(self, body: bytes | memoryview, now_ns: int) -> None:
        server = self._connection.server
        try:
            response = server.answer(self, self._head, body, now_ns)
        except NaiadError as error:
            response = server.describe(error)
        except Exception:
            logger.exception("unexpected error while handling %s %r", self._head.method, self._head.path)
            response = server.describe(InternalError(_UNEXPECTED))
        self._receiving = False
        if response is not None:
            self.answer(response)

    def _answer(self, headers: list[Header], pieces: Sequence[bytes | memoryview]) -> None:
        session, stream_id = self._connection.session, self._stream_id
        if self._head.method == "HEAD":
            pieces = ()
        session.send_headers(stream_id, headers, end_stream=not pieces)
        for piece in pieces[:-1]:
            session.send_data(stream_id, bytes(piece))
        if pieces:
            session.send_data(stream_id, bytes(pieces[-1]), end_stream=True)
        self._finish()

    def _finish(self) -> None:
        self.is_finished = True
        self._since_ns = clock_ns()
        self.request = self.on_lost = self.on_writable = self._body = None
        if not self._half_closed:
            self._connection.session.reset_when_sent(self._stream_id)
        self._connection.flush_later()


class _Body:
    """A body that comes in pieces.

    Args:
        connection: that it comes by.
        head: says how long it is, perhaps.
    """

    def __init__(self, connection: Http2Connection, head: RequestHead) -> None:
        self._server = connection.server
        self._reservation = Reservation(self._server.reserve, self._server.release)
        self._max_bytes = self._server.unchecked_body_bytes
        self._filled = 0
        self._grown: bytearray | None = None
        self._buffer = memoryview(b"")
        if b"content-length" in head.headers:
            array = np.empty(head.content_length, np.uint8)
            weakref.finalize(array, self._reservation.end).atexit = False
            self._buffer = array.data
        else:
            self._grown = bytearray()
            weakref.finalize(self, self._reservation.end).atexit = False

    def add(self, data: bytes) -> None:
        """Take in a piece.

        Raises:
            UnavailableError: the server holds as many bytes as it may.
            ContentTooLargeError: a body that does not say how long it is gets too long.
        """
        self._reservation.grow(len(data))
        if self._grown is not None:
            self._grown += data
            if len(self._grown) > self._max_bytes:
                raise ContentTooLargeError(
                    f"request body exceeds the maximum allowed input size of {self._max_bytes} bytes. "
                    "Use --http-max-input-size to increase the limit."
                )
            return
        self._buffer[self._filled : self._filled + len(data)] = data
        self._filled += len(data)

    def content(self) -> memoryview:
        """All of it."""
        return self._buffer if self._grown is None else memoryview(self._grown)


def _headers(response: Response) -> list[Header]:
    headers = [(b":status", b"%d" % response.status), (b"content-type", response.content_type)]
    return headers + _fields(response.fields.split(b"\r\n"))


def _fields(lines: Sequence[bytes]) -> list[Header]:
    """Header lines of HTTP/1.1 as headers of HTTP/2."""
    pairs = [line.partition(b":") for line in lines if line]
    return [(name.lower(), value.strip()) for name, _, value in pairs]


_translations: dict[bytes, list[Header]] = {}


def _translated(head: bytes) -> list[Header]:
    """The head of an answer of HTTP/1.1 as headers of HTTP/2."""
    headers = _translations.get(head)
    if headers is None:
        status_line, *lines = head.split(b"\r\n")
        headers = [(b":status", status_line.split(b" ")[1]), *_fields(lines)]
        if len(_translations) >= _MAX_REMEMBERED:
            _translations.clear()
        _translations[head] = headers
    return headers
