"""What the supervisor knows of its service, in a file that is always whole: `state.json`."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from naiad.targets.process import ProcessId

STATE_NAME: Final = "state.json"

State = Literal["deploying", "running", "restarting", "failed"]
"""Azure ML's words for a local service (azure-ml.md §2.7), and one for what happens between two processes."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One moment of a service.

    Attributes:
        state: `deploying` until the first processes are ready, `running`, `restarting` from a process's death until
            the next one is ready, `failed` when none will come any more.
        processes: those that there are, by role, in the order of their start; the last one answers.
        port: where the service answers; None until there is a socket.
        scoring_path: what follows host and port in the scoring URI.
        metrics_port: where the engine's metrics are; another one after each restart.
        restarts: processes that were started because one died.
        healthy: whether each process answered its last health question with yes.
        ready_s: seconds from the start until everything was ready.
        error: why the service failed or restarts.
        generation: which launch serves.
        latest: which launch was tried last: another one while an update is under way, or when it failed.
        update_error: why the last update failed.
        updated_time_s: seconds since the epoch.
    """

    state: State
    processes: Mapping[str, ProcessId] = dataclasses.field(default_factory=dict)
    port: int | None = None
    scoring_path: str = ""
    metrics_port: int | None = None
    restarts: int = 0
    healthy: bool = False
    ready_s: float | None = None
    error: str | None = None
    generation: int = 1
    latest: int = 1
    update_error: str | None = None
    updated_time_s: float = dataclasses.field(default_factory=time.time)

    @property
    def is_updating(self) -> bool:
        """Whether another generation is being started beside the one that serves."""
        return self.state != "failed" and self.latest != self.generation and self.update_error is None


def write_state(directory: Path, state: ServiceState) -> None:
    """Replace `state.json`; a reader sees the old one or the new one, whole."""
    write_private(directory / STATE_NAME, dataclasses.asdict(state))


def read_state(directory: Path) -> ServiceState | None:
    """The last written state; None when there is none or it cannot be read."""
    try:
        values = json.loads((directory / STATE_NAME).read_bytes())
        processes = {role: ProcessId(**process) for role, process in values.pop("processes").items()}
        return ServiceState(**values, processes=processes)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
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
