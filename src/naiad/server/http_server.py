"""A listening HTTP server: connections, limits and keys around an application's routes."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from naiad.engine.execution import clock_ns
from naiad.errors import ContentTooLargeError, InvalidArgumentError, NaiadError, UnavailableError, UsageError
from naiad.server.auth import KeyRing
from naiad.server.chunked import ChunkedBody
from naiad.server.deadlines import Deadlines
from naiad.server.exchange import Exchange
from naiad.server.grpc_call import GrpcService
from naiad.server.grpc_framing import MessageReader
from naiad.server.http1 import HttpConnection
from naiad.server.http2 import Http2Connection, KeepAlive
from naiad.server.http2_head import Http2HeadCache
from naiad.server.http2_session import SessionLimits
from naiad.server.request_head import HeadCache, RequestHead
from naiad.server.response import Response, error_response

logger = logging.getLogger(__name__)

_SWEEP_S: Final = 1.0
_BACKLOG: Final = 2048
_LAST_REQUESTS_S: Final = 0.25
_HANDSHAKE_S: Final = 10.0

Handler = Callable[[Exchange, RequestHead, "bytes | memoryview", int], "Response | None"]
"""Answers a request, or arranges for the connection's `respond` or `fail` to be called later and returns None.
Takes the connection, the head, the body and the monotonic time in nanoseconds at which the request was whole."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may ask of the server; each is a setting.

    Attributes:
        max_head_bytes: a request line and headers.
        max_input_bytes: a JSON or raw body, and each tensor in JSON (--http-max-input-size).
        max_body_bytes: a body with binary tensors.
        max_receiving_bytes: all large bodies in the server, from their first byte until they are answered.
        max_connections: open connections.
        max_streams: requests of one connection of HTTP/2 at a time.
        receive_timeout_s: from a request's first byte to its last.
        idle_timeout_s: between requests.
    """

    max_head_bytes: int = 1 << 14
    max_input_bytes: int = 1 << 26
    max_body_bytes: int = 1 << 30
    max_receiving_bytes: int = 1 << 31
    max_connections: int = 10_000
    max_streams: int = 1024
    receive_timeout_s: float = 60.0
    idle_timeout_s: float = 600.0


class HttpServer:
    """Accepts connections and hands their requests to a handler.

    Args:
        handle: the application.
        limits: what clients may ask.
        keys: required of every request, when given.
        check_access: raises for a request that may not use what its path names, when some need a right to.
        grpc: answers RPCs, when given.
        compression_level: of zlib's, for answers to RPCs of clients that accept compressed ones; 0 for none.
        keep_alive: how long connections of HTTP/2 live.

    Attributes:
        answer: answers a request, or says None and answers later.
        handle: the same for connections that close behind their last answer.
        connections: those that are open.
        heads: request heads seen before.
        unchecked_body_bytes: bodies up to this size are within every limit.
    """

    def __init__(
        self,
        handle: Handler,
        *,
        limits: Limits,
        keys: KeyRing | None = None,
        check_access: Callable[[RequestHead], None] | None = None,
        grpc: GrpcService | None = None,
        compression_level: int = 0,
        keep_alive: KeepAlive | None = None,
    ) -> None:
        is_open = keys is None and check_access is None
        self._application = handle
        self._checked: Handler = handle if is_open else self._handle_authorized
        self.answer = self.handle = self._checked
        self._logs_requests = False
        self._is_draining = False
        self._grpc = grpc
        self._limits = limits
        self._keys = keys
        self._check_access = check_access
        self._receiving_bytes = 0
        self._listener: asyncio.Server | None = None
        self._drained: asyncio.Event | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._unflushed: list[Http2Connection] = []
        self.connections: set[HttpConnection | Http2Connection] = set()
        self.heads = HeadCache(limits.max_head_bytes)
        self.http2_heads = Http2HeadCache(limits.max_head_bytes, grpc, compression_level=compression_level)
        self.session_limits = SessionLimits(max_streams=limits.max_streams, max_headers_bytes=limits.max_head_bytes)
        self.keep_alive = keep_alive or KeepAlive()
        self.deadlines = Deadlines()
        self.unchecked_body_bytes = min(limits.max_input_bytes, limits.max_body_bytes)
        self.receive_timeout_ns = int(limits.receive_timeout_s * 1e9)
        self.idle_timeout_ns = int(limits.idle_timeout_s * 1e9)

    async def listen(self, bound: socket.socket, *, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections on a bound socket.

        Args:
            bound: the socket.
            tls: speaks TLS on it, when given.

        Raises:
            UnavailableError: another process that had bound the same port has begun to listen meanwhile.
        """
        loop = asyncio.get_running_loop()
        address, port = bound.getsockname()[:2]
        try:
            bound.listen(_BACKLOG)  # uvloop would do it, and keep the error to itself
        except OSError as error:
            raise _not_listening(address, port, error) from error
        self._listener = await loop.create_server(
            lambda: HttpConnection(self),
            sock=bound,
            backlog=_BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=_HANDSHAKE_S if tls else None,
        )
        self._sweeper = loop.call_later(_SWEEP_S, self._sweep)

    def stop_accepting(self) -> None:
        """Close the listening socket, and every connection behind its next answer, or soon if it asks nothing more.

        Requests that are on their way when a connection closes are lost; a client that is told in an answer that it
        was the last has none on its way.
        """
        if self._listener is not None:
            self._listener.close()
        self._is_draining = True
        self._choose_handlers()
        for connection in tuple(self.connections):
            connection.drain()
        asyncio.get_running_loop().call_later(_LAST_REQUESTS_S, self._end_connections)

    def _end_connections(self) -> None:
        for connection in tuple(self.connections):
            connection.end_drain()

    async def drained(self) -> None:
        """Wait until every connection is closed."""
        self._drained = asyncio.Event()
        if self.connections:
            await self._drained.wait()

    def describe(self, error: NaiadError) -> Response:
        """The answer that tells a client of an error."""
        return error_response(error)

    def forget(self, connection: HttpConnection | Http2Connection) -> None:
        """A connection is closed."""
        self.connections.discard(connection)
        if self._drained is not None and not self.connections:
            self._drained.set()

    def close(self) -> None:
        """Stop the housekeeping."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        self.deadlines.close()

    # What connections ask.

    def admit(self, connection: HttpConnection) -> bool:
        """Whether one more connection may be open."""
        if len(self.connections) >= self._limits.max_connections:
            return False
        self.connections.add(connection)
        return True

    def replace(self, connection: HttpConnection, transport: asyncio.Transport) -> Http2Connection:
        """A client turns out to speak HTTP/2: the connection that goes on in place of this one."""
        successor = Http2Connection(self, transport)
        self.connections.discard(connection)
        self.connections.add(successor)
        if self._is_draining:
            successor.drain()
        return successor

    def flush_later(self, connection: Http2Connection) -> None:
        """Have a connection send what it has to send once this turn of the loop is through."""
        if not self._unflushed:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unflushed.append(connection)

    def _flush(self) -> None:
        unflushed, self._unflushed = self._unflushed, []
        for connection in unflushed:
            try:
                connection.flush()
            except Exception:
                logger.exception("unexpected error while sending answers")

    def message_reader(self, encoding: bytes) -> MessageReader:
        """What takes in the messages of a call.

        Args:
            encoding: of those that are compressed.
        """
        return MessageReader(
            encoding,
            max_bytes=self._limits.max_body_bytes,
            max_plain_bytes=self._limits.max_input_bytes,
            reserve=self.reserve,
            release=self.release,
        )

    def authorize_call(self, path: bytes, metadata: Mapping[bytes, bytes]) -> None:
        """Check a call's key, when keys are on, and what else its method asks for.

        Raises:
            UnauthorizedError: it has no valid key.
            RestrictedError: the method is restricted, and the metadata do not open it.
        """
        if self._logs_requests:
            logger.debug("gRPC request: %s", path.decode("latin-1"))
        if self._keys is not None:
            self._keys.check(metadata.get(b"authorization"))
        if self._grpc is not None:
            self._grpc.authorize(path, metadata)

    def check_body(self, head: RequestHead) -> None:
        """Whether the body behind this head may be sent at all, before anything is kept of it.

        Raises:
            UnauthorizedError, RestrictedError: as `authorize`.
            InvalidArgumentError, ContentTooLargeError: it is too large (triton.md §1.2).
        """
        self.authorize(head)
        size, limit = head.content_length, self._limits.max_input_bytes
        json_bytes = head.headers.get(b"inference-header-content-length")
        advice = "Use --http-max-input-size to increase the limit."
        if json_bytes is None and size > limit:
            raise InvalidArgumentError(
                f"request JSON size of {size} bytes exceeds the maximum allowed input size of {limit} bytes. {advice}"
            )
        if json_bytes == b"0" and size > limit:
            raise InvalidArgumentError(
                f"Raw input has a byte_size ({size} bytes) that exceeds the maximum allowed value of {limit} bytes. "
                f"{advice}"
            )
        if size > self._limits.max_body_bytes:
            raise ContentTooLargeError(
                f"request body of {size} bytes is larger than the {self._limits.max_body_bytes} bytes that are allowed",
                hint="--http-max-body-size sets the limit",
            )

    def chunked_body(self, head: RequestHead) -> ChunkedBody:
        """What takes in the body behind the head of a chunked request."""
        limits = self._limits
        return ChunkedBody(head, max_bytes=limits.max_input_bytes, max_line_bytes=limits.max_head_bytes)

    def authorize(self, head: RequestHead) -> None:
        """Check a request's key, when keys are on, and its header, when its path is restricted.

        Raises:
            UnauthorizedError: it has no valid key.
            RestrictedError: it has not the header.
        """
        if self._keys is not None:
            self._keys.check(head.headers.get(b"authorization"))
        if self._check_access is not None:
            self._check_access(head)

    def _handle_authorized(
        self, connection: Exchange, head: RequestHead, body: bytes | memoryview, arrived_ns: int
    ) -> Response | None:
        self.authorize(head)
        return self._application(connection, head, body, arrived_ns)

    def log_requests(self, wanted: bool) -> None:
        """Log the method and the path of every request from now on, or no more: it costs nothing while it is not."""
        self._logs_requests = wanted
        self._choose_handlers()

    def _choose_handlers(self) -> None:
        self.answer = self._handle_and_log if self._logs_requests else self._checked
        self.handle = self._handle_last if self._is_draining else self.answer

    def _handle_and_log(
        self, connection: Exchange, head: RequestHead, body: bytes | memoryview, arrived_ns: int
    ) -> Response | None:
        logger.debug("HTTP request: %s %s", head.method, head.path.decode("latin-1"))
        return self._checked(connection, head, body, arrived_ns)

    def _handle_last(
        self, connection: Exchange, head: RequestHead, body: bytes | memoryview, arrived_ns: int
    ) -> Response | None:
        connection.close_when_answered()
        return self.answer(connection, head, body, arrived_ns)

    def reserve(self, size: int) -> None:
        """Account for a body that is going to be received.

        Raises:
            UnavailableError: too much is being received already.
        """
        if self._receiving_bytes + size > self._limits.max_receiving_bytes:
            raise UnavailableError("the server holds as many bytes of requests as it may, try again later")
        self._receiving_bytes += size

    def release(self, size: int) -> None:
        """Undo `reserve`."""
        self._receiving_bytes -= size

    def _sweep(self) -> None:
        self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)
        now_ns = clock_ns()
        for connection in tuple(self.connections):
            connection.check_time(now_ns)


def bind(address: str, port: int, *, shared: bool = False) -> socket.socket:
    """Take a port without answering on it yet, so that a taken one is known before models load.

    Args:
        address: to bind to.
        port: to bind to; 0 for any that is free.
        shared: other servers that say so too may take it as well.

    Raises:
        UnavailableError: the port is taken, or the address is not this machine's.
    """
    try:
        family, _, _, _, target = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _not_listening(address, port, error) from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(target)
    except OSError as error:
        bound.close()
        raise _not_listening(address, port, error) from error
    return bound


def adopt(descriptor: int) -> socket.socket:
    """The listening socket that this process inherited; whoever opened it may share it among processes.

    Raises:
        UsageError: the descriptor is no listening stream socket.
    """
    try:
        inherited = socket.socket(fileno=descriptor)
    except OSError as error:
        raise UsageError(f"file descriptor {descriptor} is no socket: {error.strerror}") from error
    if inherited.type != socket.SOCK_STREAM or not inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        inherited.detach()
        raise UsageError(f"file descriptor {descriptor} is no socket that listens for connections")
    return inherited


def _not_listening(address: str, port: int, error: OSError) -> UnavailableError:
    if error.errno == errno.EADDRINUSE:
        return UnavailableError(
            f"Socket '{address}:{port}' already in use", hint="choose another port, or stop the process that holds it"
        )
    return UnavailableError(f"unable to listen on '{address}:{port}': {error.strerror or error}")
