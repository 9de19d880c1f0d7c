"""A listening HTTP server: connections, limits and keys around an application's routes."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from naiad.engine.execution import clock_ns
from naiad.errors import ContentTooLargeError, InvalidArgumentError, NaiadError, UnavailableError, UsageError
from naiad.server.auth import KeyRing
from naiad.server.chunked import ChunkedBody
from naiad.server.http1 import HttpConnection
from naiad.server.request_head import HeadCache, RequestHead
from naiad.server.response import Response, error_response

logger = logging.getLogger(__name__)

_SWEEP_S: Final = 1.0
_BACKLOG: Final = 2048
_LAST_REQUESTS_S: Final = 0.25

Handler = Callable[[HttpConnection, RequestHead, "bytes | memoryview", int], "Response | None"]
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
        receive_timeout_s: from a request's first byte to its last.
        idle_timeout_s: between requests.
    """

    max_head_bytes: int = 1 << 14
    max_input_bytes: int = 1 << 26
    max_body_bytes: int = 1 << 30
    max_receiving_bytes: int = 1 << 31
    max_connections: int = 10_000
    receive_timeout_s: float = 60.0
    idle_timeout_s: float = 600.0


class HttpServer:
    """Accepts connections and hands their requests to a handler.

    Args:
        handle: the application.
        limits: what clients may ask.
        keys: required of every request, when given.
        check_access: raises for a request that may not use what its path names, when some need a right to.

    Attributes:
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
    ) -> None:
        is_open = keys is None and check_access is None
        self._answer: Handler = handle if is_open else self._handle_authorized
        self.handle: Handler = self._answer
        """Answers a request, or says None and answers later."""
        self._application = handle
        self._limits = limits
        self._keys = keys
        self._check_access = check_access
        self._receiving_bytes = 0
        self._listener: asyncio.Server | None = None
        self._drained: asyncio.Event | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self.connections: set[HttpConnection] = set()
        self.heads = HeadCache(limits.max_head_bytes)
        self.unchecked_body_bytes = min(limits.max_input_bytes, limits.max_body_bytes)
        self.receive_timeout_ns = int(limits.receive_timeout_s * 1e9)
        self.idle_timeout_ns = int(limits.idle_timeout_s * 1e9)

    async def listen(self, bound: socket.socket) -> None:
        """Accept connections on a bound socket.

        Raises:
            UnavailableError: another process that had bound the same port has begun to listen meanwhile.
        """
        loop = asyncio.get_running_loop()
        address, port = bound.getsockname()[:2]
        try:
            bound.listen(_BACKLOG)  # uvloop would do it, and keep the error to itself
        except OSError as error:
            raise _not_listening(address, port, error) from error
        self._listener = await loop.create_server(lambda: HttpConnection(self), sock=bound, backlog=_BACKLOG)
        self._sweeper = loop.call_later(_SWEEP_S, self._sweep)

    def stop_accepting(self) -> None:
        """Close the listening socket, and every connection behind its next answer, or soon if it asks nothing more.

        Requests that are on their way when a connection closes are lost; a client that is told in an answer that it
        was the last has none on its way.
        """
        if self._listener is not None:
            self._listener.close()
        handle = self.handle

        def handle_last(
            connection: HttpConnection, head: RequestHead, body: bytes | memoryview, arrived_ns: int
        ) -> Response | None:
            connection.close_when_answered()
            return handle(connection, head, body, arrived_ns)

        self.handle = handle_last
        for connection in tuple(self.connections):
            if connection.is_busy:
                connection.close_when_answered()
        asyncio.get_running_loop().call_later(_LAST_REQUESTS_S, self._close_idle)

    def _close_idle(self) -> None:
        for connection in tuple(self.connections):
            if connection.is_idle:
                connection.close_when_answered()

    async def drained(self) -> None:
        """Wait until every connection is closed."""
        self._drained = asyncio.Event()
        if self.connections:
            await self._drained.wait()

    def describe(self, error: NaiadError) -> Response:
        """The answer that tells a client of an error."""
        return error_response(error)

    def forget(self, connection: HttpConnection) -> None:
        """A connection is closed."""
        self.connections.discard(connection)
        if self._drained is not None and not self.connections:
            self._drained.set()

    def close(self) -> None:
        """Stop the housekeeping."""
        if self._sweeper is not None:
            self._sweeper.cancel()

    # What connections ask.

    def admit(self, connection: HttpConnection) -> bool:
        """Whether one more connection may be open."""
        if len(self.connections) >= self._limits.max_connections:
            return False
        self.connections.add(connection)
        return True

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
        self, connection: HttpConnection, head: RequestHead, body: bytes | memoryview, arrived_ns: int
    ) -> Response | None:
        self.authorize(head)
        return self._application(connection, head, body, arrived_ns)

    def log_requests(self, wanted: bool) -> None:
        """Log the method and the path of every request from now on, or no more: it costs nothing while it is not."""
        self.handle = self._handle_and_log if wanted else self._answer

    def _handle_and_log(
        self, connection: HttpConnection, head: RequestHead, body: bytes | memoryview, arrived_ns: int
    ) -> Response | None:
        logger.debug("HTTP request: %s %s", head.method, head.path.decode("latin-1"))
        return self._answer(connection, head, body, arrived_ns)

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
        now_ns = clock_ns()
        for connection in tuple(self.connections):
            connection.check_time(now_ns)
        self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)


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
