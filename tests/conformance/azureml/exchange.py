"""One request to a host, as bytes, and what comes back."""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass

from benchmarks.server import LOOPBACK

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One response.

    Attributes:
        status: its status; 0 when the host closed the connection without a word.
        headers: names in lower case, in order.
        body: without its framing; what came of it when the host broke off.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


CLOSED = Answer(0, (), b"")


def ask(port: int, data: bytes) -> Answer:
    """Send a request on a connection of its own.

    Args:
        port: on loopback.
        data: the request.

    Raises:
        TimeoutError: the host neither answers nor closes.
    """
    with socket.create_connection((LOOPBACK, port), timeout=_TIMEOUT_S) as connection:
        connection.sendall(data)
        response = http.client.HTTPResponse(connection, method=data.partition(b" ")[0].decode())
        try:
            response.begin()
        except (ConnectionError, http.client.BadStatusLine):
            return CLOSED
        headers = tuple((name.lower(), value) for name, value in response.getheaders())
        try:
            body = response.read()
        except http.client.IncompleteRead as broken:
            body = broken.partial
        return Answer(response.status, headers, body)
