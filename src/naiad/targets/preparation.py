"""What a deployment and an update have in common: the launch, the record, the keys, the port."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any, Final

from naiad.errors import NotFoundError
from naiad.targets.deployable import Deployable
from naiad.targets.deployment_config import LocalConfig
from naiad.targets.launch import Launch
from naiad.targets.plan import make_launch
from naiad.targets.ports import is_taken
from naiad.targets.service_state import ServiceState
from naiad.workspace.keys import ServiceKeys, new_key
from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace

_NOT_DEPLOYED: Final = {"keys", "description", "tags", "properties"}
"""What a configuration may say and the registry has elsewhere."""


def prepared_launch(
    workspace: Workspace,
    service: Service,
    deployable: Deployable,
    *,
    port: int | None,
    is_new: bool,
    record: Mapping[str, Any] | None = None,
) -> Launch:
    """The launch of a service with its folder on disk; nothing is left of it when that fails."""
    directory = workspace.services.directory(service.name)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return make_launch(
            workspace, service, deployable, generation=service.generation, port=port, record=record or {}
        )
    except BaseException:
        if is_new:
            shutil.rmtree(directory, ignore_errors=True)
        raise


def recorded_columns(deployable: Deployable) -> dict[str, Any]:
    """What the registry records of something deployable."""
    config, script = deployable.config, deployable.script
    return {
        "model_ids": tuple(model.id for model in deployable.models),
        "auth_enabled": config.requires_key,
        "token_auth_enabled": config.requires_token,
        "port": config.port,
        "deployment": config.model_dump(by_alias=True, exclude_unset=True, exclude=_NOT_DEPLOYED),
        "inference": script.to_dict() if script is not None else None,
    }


def former_port(state: ServiceState | None) -> int | None:
    """Where a service answered that does not run now, unless somebody else does by now."""
    return None if state is None or state.port is None or is_taken(state.port) else state.port


def named_processes(launch: Launch) -> str:
    roles = [plan.role for plan in launch.processes]
    names = {"engine": "the engine", "workers": "the entry script"}
    return " and ".join(names[role] for role in roles)


def given_keys(workspace: Workspace, name: str, config: LocalConfig) -> ServiceKeys | None:
    """The keys that are given, completed with those that the service has or new ones; None when none is given."""
    given = config.keys
    if given.primary_key is None and given.secondary_key is None:
        return None
    try:
        present = workspace.services.keys(name)
    except NotFoundError:
        present = ServiceKeys(new_key(), new_key())
    return ServiceKeys(given.primary_key or present.primary, given.secondary_key or present.secondary)
