"""A transport without a socket: bytes in by hand, bytes out in a buffer, as strict as uvloop's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from naiad.server.http1 import HttpConnection
from naiad.server.http_server import HttpServer

READ_BYTES = 1 << 18
"""What uvloop reads at a time."""


class FakeTransport(asyncio.Transport):
    """What a connection is given instead of a socket.

    Attributes:
        written: what it has sent and `take` has not taken.
        closed: it has closed the connection.
        aborted: without sending the rest.
    """

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self.protocol = protocol
        self.written = bytearray()
        self.closed = False
        self.aborted = False
        self._reading = True
        self._unread = bytearray()

    # What connections call.

    def write(self, data: Any) -> None:
        assert not self.closed, f"written after close: {bytes(data)!r}"
        self.written += data

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        for data in list_of_data:
            self.write(data)

    def close(self) -> None:
        self.closed = True
        self._reading = False

    def abort(self) -> None:
        self.closed = self.aborted = True
        self._reading = False

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        if self.closed:
            raise RuntimeError("Cannot pause_reading() when closing")
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = not self.closed

    def is_reading(self) -> bool:
        return self._reading

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    # What tests call.

    def deliver(self, data: bytes = b"") -> None:
        """Bytes from the client, as far as the connection reads."""
        self._unread += data
        while self._unread and self._reading:
            if isinstance(self.protocol, asyncio.BufferedProtocol):
                buffer = memoryview(self.protocol.get_buffer(-1))
                count = min(len(buffer), len(self._unread))
                buffer[:count] = self._unread[:count]
                del self._unread[:count]
                self.protocol.buffer_updated(count)
            else:
                assert isinstance(self.protocol, asyncio.Protocol)
                piece = bytes(self._unread[:READ_BYTES])
                del self._unread[: len(piece)]
                self.protocol.data_received(piece)

    @property
    def unread_bytes(self) -> int:
        """How much the client has sent and the connection has not read."""
        return len(self._unread)

    def take(self) -> bytes:
        """What was sent since the last time."""
        taken = bytes(self.written)
        self.written.clear()
        return taken


def connect(server: HttpServer) -> tuple[HttpConnection, FakeTransport]:
    """A new connection of a server."""
    connection = HttpConnection(server)
    transport = FakeTransport(connection)
    connection.connection_made(transport)
    return connection, transport
