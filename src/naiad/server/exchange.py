"""One HTTP request as the application sees it, whichever version of HTTP it came by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from naiad.backends.base import Array
from naiad.engine.request import InferRequest
from naiad.errors import NaiadError
from naiad.server.response import Response


class Exchange(Protocol):
    """A request that is being answered: a connection of HTTP/1.1 meanwhile, or a stream of HTTP/2.

    It is the engine's sink for an inference.

    Attributes:
        request: the inference request that is being answered, for cancelling.
        on_lost: called when the client goes away before it has its answer; for the request's handler to set.
        on_writable: called when a client that did not read its answer does so again; for `begin`'s caller to set.
    """

    request: InferRequest | None
    on_lost: Callable[[], None] | None
    on_writable: Callable[[], None] | None

    @property
    def transport(self) -> str:
        """HTTP, as the names of moments in traces begin."""

    @property
    def receiving_since_ns(self) -> int:
        """While a request is handled: when its first byte came, or 0 when all came at once."""

    @property
    def remote_address(self) -> str:
        """The client's address; empty when it is not known."""

    def respond(self, request: InferRequest, outputs: Sequence[Array]) -> None:
        """An inference has its outputs."""

    def fail(self, request: InferRequest, error: NaiadError) -> None:
        """An inference has no outputs."""

    def answer(self, response: Response) -> None:
        """The request has its answer."""

    def begin(self, response: Response) -> None:
        """The request has an answer whose body follows by `send`, until `end`."""

    def send(self, piece: bytes) -> bool:
        """Send a piece of the body; whether the client reads as fast, else `on_writable` tells when it has."""

    def end(self) -> None:
        """The body is whole."""

    def abort(self) -> None:
        """Break off, so that a body that is not whole cannot be taken for a whole one."""

    def close_when_answered(self) -> None:
        """This is the last answer, where a connection has but one at a time."""


def peer_address(transport: asyncio.BaseTransport) -> str:
    """Who is at the other end of a transport; empty when that has no address."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else ""
