"""How the host answers: a script's response dressed in the headers of the contract (azure-ml.md §4.4)."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from naiad.engine.execution import clock_ns
from naiad.scoring.request_ids import RequestIds, RequestIdSource
from naiad.scoring.score_response import ScoreResponse
from naiad.server.exchange import Exchange
from naiad.server.request_head import RequestHead
from naiad.server.response import Response

# What tells one answer from another is the host's to say, not the script's.
_OURS: Final = frozenset({"x-request-id", "x-ms-request-id", "x-ms-client-request-id", "x-ms-server-version"})

_LINE: Final = "%s %d %0.3fms %s"

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

logger = logging.getLogger("azmlinfsrv")


@dataclass(frozen=True, slots=True)
class Target:
    """What a head asks for, worked out once for all requests that begin with the same bytes.

    Attributes:
        serve: its route.
        head: the request's.
        headers: as the script sees them.
        ids: under which the request is known; None where answers do not tell.
        id_source: of ids for requests that have none.
        tail: further header lines of every answer.
        router_codes: a failed `run()` is 502 (azure-ml.md §5.4).
        is_logged: each request gets a line in the log.
        line: how that begins.
    """

    serve: Callable[[Exchange, Target, bytes | memoryview, int], None]
    head: RequestHead
    headers: tuple[tuple[str, str], ...]
    ids: RequestIds | None
    id_source: RequestIdSource
    tail: bytes
    router_codes: bool
    is_logged: bool
    line: str

    def dress(self, response: ScoreResponse) -> Response:
        """The answer on the wire; without its body where that follows in pieces."""
        content_type, lines = "", []
        for name, value in response.headers:
            key = name.lower()
            if key == "content-type":
                content_type = _CONTROL.sub(" ", value)
            elif key not in _OURS:
                line = f"{name}: {value}"
                # A header that a script makes of what a client sent must not become two.
                lines.append(line if line.isprintable() else _CONTROL.sub(" ", line))
        fields = self.tail
        if lines:
            fields = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n" + fields
        if self.ids is not None:
            fields += self.ids.fields(self.id_source)
        status = response.status
        if self.router_codes and status == 500 and response.run_function_failed:
            status = HTTPStatus.BAD_GATEWAY
        body = response.body if isinstance(response.body, bytes) else b""
        return Response(status, body, content_type.encode("latin-1", "replace"), fields)

    def log(self, status: int, arrived_ns: int, size: int | str) -> None:
        """Write the line of one request, after what this turn of the loop sends is sent."""
        if self.is_logged and logger.isEnabledFor(logging.INFO):
            values = self.line, status, (clock_ns() - arrived_ns) / 1e6, size
            asyncio.get_running_loop().call_soon(_write_line, values)


def _write_line(values: tuple[object, ...]) -> None:
    # As logger.info would, but for looking up who calls it, which takes half of its time.
    logger.handle(logger.makeRecord(logger.name, logging.INFO, __file__, 0, _LINE, values, None))


class ScoreReply:
    """Gives one request its answer and writes its line into the log.

    Args:
        connection: that waits for it.
        target: what the request asked for.
        arrived_ns: monotonic time at which the request was whole.
    """

    __slots__ = ("_arrived_ns", "_connection", "_status", "_target")

    def __init__(self, connection: Exchange, target: Target, arrived_ns: int) -> None:
        self._connection = connection
        self._target = target
        self._arrived_ns = arrived_ns
        self._status = 0

    def watch(self, *, lost: Callable[[], Any], writable: Callable[[], Any] | None = None) -> None:
        """Have a client's going away, and its reading again, told."""
        self._connection.on_lost = lost
        self._connection.on_writable = writable

    def close_afterwards(self) -> None:
        """Close the connection behind the answer."""
        self._connection.close_when_answered()

    def answer(self, response: ScoreResponse) -> None:
        """Send an answer that is whole."""
        answer = self._target.dress(response)
        self._connection.answer(answer)
        self._target.log(answer.status, self._arrived_ns, len(answer.body))

    def begin(self, response: ScoreResponse) -> None:
        """Send the head of an answer whose body follows in pieces."""
        answer = self._target.dress(response)
        self._status = answer.status
        self._connection.begin(answer)

    def send(self, piece: bytes) -> bool:
        """Send a piece; whether the client reads as fast."""
        return self._connection.send(piece)

    def end(self) -> None:
        """The body is whole."""
        self._target.log(self._status, self._arrived_ns, "N/A")
        self._connection.end()

    def abort(self) -> None:
        """The body will never be whole."""
        self._target.log(self._status, self._arrived_ns, "N/A")
        self._connection.abort()
