"""naiad's HTTP server around the host's routes: its limits, its keys, and errors as azmlinfsrv writes them."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

import orjson

from naiad.errors import ContentTooLargeError, NaiadError, UnauthorizedError
from naiad.scoring.listener import Listener
from naiad.scoring.routes import ScoreRoutes
from naiad.scoring.score_queue import ScoreQueue
from naiad.server.auth import KeyRing
from naiad.server.http1 import HttpConnection
from naiad.server.http_server import HttpServer, Limits
from naiad.server.request_head import RequestHead
from naiad.server.response import JSON, Response

_MAX_PATIENCE_S: Final = 0.1
_MAX_PAUSE_S: Final = 0.02
_SLOW_S: Final = 0.002
_NOT_FAILED: Final = b"x-ms-run-function-failed: False\r\n"
_CHALLENGE: Final = b"WWW-Authenticate: Bearer\r\n"


class ScoreServer(HttpServer):
    """Listens for a worker.

    Args:
        routes: of the script.
        queue: of requests for the script.
        limits: what clients may ask.
        keys: required of requests, when given.
        shared: other workers listen, too.

    Attributes:
        has_successor: somebody goes on listening on the same sockets when this server stops.
    """

    def __init__(
        self, routes: ScoreRoutes, queue: ScoreQueue, *, limits: Limits, keys: KeyRing | None, shared: bool
    ) -> None:
        super().__init__(routes.handle, limits=limits, check_access=None if keys is None else self._check_key)
        self._routes = routes
        self._ring = keys
        self._max_body_bytes = limits.max_body_bytes
        self._queue = queue
        self._is_shared = shared
        self.has_successor = False
        self._listeners: list[Listener] = []
        self._opening: set[asyncio.Task[Any]] = set()
        queue.on_idle = self._resume

    def accept_from(self, *listening: socket.socket) -> None:
        """Accept connections on sockets that listen already."""
        self._listeners = [
            Listener(one, self._accepted, patience_s=self._patience_s, pause_s=self._pause_s) for one in listening
        ]
        self._sweep()

    def stop_accepting(self) -> None:
        """As every server; connections that nobody has taken are taken, unless others listen, too."""
        for listener in self._listeners:
            listener.close(takes_last=not self.has_successor)
        super().stop_accepting()

    async def drained(self) -> None:
        """Wait until every connection is closed."""
        await asyncio.gather(*self._opening, return_exceptions=True)
        await super().drained()

    def check_body(self, head: RequestHead) -> None:
        """Whether the body behind this head may be sent at all, before anything is kept of it.

        Raises:
            UnauthorizedError: the request needs a key.
            ContentTooLargeError: it is too large.
        """
        self.authorize(head)
        if head.content_length > self._max_body_bytes:
            raise ContentTooLargeError("")

    def describe(self, error: NaiadError) -> Response:
        """`{"message": …}`, as all of the host's errors (azure-ml.md §4.2)."""
        message = error.message
        if isinstance(error, ContentTooLargeError):
            message = f"The request's body is larger than the {self._max_body_bytes} bytes that are allowed."
        fields = _NOT_FAILED + (_CHALLENGE if isinstance(error, UnauthorizedError) else b"")
        return Response(error.http_status, orjson.dumps({"message": message}), JSON, fields)

    def _check_key(self, head: RequestHead) -> None:
        if self._ring is not None and self._routes.needs_key(head):
            self._ring.check(head.headers.get(b"authorization"))

    def _accepted(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(loop.connect_accepted_socket(lambda: HttpConnection(self), connection))
        self._opening.add(task)
        task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[Any]) -> None:
        self._opening.discard(task)
        task.exception()  # the client may be gone by now, which is no news

    def _patience_s(self) -> float:
        waiting = len(self._queue)
        return min(self._queue.run_s, _MAX_PATIENCE_S) * waiting if self._is_shared and waiting else 0.0

    def _pause_s(self) -> float:
        run_s = self._queue.run_s
        return min(run_s / 4, _MAX_PAUSE_S) if self._is_shared and run_s > _SLOW_S else 0.0

    def _resume(self) -> None:
        for listener in self._listeners:
            listener.resume()
