"""One request for `/score` on its way through a worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from naiad.scoring.score_request import ScoreRequest
from naiad.scoring.score_response import ScoreResponse


class Reply(Protocol):
    """Whoever waits for the answer. To be called on the loop: `answer`, or `begin` and what follows it."""

    def watch(self, *, lost: Callable[[], Any], writable: Callable[[], Any] | None = None) -> None:
        """Call these when the client goes away, and when it reads again after `send` said that it does not."""

    def close_afterwards(self) -> None:
        """Close the connection behind the answer."""

    def answer(self, response: ScoreResponse) -> None:
        """Send an answer that is whole."""

    def begin(self, response: ScoreResponse) -> None:
        """Send the head of an answer whose body follows in pieces."""

    def send(self, piece: bytes) -> bool:
        """Send a piece; whether the client reads as fast."""

    def end(self) -> None:
        """The body is whole."""

    def abort(self) -> None:
        """The body will never be whole."""


class Job:
    """A request, until it has run.

    Attributes:
        request: for the script.
        reply: gives the client its answer.
        arrived_ns: monotonic time at which the request was whole.
        started_ns: at which `run()` began, or 0; set by the thread that runs it.
        is_answered: it needs no answer any more, or has the beginning of one; it may still run.
        is_streaming: its answer is on its way, piece by piece.
    """

    __slots__ = ("arrived_ns", "is_answered", "is_streaming", "reply", "request", "started_ns")

    def __init__(self, request: ScoreRequest, reply: Reply, arrived_ns: int) -> None:
        self.request: Final = request
        self.reply: Final = reply
        self.arrived_ns: Final = arrived_ns
        self.started_ns = 0
        self.is_answered = False
        self.is_streaming = False
