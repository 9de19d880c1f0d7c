"""An HTTP client that sends exactly the bytes it is told to, and reads answers one by one."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response.

    Attributes:
        status: its status; 0 when the server closed without a byte.
        reason: the phrase behind the status.
        headers: by lower-case name.
        body: all of it.
    """

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed; only the part that Inference-Header-Content-Length covers when it is given."""
        size = self.headers.get("inference-header-content-length")
        return json.loads(self.body[: int(size)] if size else self.body)

    @property
    def error(self) -> str:
        """The error sentence in the body."""
        return str(self.json["error"])

    @property
    def binary(self) -> bytes:
        """What follows the JSON."""
        return self.body[int(self.headers["inference-header-content-length"]) :]


CLOSED = Answer(0, "", {}, b"")


class Connection:
    """A connection to a server; a context manager.

    Args:
        port: on this machine.
        timeout_s: how long any one read or write may take.
    """

    def __init__(self, port: int, *, timeout_s: float = TIMEOUT_S) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def read_answer(self, *, head_only: bool = False) -> Answer:
        """The next response, interim ones included; `CLOSED` when the server closes instead.

        Args:
            head_only: the request was a HEAD, whose answer has no body whatever its length says.
        """
        while b"\r\n\r\n" not in self._received:
            if not self._more():
                assert not self._received, f"the server closed inside a head: {self._received!r}"
                return CLOSED
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        _, status, reason = first.split(" ", 2)
        size = 0 if head_only else int(headers.get("content-length", "0"))
        while len(self._received) < size:
            assert self._more(), f"the server closed inside a body: {first}"
        body, self._received = self._received[:size], self._received[size:]
        return Answer(int(status), reason, headers, body)

    def is_closed(self) -> bool:
        """Whether the server closes the connection without another byte; waits for one or the other."""
        return not self._received and not self._more()

    def ask(self, data: bytes) -> Answer:
        """Send bytes and read the next response."""
        self.send(data)
        return self.read_answer()

    def _more(self) -> bool:
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            return False
        self._received += data
        return bool(data)


def request_bytes(
    method: str, path: str, body: bytes | None = None, *, headers: Iterable[str] = (), version: str = "1.1"
) -> bytes:
    """A request; Content-Length is added when there is a body and the headers have no framing of their own."""
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *headers]
    framed = any(line.lower().startswith(("content-length:", "transfer-encoding:")) for line in lines)
    if body is not None and not framed:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def ask(port: int, method: str, path: str, body: bytes | None = None, *, headers: Iterable[str] = ()) -> Answer:
    """One request on a connection of its own."""
    with Connection(port) as connection:
        return connection.ask(request_bytes(method, path, body, headers=headers))


def json_body(document: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(document, separators=(",", ":")).encode()


def infer_body(name: str, shape: list[int], datatype: str, data: Any, **more: Any) -> bytes:
    """The JSON of an inference with one input."""
    return json_body({"inputs": [{"name": name, "shape": shape, "datatype": datatype, "data": data}], **more})
