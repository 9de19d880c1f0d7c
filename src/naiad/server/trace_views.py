"""The trace extension: what is traced, asked and changed while the server runs (triton.md §1.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from naiad.engine.engine import Engine
from naiad.engine.tracing import Tracing
from naiad.errors import InvalidArgumentError
from naiad.protocol.trace import Changes, trace_document


class TraceViews:
    """What is traced: for the server, or for a model, when it is named.

    Args:
        tracing: of this process.
        engine: the models.
    """

    def __init__(self, tracing: Tracing, engine: Engine) -> None:
        self._tracing = tracing
        self._engine = engine

    def settings(self, name: str) -> dict[str, Any]:
        """What applies now.

        Raises:
            InvalidArgumentError: there is no such model.
        """
        self._check(name)
        return trace_document(self._tracing.settings(name), self._tracing.path)

    def update(self, name: str, read: Callable[[], Changes]) -> dict[str, Any]:
        """Change what the request names; then what applies.

        Args:
            name: of the model; "" for the server.
            read: reads the request; not before it is known that there is such a model.

        Raises:
            NaiadError: there is no such model, or a value is not understood or cannot be.
        """
        self._check(name)
        self._tracing.update(read(), name)
        return self.settings(name)

    def _check(self, name: str) -> None:
        if name and not self._engine.ready_versions(name):
            raise InvalidArgumentError(f"Request for unknown model : {name}")
