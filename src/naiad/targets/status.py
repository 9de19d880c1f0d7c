"""What is true of a service now, whatever its supervisor wrote last; and the document that tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from naiad.errors import NotFoundError
from naiad.targets.launch import TITLES
from naiad.targets.process_lock import change_lock_path, read_holder, supervisor_lock_path
from naiad.targets.service_state import ServiceState, read_state
from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace

SWAGGER_PATH: Final = "/swagger.json"

LIVE_STATES: Final = ("deploying", "running", "restarting")
"""The states in which a service has, or will have, processes."""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One look at a service.

    Attributes:
        state: `deploying`, `running`, `restarting`, `failed` or `unknown` (azure-ml.md §2.7, §8.3).
        error: why it failed or restarts.
        hint: what to do about it.
        scoring_uri: where requests go, without a slash at the end: `/score`, or the base of the engine's URIs; None
            while there is no port.
        swagger_uri: where the description of an entry script is; None without one.
        port: where it answers.
        metrics_port: where the engine's metrics are.
        processes: pids by role, those that there are: `engine`, `workers`.
        supervisor_pid: the supervisor's, while there is one.
        restarts: processes that were started because one died.
        healthy: whether each process answered its last health question with yes.
        ready_s: seconds that all took to become ready.
        is_updating: whether an update is being started beside what serves.
        update_error: why the last update failed.
    """

    state: str
    error: str | None = None
    hint: str | None = None
    scoring_uri: str | None = None
    swagger_uri: str | None = None
    port: int | None = None
    metrics_port: int | None = None
    processes: Mapping[str, int] = field(default_factory=dict)
    supervisor_pid: int | None = None
    restarts: int = 0
    healthy: bool = False
    ready_s: float | None = None
    is_updating: bool = False
    update_error: str | None = None

    @property
    def pid(self) -> int | None:
        """The process that answers, while there is one: the last that is started."""
        return self.processes.get("workers", self.processes.get("engine"))


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
    base = f"http://localhost:{written.port}" if written.port and written.state != "failed" else None
    return ServiceStatus(
        state=written.state,
        error=written.error,
        scoring_uri=f"{base}{written.scoring_path}" if base else None,
        swagger_uri=f"{base}{SWAGGER_PATH}" if base and written.scoring_path else None,
        port=written.port,
        metrics_port=written.metrics_port,
        processes={role: process.pid for role, process in written.processes.items()},
        supervisor_pid=supervisor.pid if supervisor else None,
        restarts=written.restarts,
        healthy=written.healthy,
        ready_s=written.ready_s,
        is_updating=written.is_updating,
        update_error=written.update_error,
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
    """The supervisor is gone without a word; its processes are too, or will be as soon as they have drained."""
    who = f" (pid {supervisor_pid})" if supervisor_pid else ""
    gone = f"The supervisor of the service{who} was killed or the machine was restarted"
    hint = f"deploy it again: naiad model deploy -n {directory.name} … --overwrite"
    left = {role: process.pid for role, process in written.processes.items() if process.find() is not None}
    if left:
        what = " and ".join(f"{TITLES[role]} (pid {pid})" for role, pid in left.items())
        error = f"{gone}; its {what} still run{'s' if len(left) == 1 else ''}, and nothing would restart it"
        return ServiceStatus("unknown", error=error, hint=hint, port=written.port, processes=left)
    return ServiceStatus("failed", error=f"{gone}; nothing runs the service", hint=hint, port=written.port)


def serialize(workspace: Workspace, service: Service) -> dict[str, Any]:
    """The document of a service: the keys of Azure ML's `serialize()` (azure-ml.md §2.6, §2.7), and what is ours.

    Ours are `healthy`, `metricsPort`, `modelIds`, `pid`, `processes`, `restarts`, `updating` and `entryScript`.
    """
    try:
        now = status(workspace, service.name)
    except NotFoundError:
        now = ServiceStatus("deleted")
    script = service.inference or {}
    environment = script.get("environment")
    error = now.error or (f"The last update failed: {now.update_error}" if now.update_error else None)
    return {
        "authEnabled": service.auth_enabled,
        "computeType": service.compute_type,
        "createdBy": service.created_by,
        "createdTime": service.created_time.isoformat(),
        "description": service.description,
        "entryScript": script.get("entryScript"),
        "environment": {key: environment[key] for key in ("name", "version")} if environment else None,
        "error": error,
        "healthy": now.healthy,
        "imageId": None,
        "metricsPort": now.metrics_port,
        "modelIds": list(service.model_ids),
        "name": service.name,
        "pid": now.pid,
        "port": now.port,
        "processes": dict(now.processes),
        "properties": dict(service.properties),
        "restarts": now.restarts,
        "scoringUri": now.scoring_uri,
        "state": now.state,
        "swaggerUri": now.swagger_uri,
        "tags": dict(service.tags),
        "tokenAuthEnabled": service.token_auth_enabled,
        "updatedTime": service.updated_time.isoformat(),
        "updating": now.is_updating,
        "workspaceName": workspace.name,
    }
