"""What the supervisor knows of its service, in a file that is always whole: `state.json`."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from naiad.targets.process import ProcessId

STATE_NAME: Final = "state.json"

State = Literal["deploying", "running", "restarting", "failed"]
"""Azure ML's words for a local service (azure-ml.md §2.7), and one for what happens between two engines."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One moment of a service.

    Attributes:
        state: `deploying` until the first engine is ready, `running`, `restarting` from an engine's death until the
            next one is ready, `failed` when no engine will come any more.
        engine: the engine, while there is one.
        port: where the service answers; None until the first engine has told.
        metrics_port: where its metrics are; another one after each restart.
        restarts: engines that were started because one died.
        healthy: whether the engine answered the last health question with yes.
        ready_s: seconds from the engine's start until it was ready.
        error: why the service failed or restarts.
        updated_time_s: seconds since the epoch.
    """

    state: State
    engine: ProcessId | None = None
    port: int | None = None
    metrics_port: int | None = None
    restarts: int = 0
    healthy: bool = False
    ready_s: float | None = None
    error: str | None = None
    updated_time_s: float = dataclasses.field(default_factory=time.time)


def write_state(directory: Path, state: ServiceState) -> None:
    """Replace `state.json`; a reader sees the old one or the new one, whole."""
    write_private(directory / STATE_NAME, dataclasses.asdict(state))


def read_state(directory: Path) -> ServiceState | None:
    """The last written state; None when there is none or it cannot be read."""
    try:
        values = json.loads((directory / STATE_NAME).read_bytes())
        engine = values.pop("engine")
        return ServiceState(**values, engine=ProcessId(**engine) if engine is not None else None)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_private(path: Path, values: dict[str, Any]) -> None:
    """Write a JSON file that only its owner can read, atomically.

    Args:
        path: the file.
        values: what can be JSON.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(values, file, indent=2)
    os.replace(temporary, path)
