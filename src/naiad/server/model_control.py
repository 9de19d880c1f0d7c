"""Who may load and unload models: nobody, the folder's contents, or requests (triton.md §4.8)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum

from naiad.engine.engine import Engine
from naiad.errors import NaiadError, UnavailableError, UnsupportedError, UsageError
from naiad.protocol.repository import LoadParameters


class ControlMode(StrEnum):
    """Values of --model-control-mode."""

    NONE = "none"
    POLL = "poll"
    EXPLICIT = "explicit"


class ModelControl:
    """Loads models at the start, and after it as the mode says.

    Args:
        engine: the models.
        mode: who may load and unload.
        startup: models to load at the start in explicit mode; `*` alone for all.
        poll_s: seconds between two looks at the repositories in poll mode.

    Raises:
        UsageError: the startup models contradict the mode, or each other.
    """

    def __init__(self, engine: Engine, mode: ControlMode, *, startup: Sequence[str], poll_s: float) -> None:
        if startup and mode is not ControlMode.EXPLICIT:
            raise UsageError("Error: Use of '--load-model' requires setting '--model-control-mode=explicit' as well.")
        if "*" in startup and len(startup) > 1:
            raise UsageError("Wildcard model name '*' must be the ONLY startup model if specified at all.")
        self._engine = engine
        self._mode = mode
        self._poll_s = poll_s
        self._startup = None if mode is not ControlMode.EXPLICIT or "*" in startup else tuple(startup)
        self._polling: asyncio.Task[None] | None = None

    async def start(self) -> dict[str, NaiadError]:
        """Load the first models; returns those that have no version to serve, and why."""
        failures = await self._engine.start(self._startup)
        if self._mode is ControlMode.POLL:
            self._polling = asyncio.get_running_loop().create_task(self._poll())
        return failures

    async def stop(self) -> None:
        """Load nothing more."""
        if self._polling is not None:
            self._polling.cancel()

    async def load(self, name: str, parameters: LoadParameters) -> None:
        """Load a model on request.

        Raises:
            NaiadError: requests may not, or the load failed.
        """
        self._check()
        await self._engine.load(name, config=parameters.config, files=parameters.files)

    async def unload(self, name: str) -> None:
        """Unload a model on request.

        Raises:
            UnavailableError: requests may not.
        """
        self._check()
        await self._engine.unload(name)

    def _check(self) -> None:
        if self._mode is not ControlMode.EXPLICIT:
            raise UnavailableError(
                "explicit model load / unload is not allowed if polling is enabled",
                hint="start the server with --model-control-mode=explicit",
            )

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            await self._engine.poll()


def check_repository_name(name: str) -> None:
    """Load and unload requests name no repository (triton.md §1.1).

    Raises:
        UnsupportedError: this one does.
    """
    if name:
        raise UnsupportedError("'repository_name' specification is not supported")
