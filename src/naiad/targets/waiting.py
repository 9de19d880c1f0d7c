"""Waiting for a service: until it answers, and until an update of it has taken over."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from naiad.errors import DeploymentError
from naiad.targets.launch import START_TIMEOUT_S
from naiad.targets.local_target import Report
from naiad.targets.service_state import read_state
from naiad.targets.status import ServiceStatus, status_of
from naiad.workspace.workspace import Workspace

_STILL_STARTING_S: Final = 5


def nobody(_: str) -> None:
    """The report of a caller who does not want one."""


def wait_until_ready(
    workspace: Workspace, name: str, *, timeout_s: float = START_TIMEOUT_S + 30, report: Report | None = None
) -> ServiceStatus:
    """Wait until a service answers, and until its last update has ended.

    Args:
        workspace: where the service is.
        name: the service's.
        timeout_s: how long to wait.
        report: is told when the service is ready, and now and then that it is not yet.

    Raises:
        NotFoundError: when there is no such service.
        DeploymentError: when it or its update failed, with the cause, or is not ready in time.
    """
    say = report or nobody
    started_s = told_s = time.monotonic()
    directory = workspace.services.directory(workspace.services.get(name).name)
    while True:
        now = status_of(directory)
        waited_s = time.monotonic() - started_s
        if now.state == "running" and not now.is_updating:
            if now.update_error is not None:
                raise DeploymentError(
                    f"The update of service {name} failed: {now.update_error}\nThe service goes on as it was",
                    hint=_log_hint(name),
                )
            say(f"Service {name} is ready after {now.ready_s:.1f} s at {now.scoring_uri}")
            return now
        if now.state in ("failed", "unknown"):
            hint = f"{now.hint}; {_log_hint(name)}" if now.hint else _log_hint(name)
            raise DeploymentError(f"Service {name} did not start: {now.error}", hint=hint)
        if waited_s > timeout_s:
            doing = "being updated" if now.is_updating else now.state
            raise DeploymentError(
                f"Service {name} is still {doing} after {timeout_s:g} s; it goes on starting", hint=_log_hint(name)
            )
        if time.monotonic() - told_s >= _STILL_STARTING_S:
            told_s = time.monotonic()
            say(f"{_what_starts(directory)}: {waited_s:.0f} s")
        time.sleep(0.05)


def wait_until_noticed(directory: Path, generation: int) -> None:
    """Wait until the supervisor has seen an update, so that its end can be waited for.

    Args:
        directory: the service's.
        generation: the update's.
    """
    while (state := read_state(directory)) is not None and state.latest < generation and state.state != "failed":
        if status_of(directory).state in ("failed", "unknown"):
            return
        time.sleep(0.02)


def _what_starts(directory: Path) -> str:
    now = status_of(directory)
    return "The entry script is starting" if "workers" in now.processes else "Models are loading"


def _log_hint(name: str) -> str:
    return f"the log: naiad service get-logs -n {name}"
