"""This machine as a compute target: ports, and a service's processes started and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from naiad.errors import ConfigError, ConflictError, DeploymentError
from naiad.targets.launch import EXIT_TIMEOUT_S, LAUNCH_NAME, UPDATE_NAME, Launch
from naiad.targets.ports import holder, is_taken
from naiad.targets.process import kill_service_processes
from naiad.targets.process_lock import read_holder, supervisor_lock_path
from naiad.targets.service_state import STATE_NAME, ServiceState, write_state
from naiad.targets.status import LIVE_STATES, status_of
from naiad.workspace.workspace import Workspace

Report = Callable[[str], None]
"""Is told each step, one line at a time."""

_STOP_GRACE_S: Final = 5
_SETTINGS: Final = ("AML_", "AZUREML_", "NAIAD_", "SCORING_TIMEOUT_MS", "SERVICE_", "WORKER_")
"""How the variables begin that are settings of a server: a service has its own, whatever its deployer's shell has."""


def check_port(workspace: Workspace, port: int, *, name: str) -> None:
    """Check that a service may use a port.

    Args:
        workspace: where other services are, which may want the port again as soon as they restart.
        port: the port that is asked for.
        name: the service that is to use it, and may use it already.

    Raises:
        ConflictError: when the port is another's.
    """
    for other in workspace.services.list():
        now = status_of(workspace.services.directory(other.name))
        if now.port == port and now.state in LIVE_STATES:
            if other.name == name:
                return
            raise _port_taken(port, f"service {other.name}" + (f" (pid {now.pid})" if now.pid else ""))
    if is_taken(port):
        process = holder(port)
        raise _port_taken(port, f"{process.name()} (pid {process.pid})" if process is not None else "another process")


def _port_taken(port: int, who: str) -> ConflictError:
    return ConflictError(
        f"The port that the service is to use is already in use: {port} is held by {who}",
        hint="name another port with --port, or none to have a free one chosen",
    )


def start(directory: Path, launch: Launch) -> None:
    """Start a recorded service; its state is `deploying` or later when this returns.

    Args:
        directory: the service's.
        launch: what to start.

    Raises:
        DeploymentError: when not even its supervisor starts.
    """
    launch.write(directory / LAUNCH_NAME)
    for name in (STATE_NAME, UPDATE_NAME):
        (directory / name).unlink(missing_ok=True)
    _start_supervisor(directory)


def _start_supervisor(directory: Path) -> None:
    """Start the supervisor in a session of its own; it has published a state when this returns."""
    started = subprocess.run(
        [sys.executable, "-m", "naiad.targets.supervisor", str(directory)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",  # `-m` looks for modules in the working directory first, and whose that is nobody knows
        env={name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)},
        start_new_session=True,
        check=False,
    )
    if started.returncode != 0:
        reason = started.stderr.decode(errors="replace").strip().removeprefix("error: ")
        error = f"The supervisor cannot be started: {reason or f'exit status {started.returncode}'}"
        write_state(directory, ServiceState("failed", error=error))
        raise DeploymentError(error)


def hand_over(directory: Path, launch: Launch) -> bool:
    """Ask the supervisor of a running service to start another generation and let it take over.

    Args:
        directory: the service's.
        launch: what is to take over.

    Returns:
        Whether there was a supervisor to ask.
    """
    supervisor = read_holder(supervisor_lock_path(directory))
    if supervisor is None or supervisor.find() is None:
        return False
    launch.write(directory / UPDATE_NAME)
    if supervisor.signal(signal.SIGHUP):
        return True
    (directory / UPDATE_NAME).unlink(missing_ok=True)
    return False


def stop(directory: Path, *, report: Report) -> bool:
    """End everything that runs for a service: in good order first, by force what is left.

    Args:
        directory: the service's.
        report: is told each step.

    Returns:
        Whether anything ran.
    """
    supervisor = read_holder(supervisor_lock_path(directory))
    ran = supervisor is not None and supervisor.signal(signal.SIGTERM)
    if supervisor is not None and ran:
        report(f"Stopping service {directory.name}; requests in flight are answered first")
        try:
            launch = Launch.read(directory / LAUNCH_NAME)
            timeout_s = launch.exit_timeout_s * len(launch.processes) + _STOP_GRACE_S
        except ConfigError:
            timeout_s = EXIT_TIMEOUT_S + _STOP_GRACE_S
        if not supervisor.wait(timeout_s=timeout_s):
            supervisor.signal(signal.SIGKILL)
            supervisor.wait(timeout_s=_STOP_GRACE_S)
    killed = kill_service_processes(directory)
    if killed:
        report(f"Killed {killed} process{'es' if killed > 1 else ''} that an earlier supervisor left behind")
    return ran or killed > 0
