"""One HTTP/1.1 connection: bytes in, requests to the application one at a time, answers out in order.

Heads are found and looked up by hand, and bodies larger than a read go straight from the socket into a buffer of their
own size (DESIGN §3.4; fast-path.md points 3–5).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from naiad.backends.base import Array
from naiad.engine.execution import clock_ns
from naiad.engine.request import InferRequest
from naiad.errors import (
    HeaderFieldsTooLargeError,
    InternalError,
    NaiadError,
    RequestTimeoutError,
    UnavailableError,
)
from naiad.server.chunked import ChunkedBody
from naiad.server.exchange import peer_address
from naiad.server.request_head import RequestHead
from naiad.server.response import CHUNKED, Response, error_response

if TYPE_CHECKING:
    from naiad.server.http_server import HttpServer

logger = logging.getLogger(__name__)

_MAX_WAITING_BYTES: Final = 1 << 16
_COPY_BELOW_BYTES: Final = 1 << 14
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\n"
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpConnection(asyncio.Protocol):
    """A client's connection.

    Args:
        server: limits, keys and routes.

    Attributes:
        request: the inference request that is being answered, for cancelling.
        on_lost: called when the client goes away before it has its answer; for the request's handler to set.
        on_writable: called when a client that did not read its answer does so again; for `begin`'s caller to set.
    """

    __slots__ = (
        "_body",
        "_busy",
        "_chunks",
        "_closing",
        "_head",
        "_reading_paused",
        "_receiving",
        "_reserved_bytes",
        "_server",
        "_since_ns",
        "_transport",
        "_waiting",
        "_writing_paused",
        "on_lost",
        "on_writable",
        "request",
    )

    transport: Final = "HTTP"

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._head: RequestHead | None = None
        self._waiting = b""
        self._body: BodyReceiver | None = None
        self._chunks: ChunkedBody | None = None
        self._reserved_bytes = 0
        self._receiving = False
        self._busy = False
        self._closing = False
        self._reading_paused = False
        self._writing_paused = False
        self._since_ns = clock_ns()
        self.request: InferRequest | None = None
        self.on_lost: Callable[[], None] | None = None
        self.on_writable: Callable[[], None] | None = None

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = cast(asyncio.Transport, transport)
        if not self._server.admit(self):
            self._refuse(UnavailableError("the server has as many connections as it may have, try again later"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone; whatever it waited for is not needed any more."""
        self._closing = True
        self._release_body()
        self._server.forget(self)
        if self.request is not None:
            self.request.model.scheduler.cancel(self.request)
            self.request = None
        if self.on_lost is not None:
            self.on_lost()
            self.on_lost = None

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._busy or self._writing_paused:
            self._wait(data)
            return
        self._advance(self._waiting + data if self._waiting else data)

    def eof_received(self) -> None:
        """The client has closed; the transport closes too."""

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """It does again."""
        self._writing_paused = False
        if not self._busy:
            self._proceed()
        elif self.on_writable is not None:
            self.on_writable()

    # Reading.

    def _wait(self, data: bytes) -> None:
        """Keep what came before its turn, but not without bound."""
        if self._closing:
            return
        self._waiting += data
        if len(self._waiting) > _MAX_WAITING_BYTES and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def _advance(self, data: bytes) -> None:
        """Take requests out of `data` until one must be waited for."""
        self._waiting = b""
        while data and not (self._busy or self._closing or self._writing_paused):
            if self._chunks is not None:
                data = self._feed_chunks(self._chunks, data)
                continue
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                self._head_incomplete(data)
                return
            if end == 4:
                data = data.lstrip(b"\r\n")  # empty lines before a request mean nothing: RFC 9112 §2.2
                continue
            try:
                head = self._server.heads.parse(data[:end])
            except NaiadError as error:
                if self._head is None and data.startswith(_PREFACE):
                    self._become_http2(data)
                else:
                    self._refuse(error)
                return
            end_of_body = end + head.content_length
            if head.chunked or end_of_body > len(data):
                data = self._begin_body(head, data[end:])
                continue
            if head.content_length > self._server.unchecked_body_bytes and not self._may_send_body(head):
                return
            body: bytes | memoryview = b""
            if head.content_length:
                body = data[end:end_of_body] if end_of_body < _COPY_BELOW_BYTES else memoryview(data)[end:end_of_body]
            self._dispatch(head, body)
            data = data[end_of_body:] if end_of_body < len(data) else b""
        if data:
            self._wait(data)

    def _become_http2(self, data: bytes) -> None:
        """The client speaks HTTP/2, and did so from the first byte on (RFC 9113 §3.3)."""
        successor = self._server.replace(self, self._transport)
        self._transport.set_protocol(successor)
        successor.data_received(data)

    def _head_incomplete(self, data: bytes) -> None:
        data = data.lstrip(b"\r\n")
        if len(data) > self._server.heads.max_head_bytes:
            self._refuse(
                HeaderFieldsTooLargeError(f"request head is larger than {self._server.heads.max_head_bytes} bytes")
            )
            return
        if data:
            self._begin_receiving()
        self._waiting = data

    def _begin_receiving(self) -> None:
        """The time that a request may take to arrive counts from its first byte."""
        if not self._receiving:
            self._receiving = True
            self._since_ns = clock_ns()

    def _may_send_body(self, head: RequestHead) -> bool:
        try:
            self._server.check_body(head)
        except NaiadError as error:
            self._refuse(error)
            return False
        return True

    def _begin_body(self, head: RequestHead, received: bytes) -> bytes:
        """Receive a body of which only the beginning is there; what is to be read here and now of that."""
        if not self._may_send_body(head):
            return b""
        if head.expects_continue and not received:
            self._transport.write(_CONTINUE)
        self._begin_receiving()
        if head.chunked:
            self._chunks = self._server.chunked_body(head)
            return received
        try:
            self._reserve(head.content_length)
        except NaiadError as error:
            self._refuse(error)
            return b""
        self._body = BodyReceiver(self, head, received)
        self._read_as(self._body)
        return b""

    def _reserve(self, size: int) -> None:
        self._server.reserve(size)
        self._reserved_bytes += size

    def _read_as(self, protocol: asyncio.BaseProtocol) -> None:
        # uvloop chooses how it reads when reading starts.
        self._transport.pause_reading()
        self._transport.set_protocol(protocol)
        self._transport.resume_reading()

    def body_received(self, head: RequestHead, body: memoryview) -> None:
        """A large body is whole; the next bytes are a request again."""
        self._body = None
        self._read_as(self)
        self._dispatch(head, body)

    def _release_body(self) -> None:
        """Bodies count as long as somebody works on them: until their request is answered."""
        self._server.release(self._reserved_bytes)
        self._reserved_bytes = 0
        self._body = self._chunks = None

    def _feed_chunks(self, body: ChunkedBody, data: bytes) -> bytes:
        """Take chunks out of `data`; what is left is behind the body."""
        size = len(body.content)
        try:
            rest = body.feed(data)
            self._reserve(len(body.content) - size)
        except NaiadError as error:
            self._refuse(error)
            return b""
        if rest is None:
            return b""
        self._chunks = None
        self._dispatch(body.head, memoryview(body.content))
        return rest

    def _proceed(self) -> None:
        """Go on with what has come in the meantime."""
        if self._reading_paused and not (self._busy or self._closing):
            self._reading_paused = False
            self._transport.resume_reading()
        if self._waiting and not self._busy:
            self._advance(self._waiting)

    # Answering.

    def _dispatch(self, head: RequestHead, body: bytes | memoryview) -> None:
        self._head = head
        now_ns = clock_ns()
        self._busy = True
        try:
            response = self._server.handle(self, head, body, now_ns)
        except NaiadError as error:
            response = self._server.describe(error)
        except Exception:
            logger.exception("unexpected error while handling %s %r", head.method, head.path)
            response = self._server.describe(InternalError("unexpected internal error, see the server's log"))
        self._since_ns = now_ns
        self._receiving = False
        if response is not None:
            self._busy = False
            self._send([self._encode(response, head)])

    def _encode(self, response: Response, head: RequestHead) -> bytes:
        encoded = response.encode(b"Connection: close\r\n" if self._closing else head.connection_field)
        return encoded[: len(encoded) - len(response.body)] if head.method == "HEAD" else encoded

    @property
    def remote_address(self) -> str:
        """The client's address; empty when it is not known."""
        return peer_address(self._transport)

    @property
    def receiving_since_ns(self) -> int:
        """While a request is handled: when its first byte came, or 0 when all came at once."""
        return self._since_ns if self._receiving else 0

    def respond(self, request: InferRequest, outputs: Sequence[Array]) -> None:
        """An inference has its outputs."""
        try:
            pieces = request.plan.encode(request.id, outputs)
        except NaiadError as error:
            self.fail(request, error)
            return
        except Exception:
            logger.exception("unexpected error while encoding outputs of '%s'", request.model.name)
            self.fail(request, InternalError("unexpected internal error, see the server's log"))
            return
        field = b"Connection: close\r\n" if self._closing else self._head.connection_field if self._head else b""
        if field:
            pieces[0] = bytes(pieces[0]).replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n", 1)
        self._answered(pieces)

    def fail(self, request: InferRequest, error: NaiadError) -> None:
        """An inference has no outputs."""
        self.answer(error_response(error))

    def answer(self, response: Response) -> None:
        """A request that was taken on has its answer."""
        if self._head is not None:
            self._answered([self._encode(response, self._head)])

    def begin(self, response: Response) -> None:
        """A request that was taken on has an answer whose body follows by `send`, until `end`.

        Args:
            response: status, content type and fields; it has no body.
        """
        if self._head is None:
            return
        framing = CHUNKED
        if not self._head.takes_chunks:
            framing, self._closing = b"", True
        field = b"Connection: close\r\n" if self._closing else self._head.connection_field
        self._transport.write(response.encode_head(framing, field))

    def send(self, piece: bytes) -> bool:
        """Send a piece of the body; whether the client reads as fast, else `on_writable` tells when it has."""
        if piece and self._head is not None and self._head.method != "HEAD":
            chunked = self._head.takes_chunks
            self._transport.writelines([b"%x\r\n" % len(piece), piece, b"\r\n"] if chunked else [piece])
            self._since_ns = clock_ns()
        return not self._writing_paused

    def end(self) -> None:
        """The body is whole."""
        bare = self._head is None or self._head.method == "HEAD" or not self._head.takes_chunks
        self._answered([b"" if bare else b"0\r\n\r\n"])

    def abort(self) -> None:
        """Break the connection off, so that a body that is not whole cannot be taken for a whole one."""
        self._transport.abort()

    def _answered(self, pieces: list[bytes | memoryview]) -> None:
        self.request = self.on_lost = self.on_writable = None
        self._busy = False
        self._send(pieces)
        if self._waiting or self._reading_paused:
            self._proceed()

    def _send(self, pieces: Sequence[Any]) -> None:
        if self._reserved_bytes:
            self._release_body()
        if self._transport.is_closing():
            return
        if len(pieces) == 1:
            self._transport.write(pieces[0])
        else:
            self._transport.writelines(pieces)
        self._since_ns = clock_ns()
        if self._closing or (self._head is not None and not self._head.keep_alive):
            self._closing = True
            self._transport.close()

    def _refuse(self, error: NaiadError) -> None:
        """Answer with an error and close: what follows on the connection cannot be understood or is not wanted."""
        self._closing = True
        self._since_ns = clock_ns()
        self._release_body()
        self._transport.write(self._server.describe(error).encode(b"Connection: close\r\n"))
        self._transport.close()

    # Time.

    def drain(self) -> None:
        """The server drains: close behind the answer that is awaited."""
        if self._busy:
            self.close_when_answered()

    def end_drain(self) -> None:
        """The server has drained: close unless a request is being answered or received."""
        if not (self._busy or self._receiving):
            self.close_when_answered()

    def close_when_answered(self) -> None:
        """The server drains: close now if nothing is being answered, else after the answer."""
        self._closing = True
        if not self._busy:
            self._transport.close()

    def check_time(self, now_ns: int) -> None:
        """Close a connection that is idle, sends its request, or does not read its answer, for too long."""
        waited_ns = now_ns - self._since_ns
        if self._busy:
            if self._writing_paused and self.on_writable and waited_ns > self._server.receive_timeout_ns:
                self._transport.abort()
            return
        if self._closing:
            if waited_ns > self._server.receive_timeout_ns:
                self._transport.abort()
        elif self._receiving:
            if waited_ns > self._server.receive_timeout_ns:
                self._refuse(RequestTimeoutError("the request did not arrive in time"))
        elif waited_ns > self._server.idle_timeout_ns:
            self._closing = True
            self._since_ns = now_ns
            self._transport.close()


class BodyReceiver(asyncio.BufferedProtocol):
    """Stands in for a connection while a body larger than one read comes in: the socket fills a buffer of its size.

    Args:
        connection: told when the body is whole.
        head: the request's.
        received: the first bytes of the body.
    """

    def __init__(self, connection: HttpConnection, head: RequestHead, received: bytes) -> None:
        self.head = head
        self._connection = connection
        # numpy's memory is not zeroed first, which for large tensors is worth a tenth of the time.
        self._buffer = np.empty(head.content_length, np.uint8).data
        self._buffer[: len(received)] = received
        self._received = len(received)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return self._buffer[self._received :]

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        self._received += nbytes
        if self._received == len(self._buffer):
            self._connection.body_received(self.head, self._buffer)

    def eof_received(self) -> None:
        """The client has closed."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        self._connection.resume_writing()
