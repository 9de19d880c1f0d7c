"""Services on this machine: deploy, delete. Changing one is `update`, looking at one `status`, calling one `scoring`.

What can be checked is checked before anything is recorded or stopped. An overwritten service is stopped first, because
the new one takes over its port: when the new one then fails, neither runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from naiad.errors import AlreadyExistsError, DeploymentError, NotFoundError
from naiad.targets import service_log
from naiad.targets.deployable import resolve
from naiad.targets.deployment_config import DeploymentConfig
from naiad.targets.inference_config import InferenceConfig
from naiad.targets.local_target import Report, check_port, start, stop
from naiad.targets.preparation import former_port, given_keys, named_processes, prepared_launch, recorded_columns
from naiad.targets.process_lock import changing
from naiad.targets.service_script import ServiceScript
from naiad.targets.service_state import read_state
from naiad.targets.status import status_of
from naiad.targets.waiting import nobody, wait_until_ready
from naiad.workspace.services import Service, check_service_name
from naiad.workspace.workspace import Workspace


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
            **recorded_columns(deployable),
        )
        keys = given_keys(workspace, name, local)
        launch = prepared_launch(workspace, service, deployable, port=local.port, is_new=previous is None)
        service = workspace.services.create(service, overwrite=overwrite)
        replaces = stop(directory, report=say)
        if keys is not None:
            workspace.services.set_keys(name, keys)
        if launch.port is None:
            launch = replace(launch, port=former_port(before))
        say(f"Starting {named_processes(launch)}" + (f" on port {launch.port}" if launch.port else ""))
        start(directory, launch)
        if wait:
            _wait(workspace, name, report=say, replaces=replaces)
    return service


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
