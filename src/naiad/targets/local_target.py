"""This machine as a compute target: ports, and a service's processes started and stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from naiad.errors import ConfigError, ConflictError, DeploymentError
from naiad.targets.deployment_config import LocalConfig
from naiad.targets.launch import HealthPolicy, Launch, engine_command
from naiad.targets.ports import holder, is_taken
from naiad.targets.process import kill_service_processes
from naiad.targets.process_lock import read_holder, supervisor_lock_path
from naiad.targets.service_state import STATE_NAME, ServiceState, write_state
from naiad.targets.status import LIVE_STATES, status_of
from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace

Report = Callable[[str], None]
"""Is told each step, one line at a time."""

EXIT_TIMEOUT_S: Final = 30
START_TIMEOUT_S: Final = 600
_STOP_GRACE_S: Final = 5


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


def start(workspace: Workspace, service: Service, *, config: LocalConfig, repository: Path, port: int | None) -> None:
    """Start a recorded service; its state is `deploying` or later when this returns.

    Args:
        workspace: where the service is.
        service: what to start.
        config: how it is deployed.
        repository: the model repository that it serves.
        port: where it must answer; None for any free port.

    Raises:
        DeploymentError: when not even its supervisor starts.
    """
    directory = workspace.services.directory(service.name)
    keys_file = workspace.services.keys_file(service.name) if service.auth_enabled else None
    command = engine_command(
        service.name, model_repository=repository, keys_file=keys_file, exit_timeout_s=EXIT_TIMEOUT_S
    )
    probe = config.liveness_probe_requirements
    Launch(
        name=service.name,
        command=command,
        port=port,
        keys_file=str(keys_file) if keys_file is not None else None,
        exit_timeout_s=EXIT_TIMEOUT_S,
        start_timeout_s=START_TIMEOUT_S,
        health=HealthPolicy(probe.period_seconds, probe.timeout_seconds, probe.failure_threshold),
    ).write(directory)
    (directory / STATE_NAME).unlink(missing_ok=True)
    _start_supervisor(directory)


def _start_supervisor(directory: Path) -> None:
    """Start the supervisor in a session of its own; it has published a state when this returns."""
    started = subprocess.run(
        [sys.executable, "-m", "naiad.targets.supervisor", str(directory)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",  # `-m` looks for modules in the working directory first, and whose that is nobody knows
        start_new_session=True,
        check=False,
    )
    if started.returncode != 0:
        reason = started.stderr.decode(errors="replace").strip().removeprefix("error: ")
        error = f"The supervisor cannot be started: {reason or f'exit status {started.returncode}'}"
        write_state(directory, ServiceState("failed", error=error))
        raise DeploymentError(error)


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
            timeout_s = Launch.read(directory).exit_timeout_s + _STOP_GRACE_S
        except ConfigError:
            timeout_s = EXIT_TIMEOUT_S + _STOP_GRACE_S
        if not supervisor.wait(timeout_s=timeout_s):
            supervisor.signal(signal.SIGKILL)
            supervisor.wait(timeout_s=_STOP_GRACE_S)
    killed = kill_service_processes(directory)
    if killed:
        report(f"Killed {killed} process{'es' if killed > 1 else ''} that an earlier supervisor left behind")
    return ran or killed > 0
