"""A connection driven with bytes: what stands in for the application and for the client."""

from __future__ import annotations

import json
from typing import Any

from naiad.errors import NotFoundError
from naiad.server.exchange import Exchange
from naiad.server.http_server import HttpServer, Limits
from naiad.server.request_head import RequestHead
from naiad.server.response import Response
from tests.support.transport import connect

LATER = b"/later"
CLOSE = b"Connection: close\r\n"


class Application:
    """Echoes what it is asked, at once or (for the path `/later`) when told to.

    Attributes:
        waiting: connections whose answer is still to come, with that answer.
        asked: method, path and body of every request.
    """

    def __init__(self) -> None:
        self.waiting: list[tuple[Exchange, Response]] = []
        self.asked: list[tuple[str, bytes, bytes]] = []
        self.authorized = True

    def handle(
        self, connection: Exchange, head: RequestHead, body: bytes | memoryview, arrived_ns: int
    ) -> Response | None:
        self.asked.append((head.method, head.path, bytes(body)))
        if head.path == b"/error":
            raise NotFoundError("not here")
        if head.path == b"/crash":
            raise RuntimeError("a bug")
        response = Response(200, b"%b %b %d" % (head.method.encode(), head.path, len(body)))
        if head.path == LATER:
            self.waiting.append((connection, response))
            return None
        return response

    def answer(self) -> None:
        """Answer the oldest request that waits."""
        connection, response = self.waiting.pop(0)
        connection.answer(response)


class Client:
    """A connection, its application, and what came out."""

    def __init__(self, **limits: Any) -> None:
        self.application = Application()
        self.server = HttpServer(self.application.handle, limits=Limits(**limits))
        self.connection, self.transport = connect(self.server)

    def ask(self, data: bytes) -> bytes:
        """Send bytes; what came back."""
        self.transport.deliver(data)
        return self.transport.take()


def answer(method: str, path: bytes, size: int = 0, field: bytes = b"") -> bytes:
    body = b"%b %b %d" % (method.encode(), path, size)
    return Response(200, body).encode(field)[: -len(body) if method == "HEAD" else None]


def error_of(data: bytes, status: int) -> str:
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    return str(json.loads(body)["error"])
