"""The v2 routes over HTTP: paths to views of the engine and to inference (triton.md §1.1). No logic of their own."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

from naiad.config.render import config_json
from naiad.engine.engine import Engine
from naiad.errors import InternalError, InvalidArgumentError, MethodNotAllowedError, NaiadError, NotFoundError
from naiad.protocol.repository import parse_index, parse_load, parse_unload
from naiad.server import views
from naiad.server.generate_route import GenerateRoute
from naiad.server.http1 import HttpConnection
from naiad.server.infer_route import InferRoute
from naiad.server.logging_views import LoggingViews
from naiad.server.model_control import ModelControl, check_repository_name
from naiad.server.request_head import RequestHead
from naiad.server.response import JSON, Response, error_response, json_response
from naiad.server.restricted import Restrictions
from naiad.server.shared_memory_views import SharedMemoryViews
from naiad.server.trace_views import TraceViews

logger = logging.getLogger(__name__)

_MODEL: Final = r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[0-9]+))?"
_SYSTEM_SHARED_MEMORY: Final = r"/v2/systemsharedmemory(?:/region/(?P<name>[^/]+))?"
_CUDA_SHARED_MEMORY: Final = r"/v2/cudasharedmemory(?:/region/(?P<name>[^/]+))?"
_REPOSITORY: Final = r"/v2/repository(?:/(?P<repository>[^/]+))?"
_MAX_VERSION: Final = str((1 << 63) - 1)
_TRACE: Final = r"/v2/(?:models/(?P<name>[^/]+)/)?trace/setting"
_LIVE: Final = json_response({"live": True})
_READY: Final = json_response({"ready": True})
_NOT_READY: Final = json_response({"ready": False}, 400)
_MODEL_NOT_READY: Final = Response(400, b'{"error":"Model version not ready"}')

View = Callable[[str, str, "bytes | memoryview"], Response]
"""Answers at once: model name, version and body in (empty where the path has none)."""

SlowView = Callable[[str, str, "bytes | memoryview"], Coroutine[Any, Any, Response]]
"""Answers in its own time: repository name, model name and body in."""

Route = Callable[[HttpConnection, "bytes | memoryview", int], "Response | None"]
"""Answers the requests of one head: connection, body and arrival time in."""


class V2Routes:
    """The application behind the HTTP port.

    Args:
        engine: the models.
        control: who may load and unload them.
        shared: who may register shared memory.
        server_id: what metadata calls the server.
        max_input_bytes: the largest JSON and raw tensor (--http-max-input-size).
        strict_readiness: ready only when every model is.
        restrictions: the headers that some categories of routes need.
        logging_views: what is logged.
        trace_views: what is traced.
    """

    def __init__(
        self,
        engine: Engine,
        control: ModelControl,
        shared: SharedMemoryViews,
        *,
        server_id: str,
        max_input_bytes: int,
        strict_readiness: bool,
        restrictions: Restrictions,
        logging_views: LoggingViews,
        trace_views: TraceViews,
    ) -> None:
        self._engine = engine
        self._control = control
        self._shared = shared
        self._server_id = server_id
        self._max_input_bytes = max_input_bytes
        self._strict_readiness = strict_readiness
        self._restrictions = restrictions
        self._table: list[tuple[str, str, re.Pattern[str], View | SlowView | None]] = [
            (category, method, re.compile(path), view)
            for category, method, path, view in (
                ("metadata", "GET", "/v2", self._server_metadata),
                ("health", "GET", "/v2/health/live", self._live),
                ("health", "GET", "/v2/health/ready", self._ready),
                ("statistics", "GET", "/v2/models/stats", self._statistics),
                ("metadata", "GET", "/v2/models", self._list_models),
                ("inference", "POST", _MODEL + "/(?P<operation>infer|generate|generate_stream)", None),
                ("metadata", "GET", _MODEL, self._model_metadata),
                ("health", "GET", _MODEL + "/ready", self._model_ready),
                ("model-config", "GET", _MODEL + "/config", self._config),
                ("statistics", "GET", _MODEL + "/stats", self._statistics),
                ("shared-memory", "GET", _SYSTEM_SHARED_MEMORY + "/status", shared.status),
                ("shared-memory", "POST", _SYSTEM_SHARED_MEMORY + "/register", shared.register),
                ("shared-memory", "POST", _SYSTEM_SHARED_MEMORY + "/unregister", shared.unregister),
                ("shared-memory", "GET", _CUDA_SHARED_MEMORY + "/status", shared.cuda_status),
                ("shared-memory", "POST", _CUDA_SHARED_MEMORY + "/register", shared.cuda_register),
                ("shared-memory", "POST", _CUDA_SHARED_MEMORY + "/unregister", shared.cuda_unregister),
                ("trace", "GET", _TRACE, trace_views.settings),
                ("trace", "POST", _TRACE, trace_views.update),
                ("logging", "GET", "/v2/logging", logging_views.settings),
                ("logging", "POST", "/v2/logging", logging_views.update),
                ("model-repository", "POST", _REPOSITORY + "/index", self._index),
                ("model-repository", "POST", _REPOSITORY + "/models/(?P<name>[^/]+)/load", self._load),
                ("model-repository", "POST", _REPOSITORY + "/models/(?P<name>[^/]+)/unload", self._unload),
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
        self, connection: HttpConnection, head: RequestHead, body: bytes | memoryview, arrived_ns: int
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
            memory = self._shared.memory
            return InferRoute(self._engine, name, version, head, max_input_bytes=limit, shared=memory)
        streams = operation == "generate_stream"
        return GenerateRoute(self._engine, name, version, head, streams=streams, max_input_bytes=limit)

    def _server_metadata(self, name: str, version: str, body: bytes | memoryview) -> Response:
        return json_response(views.server_metadata(self._server_id))

    # The bodies of health and model control are for KServe's clients; Triton's look at the status (peers.md §5).

    def _live(self, name: str, version: str, body: bytes | memoryview) -> Response:
        return _LIVE

    def _ready(self, name: str, version: str, body: bytes | memoryview) -> Response:
        return _READY if self._engine.is_ready or not self._strict_readiness else _NOT_READY

    def _list_models(self, name: str, version: str, body: bytes | memoryview) -> Response:
        return json_response(views.list_models(self._engine))

    def _model_metadata(self, name: str, version: str, body: bytes | memoryview) -> Response:
        return json_response(views.model_metadata(self._engine, name, version))

    def _model_ready(self, name: str, version: str, body: bytes | memoryview) -> Response:
        if not views.is_model_ready(self._engine, name, version):
            return _MODEL_NOT_READY
        return json_response({"name": name, "ready": True})

    def _config(self, name: str, version: str, body: bytes | memoryview) -> Response:
        return Response(200, config_json(self._engine.model(name, version).config), JSON)

    def _statistics(self, name: str, version: str, body: bytes | memoryview) -> Response:
        return json_response(views.statistics(self._engine, name, version))

    def _start(self, connection: HttpConnection, answering: Coroutine[Any, Any, Response]) -> None:
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

    async def _index(self, repository: str, name: str, body: bytes | memoryview) -> Response:
        return json_response(await views.repository_index(self._engine, ready_only=parse_index(body)))

    async def _load(self, repository: str, name: str, body: bytes | memoryview) -> Response:
        check_repository_name(repository)
        await self._control.load(name, parse_load(body))
        return json_response({"name": name, "load": True})

    async def _unload(self, repository: str, name: str, body: bytes | memoryview) -> Response:
        check_repository_name(repository)
        parse_unload(body)
        await self._control.unload(name)
        return json_response({"name": name, "unload": True})


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
