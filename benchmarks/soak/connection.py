"""A connection that sends the bytes it is given, and counts on nothing but HTTP."""

from __future__ import annotations

import json
import socket
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from benchmarks.server import LOOPBACK

TIMEOUT_S = 60.0
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class LostError(Exception):
    """The connection ended, or nothing came, before the answer was whole."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, its body uncompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The JSON of the body, without what is behind it."""
        return json.loads(self.body[: self.json_bytes])

    @property
    def json_bytes(self) -> int:
        """How much of the body is JSON."""
        return int(self.headers.get("inference-header-content-length", len(self.body)))


class Connection:
    """A connection to the server; a context manager."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((LOOPBACK, port), TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def send(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            LostError: nobody takes them.
        """
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise LostError(f"while sending: {error!r}") from error

    def read(self) -> Answer:
        """The next answer.

        Raises:
            LostError: it does not come, or only a part of it.
        """
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in fields}
        size = int(headers["content-length"])
        pieces = [self._received]
        missing = size - len(self._received)
        while missing > 0:
            self._received = b""
            self._receive()
            pieces.append(self._received)
            missing -= len(self._received)
        whole = b"".join(pieces)
        body, self._received = whole[:size], whole[size:]
        if "content-encoding" in headers:
            body = zlib.decompress(body, _GZIP_OR_ZLIB)
        return Answer(int(status_line.split(" ")[1]), headers, body)

    @property
    def has_more(self) -> bool:
        """Whether bytes came that belong to no answer which was read."""
        return bool(self._received)

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def _receive(self) -> None:
        try:
            data = self._socket.recv(1 << 20)
        except OSError as error:
            raise LostError(f"while waiting: {error!r}") from error
        if not data:
            raise LostError("the server closed")
        self._received += data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
