"""The trace extension: what is traced, asked and changed while the server runs (triton.md §1.9)."""

from __future__ import annotations

from naiad.engine.engine import Engine
from naiad.engine.tracing import Tracing
from naiad.errors import InvalidArgumentError
from naiad.protocol.trace import parse_trace_changes, trace_document
from naiad.server.response import Response, json_response


class TraceViews:
    """The routes of the extension: model name ("" for the server), version (always "") and body in.

    Args:
        tracing: of this process.
        engine: the models.
    """

    def __init__(self, tracing: Tracing, engine: Engine) -> None:
        self._tracing = tracing
        self._engine = engine

    def settings(self, name: str, version: str, body: bytes | memoryview) -> Response:
        """What applies now.

        Raises:
            InvalidArgumentError: there is no such model.
        """
        self._check(name)
        return json_response(trace_document(self._tracing.settings(name), self._tracing.path))

    def update(self, name: str, version: str, body: bytes | memoryview) -> Response:
        """Change what the request names; then what applies.

        Raises:
            NaiadError: there is no such model, or a value is not understood or cannot be.
        """
        self._check(name)
        self._tracing.update(parse_trace_changes(body), name)
        return self.settings(name, version, b"")

    def _check(self, name: str) -> None:
        if name and not self._engine.ready_versions(name):
            raise InvalidArgumentError(f"Request for unknown model : {name}")
