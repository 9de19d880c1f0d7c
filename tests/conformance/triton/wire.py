"""Bytes to a server, and everything that comes back: the answers, and whether the connection goes on."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.server import LOOPBACK

TIMEOUT_S = 60.0
PROBE = b"GET /v2/health/live HTTP/1.1\r\nHost: probe\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """One response as it came.

    Attributes:
        version: of HTTP, such as `HTTP/1.1`.
        status, reason: of the status line.
        headers: by lower-case name.
        body: without its chunks' framing.
    """

    version: str
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What one connection brought.

    Attributes:
        answers: in order, interim ones (100 Continue) included.
        afterwards: the status of one more request on the connection; 0 when the server had closed it.
    """

    answers: tuple[Answer, ...]
    afterwards: int


def ask(port: int, data: bytes, *, then: bytes = b"", answers: int = 1) -> Reply:
    """Send bytes on a connection of its own and read what comes back.

    Args:
        port: on loopback.
        data: one or more requests.
        then: what is sent when an interim answer says so.
        answers: how many final responses to read.

    Raises:
        TimeoutError: the server neither answers nor closes.
    """
    with socket.create_connection((LOOPBACK, port), timeout=TIMEOUT_S) as connection:
        reader = _Reader(connection)
        reader.send(data)
        found: list[Answer] = []
        while sum(answer.status >= 200 for answer in found) < answers:
            if (answer := reader.answer()) is None:
                return Reply(tuple(found), 0)
            found.append(answer)
            if answer.status < 200:
                reader.send(then)
        if found and found[-1].headers.get("connection", "").lower() != "close":
            reader.send(PROBE)
        probed = reader.answer()
        return Reply(tuple(found), probed.status if probed else 0)


class _Reader:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        self._ended = False

    def send(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self._ended = True

    def answer(self) -> Answer | None:
        """The next response; None when the connection ended before it."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        status, _, reason = rest.partition(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = b"" if int(status) < 200 else self._body(version, headers)
        return Answer(version, int(status), reason, headers, body)

    def _body(self, version: str, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        if version == "HTTP/1.0" and headers.get("connection", "").lower() == "keep-alive":
            return b""  # Nothing says where it ends; the cases ask only for what has no body.
        while self._more():
            pass
        return self._take(len(self._buffer))

    def _chunks(self) -> bytes:
        body = b""
        while (line := self._until(b"\r\n")) is not None:
            size = int(line, 16)
            body += self._exactly(size)
            self._exactly(2)
            if not size:
                break
        return body

    def _exactly(self, size: int) -> bytes:
        """As many bytes, or fewer when the connection ends first."""
        while len(self._buffer) < size and self._more():
            pass
        return self._take(size)

    def _until(self, mark: bytes) -> bytes | None:
        while mark not in self._buffer:
            if not self._more():
                return None
        found = self._take(self._buffer.index(mark))
        self._take(len(mark))
        return found

    def _take(self, size: int) -> bytes:
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _more(self) -> bool:
        if self._ended:
            return False
        try:
            received = self._connection.recv(1 << 16)
        except ConnectionResetError:
            received = b""
        self._ended = not received
        self._buffer += received
        return not self._ended
