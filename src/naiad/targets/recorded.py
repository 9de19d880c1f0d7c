"""The services on record, as they serve: an update that ended after its command did is recorded when one looks."""

from __future__ import annotations

from typing import Any

from naiad.errors import ConfigError, ConflictError, NaiadError, NotFoundError
from naiad.targets.launch import LAUNCH_NAME, Launch
from naiad.targets.process_lock import changing
from naiad.targets.service_state import read_state
from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace


def recorded_service(workspace: Workspace, name: str) -> Service:
    """One service.

    Raises:
        NotFoundError: when there is none of that name.
    """
    return _settled(workspace, workspace.services.get(name))


def recorded_services(workspace: Workspace, **filters: Any) -> list[Service]:
    """The services that fit, by name; the filters are those of `ServiceRegistry.list`."""
    for service in workspace.services.list():
        _settled(workspace, service)
    return workspace.services.list(**filters)


def settle(workspace: Workspace, name: str) -> Service:
    """Record what serves, in case its update's command did not; the caller holds the lock on changes.

    Raises:
        NotFoundError: when there is no such service.
    """
    service = workspace.services.get(name)
    directory = workspace.services.directory(name)
    state = read_state(directory)
    if state is None or state.generation <= service.generation:
        return service
    try:
        launch = Launch.read(directory / LAUNCH_NAME)
    except ConfigError:
        return service
    return record(workspace, launch) if launch.generation > service.generation else service


def record(workspace: Workspace, launch: Launch) -> Service:
    """Write into the registry what a launch says of its service."""
    changes = dict(launch.record)
    if "model_ids" in changes:
        changes["model_ids"] = tuple(model for model in changes["model_ids"] if _is_registered(workspace, model))
    return workspace.services.update(launch.name, **changes, generation=launch.generation)


def _settled(workspace: Workspace, service: Service) -> Service:
    state = read_state(workspace.services.directory(service.name))
    if state is None or state.generation <= service.generation:
        return service
    try:
        with changing(workspace.services.directory(service.name)):
            return settle(workspace, service.name)
    except (ConflictError, NotFoundError):  # somebody is at it: theirs is the record
        return service


def _is_registered(workspace: Workspace, model_id: str) -> bool:
    """Whether a model is still there: nothing kept it while the update that uses it was not recorded."""
    try:
        workspace.models.get_by_id(model_id)
    except NaiadError:
        return False
    return True
