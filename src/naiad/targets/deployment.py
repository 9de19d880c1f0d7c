"""Services on this machine: deploy, update, reload, delete. Looking at one is `status`, calling one `scoring`.

What can be checked is checked before anything is recorded or stopped. An overwritten service is stopped first, because
the new one takes over its port: when the new one then fails, neither runs. An updated service goes on serving until
the new processes are ready, and for good when they do not come up.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from naiad.errors import AlreadyExistsError, ConflictError, DeploymentError, InvalidArgumentError, NotFoundError
from naiad.targets import service_log
from naiad.targets.deployable import Deployable, resolve
from naiad.targets.deployment_config import DeploymentConfig, LocalConfig
from naiad.targets.generation_folder import stored_source
from naiad.targets.inference_config import InferenceConfig
from naiad.targets.launch import Launch
from naiad.targets.local_target import Report, check_port, hand_over, start, stop
from naiad.targets.plan import make_launch
from naiad.targets.ports import is_taken
from naiad.targets.process_lock import changing
from naiad.targets.recorded import record, settle
from naiad.targets.service_script import ServiceScript
from naiad.targets.service_state import ServiceState, read_state
from naiad.targets.status import status_of
from naiad.targets.waiting import nobody, wait_until_noticed, wait_until_ready
from naiad.workspace.environment import Environment
from naiad.workspace.keys import ServiceKeys, new_key
from naiad.workspace.services import Service, check_service_name
from naiad.workspace.workspace import Workspace

_NOT_DEPLOYED: Final = {"keys", "description", "tags", "properties"}
"""What a configuration may say and the registry has elsewhere."""


def deploy(
    workspace: Workspace,
    *,
    name: str,
    models: Sequence[str],
    config: DeploymentConfig,
    inference: InferenceConfig | None = None,
    overwrite: bool = False,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
    report: Report | None = None,
    wait: bool = True,
) -> Service:
    """Start a service on this machine.

    Args:
        workspace: where the models are and the service will be.
        name: the service's; azure-ml.md §2.4 has the rule.
        models: ids `name:version`, or `name` for its latest version; exactly one without an entry script.
        config: for the local target (see `DeploymentConfig.on_target`).
        inference: the entry script; None lets clients speak to the engine.
        overwrite: replace a service of the same name: it is stopped, then the new one starts. Its keys stay, and its
            port too unless another is given.
        description: what the service is.
        tags: its tags.
        properties: its properties.
        report: is told each step.
        wait: whether to return only when the service answers.

    Returns:
        The service as recorded. When it fails to start it stays recorded, `failed`, with its log.

    Raises:
        InvalidArgumentError: for a bad name, or models that cannot be deployed without an entry script.
        NotFoundError: when a model is not registered.
        ConfigError: when a model holds no model repository, or the source cannot be copied.
        UnsupportedError: when the configuration is for another target.
        AlreadyExistsError: when the name is taken and `overwrite` is not set.
        ConflictError: when another command changes the same service, or the port is taken.
        DeploymentError: when its environment cannot be built or the service does not come up; the message is the
            process's own.
    """
    say = report or nobody
    check_service_name(name)
    local, _ = config.on_target(None)
    directory = workspace.services.directory(name)
    with changing(directory):
        before = read_state(directory)
        previous = _find(workspace, name)
        if previous is not None and not overwrite:
            raise AlreadyExistsError(
                f"Service {name} with the same name already exists, please use a different service name or delete the "
                "existing service.",
                hint="or replace it: --overwrite, overwrite=True",
            )
        script = ServiceScript.of(inference) if inference is not None else None
        deployable = resolve(
            workspace, models, config=local, script=script, source=script.origin if script else None, report=say
        )
        if local.port is not None:
            check_port(workspace, local.port, name=name)
        service = Service(
            name=name,
            description=description or local.description or (inference.description if inference else None),
            tags={**local.tags, **(tags or {})},
            properties={**local.properties, **(properties or {})},
            generation=1 if previous is None else max(previous.generation, before.latest if before else 1) + 1,
            **_columns(deployable),
        )
        keys = _keys(workspace, name, local)
        launch = _prepared(workspace, service, deployable, port=local.port, is_new=previous is None)
        service = workspace.services.create(service, overwrite=overwrite)
        replaces = stop(directory, report=say)
        if keys is not None:
            workspace.services.set_keys(name, keys)
        if launch.port is None:
            launch = replace(launch, port=_former_port(before))
        say(f"Starting {_what(launch)}" + (f" on port {launch.port}" if launch.port else ""))
        start(directory, launch)
        if wait:
            _wait(workspace, name, report=say, replaces=replaces)
    return service


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


def delete(workspace: Workspace, name: str, *, report: Report | None = None) -> Service | None:
    """Stop a service and forget it, its keys and log included.

    Args:
        workspace: where the service is.
        name: the service's.
        report: is told each step.

    Returns:
        The service as it was; None when there is none of that name.

    Raises:
        ConflictError: when another command changes the same service.
    """
    directory = workspace.services.directory(name)
    with changing(directory):
        if _find(workspace, name) is None:
            return None
        stop(directory, report=report or nobody)
        return workspace.services.delete(name)


def logs(workspace: Workspace, name: str, *, num_lines: int = 5000) -> str:
    """The last lines of a service's log.

    Raises:
        NotFoundError: when there is no such service.
    """
    return service_log.tail(workspace.services.directory(workspace.services.get(name).name), num_lines=num_lines)


def follow_logs(workspace: Workspace, name: str, *, num_lines: int = 10) -> Iterator[str]:
    """The last lines of a service's log, then what is appended until the service has failed or is deleted.

    Raises:
        NotFoundError: when there is no such service.
    """
    directory = workspace.services.directory(workspace.services.get(name).name)
    return service_log.follow(
        directory, num_lines=num_lines, ended=lambda: status_of(directory).state in ("failed", "unknown")
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
    keys = _keys(workspace, name, local)
    changed = replace(
        service,
        **labels,
        **_columns(deployable),
        generation=max(service.generation, state.latest if state else 1) + 1,
    )
    launch = _prepared(
        workspace, changed, deployable, port=local.port, is_new=False, record_={**labels, **_columns(deployable)}
    )
    if hand_over(directory, launch):
        report(f"Starting {_what(launch)} beside what serves")
    else:
        report(f"Service {name} does not run: starting {_what(launch)}")
        stop(directory, report=report)
        start(directory, launch if launch.port is not None else replace(launch, port=_former_port(state)))
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


def _prepared(
    workspace: Workspace,
    service: Service,
    deployable: Deployable,
    *,
    port: int | None,
    is_new: bool,
    record_: Mapping[str, Any] | None = None,
) -> Launch:
    """The launch of a service with its folder on disk; nothing is left of it when that fails."""
    directory = workspace.services.directory(service.name)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return make_launch(
            workspace, service, deployable, generation=service.generation, port=port, record=record_ or {}
        )
    except BaseException:
        if is_new:
            shutil.rmtree(directory, ignore_errors=True)
        raise


def _columns(deployable: Deployable) -> dict[str, Any]:
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


def _former_port(state: ServiceState | None) -> int | None:
    """Where a service answered that does not run now, unless somebody else does by now."""
    return None if state is None or state.port is None or is_taken(state.port) else state.port


def _what(launch: Launch) -> str:
    roles = [plan.role for plan in launch.processes]
    names = {"engine": "the engine", "workers": "the entry script"}
    return " and ".join(names[role] for role in roles)


def _wait(workspace: Workspace, name: str, *, report: Report, replaces: bool) -> None:
    try:
        wait_until_ready(workspace, name, report=report)
    except DeploymentError as error:
        if not replaces:
            raise
        gone = f"The service that it replaces was stopped before it started: {name} does not run any more"
        raise DeploymentError(f"{error.message}\n{gone}", hint=error.hint) from None


def _find(workspace: Workspace, name: str) -> Service | None:
    try:
        return workspace.services.get(name)
    except NotFoundError:
        return None


def _keys(workspace: Workspace, name: str, config: LocalConfig) -> ServiceKeys | None:
    """The keys that are given, completed with those that the service has or new ones; None when none is given."""
    given = config.keys
    if given.primary_key is None and given.secondary_key is None:
        return None
    try:
        present = workspace.services.keys(name)
    except NotFoundError:
        present = ServiceKeys(new_key(), new_key())
    return ServiceKeys(given.primary_key or present.primary, given.secondary_key or present.secondary)
