"""The v2 extensions over HTTP: bodies to values, values to responses, and nothing between (triton.md §1.3–§1.9)."""

from __future__ import annotations

from typing import Final

from naiad.config.render import config_json
from naiad.protocol import json_value
from naiad.protocol.repository import parse_index, parse_load, parse_unload
from naiad.protocol.shared_memory import check_cuda_registration, parse_registration
from naiad.protocol.trace import parse_trace_changes
from naiad.server.logging_views import changed_settings
from naiad.server.model_control import check_repository_name
from naiad.server.response import JSON, Response, json_response
from naiad.server.views import Views

Body = bytes | memoryview

_LIVE: Final = json_response({"live": True})
_READY: Final = json_response({"ready": True})
_NOT_READY: Final = json_response({"ready": False}, 400)
_MODEL_NOT_READY: Final = Response(400, b'{"error":"Model version not ready"}')
_DONE: Final = Response(200, b"", JSON)


class HttpViews:
    """Answers to all requests but inferences.

    Quick ones take the name (of a model or a region), the version and the body, "" where the path has none. Slow ones
    take the names of a repository and a model, and the body. All of them raise NaiadError.

    Args:
        views: what is answered.
    """

    def __init__(self, views: Views) -> None:
        self._views = views

    # The bodies of health and model control are for KServe's clients; Triton's look at the status (peers.md §5).

    def live(self, name: str, version: str, body: Body) -> Response:
        """A server that answers is live."""
        return _LIVE

    def ready(self, name: str, version: str, body: Body) -> Response:
        """Whether the server is ready."""
        return _READY if self._views.is_ready else _NOT_READY

    def server_metadata(self, name: str, version: str, body: Body) -> Response:
        """Of the server."""
        return json_response(self._views.server_metadata())

    def list_models(self, name: str, version: str, body: Body) -> Response:
        """The models that are ready."""
        return json_response(self._views.list_models())

    def model_metadata(self, name: str, version: str, body: Body) -> Response:
        """Of a model."""
        return json_response(self._views.model_metadata(name, version))

    def model_ready(self, name: str, version: str, body: Body) -> Response:
        """Whether a model is ready."""
        if not self._views.is_model_ready(name, version):
            return _MODEL_NOT_READY
        return json_response({"name": name, "ready": True})

    def config(self, name: str, version: str, body: Body) -> Response:
        """Of a model."""
        return Response(200, config_json(self._views.model_config(name, version)), JSON)

    def statistics(self, name: str, version: str, body: Body) -> Response:
        """Of a model, or all of them."""
        return json_response(self._views.statistics(name, version))

    def system_memory_status(self, name: str, version: str, body: Body) -> Response:
        """The registered regions."""
        return json_response(self._views.shared.status(name))

    def system_memory_register(self, name: str, version: str, body: Body) -> Response:
        """Register a region."""
        self._views.shared.register(name, lambda: parse_registration(name, body))
        return _DONE

    def system_memory_unregister(self, name: str, version: str, body: Body) -> Response:
        """Unregister a region, or all."""
        self._views.shared.unregister(name)
        return _DONE

    def cuda_memory_status(self, name: str, version: str, body: Body) -> Response:
        """The registered regions: none."""
        return json_response(self._views.shared.cuda_status(name))

    def cuda_memory_register(self, name: str, version: str, body: Body) -> Response:
        """Always an error."""
        self._views.shared.cuda_register(name, lambda: check_cuda_registration(name, body))
        return _DONE

    def cuda_memory_unregister(self, name: str, version: str, body: Body) -> Response:
        """Nothing to do."""
        self._views.shared.cuda_unregister(name)
        return _DONE

    def trace_settings(self, name: str, version: str, body: Body) -> Response:
        """What is traced."""
        return json_response(self._views.trace.settings(name))

    def update_trace(self, name: str, version: str, body: Body) -> Response:
        """Change what is traced."""
        return json_response(self._views.trace.update(name, lambda: parse_trace_changes(body)))

    def log_settings(self, name: str, version: str, body: Body) -> Response:
        """What is logged."""
        return json_response(self._views.logging.document())

    def update_log(self, name: str, version: str, body: Body) -> Response:
        """Change what is logged."""
        logging = self._views.logging
        logging.change(changed_settings(logging.settings, json_value.parse(body)))
        return json_response(logging.document())

    async def index(self, repository: str, name: str, body: Body) -> Response:
        """What is in the repositories."""
        return json_response(await self._views.repository_index(ready_only=parse_index(body)))

    async def load(self, repository: str, name: str, body: Body) -> Response:
        """Load a model."""
        check_repository_name(repository)
        await self._views.control.load(name, parse_load(body))
        return json_response({"name": name, "load": True})

    async def unload(self, repository: str, name: str, body: Body) -> Response:
        """Unload a model."""
        check_repository_name(repository)
        parse_unload(body)
        await self._views.control.unload(name)
        return json_response({"name": name, "unload": True})
