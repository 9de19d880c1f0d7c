"""Changing a service of this machine while it serves.

An updated service goes on serving until the new processes are ready, and for good when they do not come up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from naiad.errors import ConflictError, InvalidArgumentError
from naiad.targets.deployable import Deployable, resolve
from naiad.targets.deployment_config import DeploymentConfig, LocalConfig
from naiad.targets.generation_folder import stored_source
from naiad.targets.inference_config import InferenceConfig
from naiad.targets.local_target import Report, check_port, hand_over, start, stop
from naiad.targets.preparation import former_port, given_keys, named_processes, prepared_launch, recorded_columns
from naiad.targets.process_lock import changing
from naiad.targets.recorded import record, settle
from naiad.targets.service_script import ServiceScript
from naiad.targets.service_state import read_state
from naiad.targets.status import status_of
from naiad.targets.waiting import nobody, wait_until_noticed, wait_until_ready
from naiad.workspace.environment import Environment
from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace


def update(
    workspace: Workspace,
    name: str,
    *,
    models: Sequence[str] | None = None,
    inference: InferenceConfig | None = None,
    environment: Environment | None = None,
    config: Mapping[str, Any] | None = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
    report: Report | None = None,
    wait: bool = True,
) -> Service:
    """Change a service; no request is lost meanwhile.

    What changes its processes is started beside those that serve, and takes over when it is ready: a change that does
    not come up leaves the service as it was. Both are in memory for that time. Tags, properties and the description
    change at once.

    Args:
        workspace: where the service is.
        name: the service's.
        models: the models that it serves from now on; those of now when left out.
        inference: the entry script; that of now, as it was deployed, when left out.
        environment: for the entry script of now.
        config: keys of a deployment configuration that change, as in `LocalConfig.merged`.
        description: what the service is.
        tags: all its tags.
        properties: all its properties; like description and tags they may also stand in the configuration.
        report: is told each step.
        wait: whether to return only when the change has taken over.

    Returns:
        The service as recorded. An update that is not waited for is recorded when somebody looks at the service
        after it has taken over.

    Raises:
        NotFoundError: when there is no such service, or a model is not registered.
        InvalidArgumentError: when nothing is given, or something that cannot be served.
        ConflictError: when another command changes the service, an update is under way, or the port is taken.
        DeploymentError: when the change does not come up.
    """
    config = dict(config or {})
    labels: dict[str, Any] = {"description": description, "tags": tags, "properties": properties}
    labels = {key: config.pop(key, None) if value is None else value for key, value in labels.items()}
    labels = {key: value for key, value in labels.items() if value is not None}
    is_relabelled = models is None and inference is None and environment is None and not config
    if is_relabelled and not labels:
        raise InvalidArgumentError("No parameters provided to update.")
    say = report or nobody
    directory = workspace.services.directory(workspace.services.get(name).name)
    with changing(directory):
        service = _quiet(workspace, name)
        if is_relabelled:
            return workspace.services.update(name, **labels)
        local = _local_config(service).merged(config)
        script, source = _script(directory, service, inference)
        if environment is not None:
            if script is None:
                raise InvalidArgumentError(f"Service {name} has no entry script, and so no environment")
            script = replace(script, environment=environment)
        deployable = resolve(
            workspace,
            service.model_ids if models is None else models,
            config=local,
            script=script,
            source=source,
            report=say,
        )
        return _change(workspace, service, deployable, labels, report=say, wait=wait)


def reload(workspace: Workspace, name: str, *, report: Report | None = None, wait: bool = True) -> Service:
    """Serve the entry script as it is now in the folder that it was deployed from; see `update`.

    Raises:
        NotFoundError: when there is no such service.
        InvalidArgumentError: when it has no entry script.
        ConfigError: when the script is not there any more, or not valid.
        ConflictError: when another command changes the service, or an update is under way.
        DeploymentError: when the script does not come up; the service goes on as it was.
    """
    service = workspace.services.get(name)
    if service.inference is None:
        raise InvalidArgumentError(f"Service {name} has no entry script to read again")
    return update(
        workspace, name, inference=ServiceScript.from_dict(service.inference).inference, report=report, wait=wait
    )


def _change(
    workspace: Workspace,
    service: Service,
    deployable: Deployable,
    labels: Mapping[str, Any],
    *,
    report: Report,
    wait: bool,
) -> Service:
    """Let another generation take over, or start it when nothing runs."""
    name, local = service.name, deployable.config
    directory = workspace.services.directory(name)
    state = read_state(directory)
    if local.port is not None:
        check_port(workspace, local.port, name=name)
    keys = given_keys(workspace, name, local)
    changed = replace(
        service,
        **labels,
        **recorded_columns(deployable),
        generation=max(service.generation, state.latest if state else 1) + 1,
    )
    launch = prepared_launch(
        workspace, changed, deployable, port=local.port, is_new=False, record={**labels, **recorded_columns(deployable)}
    )
    if hand_over(directory, launch):
        report("Starting what changes beside what serves")
    else:
        report(f"Service {name} does not run: starting {named_processes(launch)}")
        stop(directory, report=report)
        start(directory, launch if launch.port is not None else replace(launch, port=former_port(state)))
    if keys is not None:
        workspace.services.set_keys(name, keys)
    wait_until_noticed(directory, launch.generation)
    if not wait:
        return changed
    wait_until_ready(workspace, name, report=report)
    return record(workspace, launch)


def _quiet(workspace: Workspace, name: str) -> Service:
    """A service that no update is under way of; the caller holds the lock on changes."""
    if status_of(workspace.services.directory(name)).is_updating:
        raise ConflictError(
            f"An update of service {name} is under way",
            hint=f"wait until it has ended: naiad service show -n {name} tells",
        )
    return settle(workspace, name)


def _local_config(service: Service) -> LocalConfig:
    config = DeploymentConfig.from_dict(service.deployment, source=f"service {service.name}")
    assert isinstance(config, LocalConfig)
    return config


def _script(
    directory: Path, service: Service, inference: InferenceConfig | None
) -> tuple[ServiceScript | None, Path | None]:
    """The entry script of an updated service, and where its source is."""
    if inference is not None:
        script = ServiceScript.of(inference)
        return script, script.origin
    if service.inference is None:
        return None, None
    script = ServiceScript.from_dict(service.inference)
    return script, stored_source(directory, service.generation) / script.origin.name
