"""The v2 routes over HTTP: paths to views of the engine and to inference (triton.md §1.1). No logic of their own."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

from naiad.errors import InternalError, InvalidArgumentError, MethodNotAllowedError, NaiadError, NotFoundError
from naiad.server.exchange import Exchange
from naiad.server.generate_route import GenerateRoute
from naiad.server.http_views import HttpViews
from naiad.server.infer_route import InferRoute
from naiad.server.request_head import RequestHead
from naiad.server.response import Response, error_response
from naiad.server.restricted import Restrictions
from naiad.server.views import Views

logger = logging.getLogger(__name__)

_MODEL: Final = r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[0-9]+))?"
_SYSTEM_SHARED_MEMORY: Final = r"/v2/systemsharedmemory(?:/region/(?P<name>[^/]+))?"
_CUDA_SHARED_MEMORY: Final = r"/v2/cudasharedmemory(?:/region/(?P<name>[^/]+))?"
_REPOSITORY: Final = r"/v2/repository(?:/(?P<repository>[^/]+))?"
_MAX_VERSION: Final = str((1 << 63) - 1)
_TRACE: Final = r"/v2/(?:models/(?P<name>[^/]+)/)?trace/setting"

View = Callable[[str, str, "bytes | memoryview"], Response]
"""Answers at once: model name, version and body in (empty where the path has none)."""

SlowView = Callable[[str, str, "bytes | memoryview"], Coroutine[Any, Any, Response]]
"""Answers in its own time: repository name, model name and body in."""

Route = Callable[[Exchange, "bytes | memoryview", int], "Response | None"]
"""Answers the requests of one head: connection, body and arrival time in."""


class V2Routes:
    """The application behind the HTTP port.

    Args:
        views: what is answered, besides inferences.
        max_input_bytes: the largest JSON and raw tensor (--http-max-input-size).
        restrictions: the headers that some categories of routes need.
        metrics: answers `GET /metrics`, when that is answered on this port too.
    """

    def __init__(
        self, views: Views, *, max_input_bytes: int, restrictions: Restrictions, metrics: View | None = None
    ) -> None:
        self._engine = views.engine
        self._shared = views.shared.memory
        self._max_input_bytes = max_input_bytes
        self._restrictions = restrictions
        http = HttpViews(views)
        self._table: list[tuple[str, str, re.Pattern[str], View | SlowView | None]] = [
            (category, method, re.compile(path), view)
            for category, method, path, view in (
                ("metadata", "GET", "/v2", http.server_metadata),
                ("health", "GET", "/v2/health/live", http.live),
                ("health", "GET", "/v2/health/ready", http.ready),
                ("statistics", "GET", "/v2/models/stats", http.statistics),
                ("metadata", "GET", "/v2/models", http.list_models),
                ("inference", "POST", _MODEL + "/(?P<operation>infer|generate|generate_stream)", None),
                ("metadata", "GET", _MODEL, http.model_metadata),
                ("health", "GET", _MODEL + "/ready", http.model_ready),
                ("model-config", "GET", _MODEL + "/config", http.config),
                ("statistics", "GET", _MODEL + "/stats", http.statistics),
                ("shared-memory", "GET", _SYSTEM_SHARED_MEMORY + "/status", http.system_memory_status),
                ("shared-memory", "POST", _SYSTEM_SHARED_MEMORY + "/register", http.system_memory_register),
                ("shared-memory", "POST", _SYSTEM_SHARED_MEMORY + "/unregister", http.system_memory_unregister),
                ("shared-memory", "GET", _CUDA_SHARED_MEMORY + "/status", http.cuda_memory_status),
                ("shared-memory", "POST", _CUDA_SHARED_MEMORY + "/register", http.cuda_memory_register),
                ("shared-memory", "POST", _CUDA_SHARED_MEMORY + "/unregister", http.cuda_memory_unregister),
                ("trace", "GET", _TRACE, http.trace_settings),
                ("trace", "POST", _TRACE, http.update_trace),
                ("logging", "GET", "/v2/logging", http.log_settings),
                ("logging", "POST", "/v2/logging", http.update_log),
                ("model-repository", "POST", _REPOSITORY + "/index", http.index),
                ("model-repository", "POST", _REPOSITORY + "/models/(?P<name>[^/]+)/load", http.load),
                ("model-repository", "POST", _REPOSITORY + "/models/(?P<name>[^/]+)/unload", http.unload),
                *([("statistics", "GET", "/metrics", metrics)] if metrics else []),
            )
        ]
        self._tasks: set[asyncio.Task[None]] = set()

    def check_access(self, head: RequestHead) -> None:
        """Check a request's header when the category of its path is restricted, whatever its method is.

        Raises:
            RestrictedError: it has not the header that the category needs.
        """
        if head.category is None:
            path = _path(head)
            head.category = next((category for category, _, pattern, _ in self._table if pattern.fullmatch(path)), "")
        self._restrictions.check(head.category, head.headers)

    def handle(
        self, connection: Exchange, head: RequestHead, body: bytes | memoryview, arrived_ns: int
    ) -> Response | None:
        """Answer one request; None for an inference, whose answer comes later.

        Raises:
            NaiadError: the answer is an error.
        """
        route: Route | None = head.route
        if route is None:
            route = head.route = self._find(head)
        return route(connection, body, arrived_ns)

    def _find(self, head: RequestHead) -> Route:
        path = _path(head)
        known = False
        for _, method, pattern, view in self._table:
            if match := pattern.fullmatch(path):
                known = True
                if method == head.method:
                    groups = match.groupdict()
                    name, version = groups.get("name") or "", _version(groups.get("version") or "")
                    if view is None:
                        return self._inference(groups["operation"], name, version, head)
                    if "repository" in groups:
                        slow = cast(SlowView, view)
                        where = groups["repository"] or ""
                        return lambda connection, body, _: self._start(connection, slow(where, name, body))
                    quick = cast(View, view)
                    return lambda connection, body, _: quick(name, version, body)
        if known:
            raise MethodNotAllowedError("Method Not Allowed")
        raise NotFoundError("Not Found")

    def _inference(self, operation: str, name: str, version: str, head: RequestHead) -> Route:
        limit = self._max_input_bytes
        if operation == "infer":
            return InferRoute(self._engine, name, version, head, max_input_bytes=limit, shared=self._shared)
        streams = operation == "generate_stream"
        return GenerateRoute(self._engine, name, version, head, streams=streams, max_input_bytes=limit)

    def _start(self, connection: Exchange, answering: Coroutine[Any, Any, Response]) -> None:
        """Answer when the coroutine has the answer; the client going away does not stop it."""

        async def run() -> None:
            try:
                response = await answering
            except NaiadError as error:
                response = error_response(error)
            except Exception:
                logger.exception("unexpected error in model control")
                response = error_response(InternalError("unexpected internal error, see the server's log"))
            connection.answer(response)

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _version(digits: str) -> str:
    """A path's version number without leading zeros.

    Raises:
        InvalidArgumentError: 63 bits do not hold it.
    """
    number = digits.lstrip("0") or digits[:1]
    if len(number) > len(_MAX_VERSION) or (len(number) == len(_MAX_VERSION) and number > _MAX_VERSION):
        raise InvalidArgumentError(
            f"failed to get model version from specified version string '{digits}' (details: stol), version should be "
            "an integral value > 0"
        )
    return number


def _path(head: RequestHead) -> str:
    # Clients that join a base URI ending in a slash with `/v2/…` send two (azure-ml.md §1 item 18).
    return "/" + head.path.decode("latin-1").lstrip("/")
