"""What is true of a service now, whatever its supervisor wrote last; and the document that tells it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from naiad.errors import NotFoundError
from naiad.targets.process_lock import change_lock_path, read_holder, supervisor_lock_path
from naiad.targets.service_state import ServiceState, read_state
from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace

LIVE_STATES: Final = ("deploying", "running", "restarting")
"""The states in which a service has, or will have, an engine."""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One look at a service.

    Attributes:
        state: `deploying`, `running`, `restarting`, `failed` or `unknown` (azure-ml.md §2.7, §8.3).
        error: why it failed or restarts.
        hint: what to do about it.
        scoring_uri: base of the service's URIs, without a slash at the end; None while it has no port.
        port: where it answers.
        metrics_port: where its metrics are.
        pid: the engine's process, while there is one.
        supervisor_pid: the supervisor's, while there is one.
        restarts: engines that were started because one died.
        healthy: whether the engine answered the last health question with yes.
        ready_s: seconds that the engine took to become ready.
    """

    state: str
    error: str | None = None
    hint: str | None = None
    scoring_uri: str | None = None
    port: int | None = None
    metrics_port: int | None = None
    pid: int | None = None
    supervisor_pid: int | None = None
    restarts: int = 0
    healthy: bool = False
    ready_s: float | None = None


def status(workspace: Workspace, name: str) -> ServiceStatus:
    """What is true of a service now.

    Raises:
        NotFoundError: when there is no such service.
    """
    return status_of(workspace.services.directory(workspace.services.get(name).name))


def status_of(directory: Path) -> ServiceStatus:
    """What is true now of the service of a directory."""
    written = read_state(directory)
    holder = read_holder(supervisor_lock_path(directory))
    supervisor = holder.find() if holder is not None else None
    if supervisor is None and written is not None and written.state != "failed":
        # It may have ended in good order between the two looks.
        written = read_state(directory)
    if written is None:
        return _before_the_first_state(directory)
    if supervisor is None and written.state != "failed":
        return _abandoned(directory, written, holder.pid if holder else None)
    return ServiceStatus(
        state=written.state,
        error=written.error,
        scoring_uri=f"http://localhost:{written.port}" if written.port and written.state != "failed" else None,
        port=written.port,
        metrics_port=written.metrics_port if written.engine else None,
        pid=written.engine.pid if written.engine else None,
        supervisor_pid=supervisor.pid if supervisor else None,
        restarts=written.restarts,
        healthy=written.healthy,
        ready_s=written.ready_s,
    )


def _before_the_first_state(directory: Path) -> ServiceStatus:
    changer = read_holder(change_lock_path(directory))
    if changer is not None and changer.find() is not None:
        return ServiceStatus("deploying")
    return ServiceStatus(
        "unknown",
        error="Nothing is known of the service's processes: its deployment did not get as far as starting them",
        hint=f"deploy it again: naiad model deploy -n {directory.name} … --overwrite",
    )


def _abandoned(directory: Path, written: ServiceState, supervisor_pid: int | None) -> ServiceStatus:
    """The supervisor is gone without a word; its engine is too, or will be as soon as it has drained."""
    who = f" (pid {supervisor_pid})" if supervisor_pid else ""
    gone = f"The supervisor of the service{who} was killed or the machine was restarted"
    hint = f"deploy it again: naiad model deploy -n {directory.name} … --overwrite"
    engine = written.engine.find() if written.engine is not None else None
    if engine is not None:
        error = f"{gone}; its engine (pid {engine.pid}) still runs, and nothing would restart it"
        return ServiceStatus("unknown", error=error, hint=hint, port=written.port, pid=engine.pid)
    return ServiceStatus("failed", error=f"{gone}; nothing runs the service", hint=hint, port=written.port)


def serialize(workspace: Workspace, service: Service) -> dict[str, Any]:
    """The document of a service: the keys of Azure ML's `serialize()` (azure-ml.md §2.6, §2.7), and what is ours.

    Ours are `authEnabled`, `healthy`, `metricsPort`, `modelIds`, `pid` and `restarts`.
    """
    try:
        now = status(workspace, service.name)
    except NotFoundError:
        now = ServiceStatus("deleted")
    return {
        "authEnabled": service.auth_enabled,
        "computeType": service.compute_type,
        "createdBy": service.created_by,
        "createdTime": service.created_time.isoformat(),
        "description": service.description,
        "error": now.error,
        "healthy": now.healthy,
        "imageId": None,
        "metricsPort": now.metrics_port,
        "modelIds": list(service.model_ids),
        "name": service.name,
        "pid": now.pid,
        "port": now.port,
        "properties": dict(service.properties),
        "restarts": now.restarts,
        "scoringUri": now.scoring_uri,
        "state": now.state,
        "swaggerUri": None,
        "tags": dict(service.tags),
        "updatedTime": service.updated_time.isoformat(),
        "workspaceName": workspace.name,
    }
