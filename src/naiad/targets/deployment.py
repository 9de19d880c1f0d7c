"""Services on this machine: deploy, wait, delete. Looking at one is `status`, calling one `scoring`.

A deployment without an entry script (azure-ml.md §2.4) serves one model that is a Triton model repository; requests go
straight to the engine. What can be checked is checked before anything is recorded or stopped. An overwritten service
is stopped first, because the new one takes over its port: when the new one then fails, neither runs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from naiad.errors import DeploymentError, InvalidArgumentError, NotFoundError
from naiad.targets import service_log
from naiad.targets.deployment_config import DeploymentConfig, LocalConfig
from naiad.targets.local_target import START_TIMEOUT_S, Report, check_port, start, stop
from naiad.targets.ports import is_taken
from naiad.targets.process_lock import changing
from naiad.targets.scoring import model_names
from naiad.targets.service_state import read_state
from naiad.targets.status import ServiceStatus, status_of
from naiad.workspace.keys import ServiceKeys, new_key
from naiad.workspace.models import Model
from naiad.workspace.services import Service, check_service_name
from naiad.workspace.workspace import Workspace

DEPLOYABLE_FRAMEWORKS: Final = ("Multi",)

_STILL_LOADING_S: Final = 5


def deploy(
    workspace: Workspace,
    *,
    name: str,
    models: Sequence[str],
    config: DeploymentConfig,
    overwrite: bool = False,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
    report: Report | None = None,
    wait: bool = True,
) -> Service:
    """Start a service on this machine.

    Args:
        workspace: where the model is and the service will be.
        name: the service's; azure-ml.md §2.4 has the rule.
        models: the id of exactly one model, `name:version`, or `name` for its latest version.
        config: for the local target (see `DeploymentConfig.on_target`).
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
        NotFoundError: when the model is not registered.
        ConfigError: when the model holds no model repository.
        UnsupportedError: when the configuration is for another target.
        AlreadyExistsError: when the name is taken and `overwrite` is not set.
        ConflictError: when another command changes the same service, or the port is taken.
        DeploymentError: when the service does not come up; the message is the engine's own.
    """
    say = report or _nobody
    check_service_name(name)
    local, _ = config.on_target(None)
    model = _no_code_model(workspace, models)
    repository = workspace.models.triton_repository(model.id)
    say(f"Model {model.id}: repository with {', '.join(model_names(repository)) or 'no model'}")
    directory = workspace.services.directory(name)
    with changing(directory):
        before = read_state(directory)
        if local.port is not None:
            check_port(workspace, local.port, name=name)
        keys = _keys(workspace, name, local)
        service = workspace.services.create(
            Service(
                name=name,
                model_ids=(model.id,),
                description=description,
                tags=tags or {},
                properties=properties or {},
                auth_enabled=local.requires_key,
                port=local.port,
                deployment=config.model_dump(by_alias=True, exclude_unset=True, exclude={"keys"}),
            ),
            overwrite=overwrite,
        )
        replaces = stop(directory, report=say)
        if keys is not None:
            workspace.services.set_keys(name, keys)
        port = local.port
        if port is None and before is not None and before.port is not None and not is_taken(before.port):
            port = before.port
        say("Starting the engine" + (f" on port {port}" if port else ""))
        start(workspace, service, config=local, repository=repository, port=port)
        if wait:
            _wait(workspace, name, report=say, replaces=replaces)
    return service


def wait_until_ready(
    workspace: Workspace, name: str, *, timeout_s: float = START_TIMEOUT_S + 30, report: Report | None = None
) -> ServiceStatus:
    """Wait until a service answers.

    Args:
        workspace: where the service is.
        name: the service's.
        timeout_s: how long to wait.
        report: is told when the service is ready, and now and then that it is not yet.

    Raises:
        NotFoundError: when there is no such service.
        DeploymentError: when it failed, with the cause, or is not ready in time.
    """
    say = report or _nobody
    started_s = told_s = time.monotonic()
    directory = workspace.services.directory(workspace.services.get(name).name)
    while True:
        now = status_of(directory)
        waited_s = time.monotonic() - started_s
        if now.state == "running":
            say(f"Service {name} is ready after {now.ready_s:.1f} s at {now.scoring_uri}")
            return now
        log_hint = f"the log: naiad service get-logs -n {name}"
        if now.state in ("failed", "unknown"):
            hint = f"{now.hint}; {log_hint}" if now.hint else log_hint
            raise DeploymentError(f"Service {name} did not start: {now.error}", hint=hint)
        if waited_s > timeout_s:
            raise DeploymentError(
                f"Service {name} is still {now.state} after {timeout_s:g} s; it goes on starting", hint=log_hint
            )
        if time.monotonic() - told_s >= _STILL_LOADING_S:
            told_s = time.monotonic()
            say(f"Models are loading: {waited_s:.0f} s")
        time.sleep(0.05)


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
        try:
            workspace.services.get(name)
        except NotFoundError:
            return None
        stop(directory, report=report or _nobody)
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


def _nobody(_: str) -> None:
    """The report of a caller who does not want one."""


def _no_code_model(workspace: Workspace, models: Sequence[str]) -> Model:
    """The model of a deployment without an entry script (azure-ml.md §2.4)."""
    if len(models) != 1:
        raise InvalidArgumentError(
            "You must provide an InferenceConfig when deploying zero or multiple models.",
            hint="without an entry script a service serves one model; it may hold a repository of several",
        )
    model = workspace.models.get_by_id(models[0])
    if model.framework not in DEPLOYABLE_FRAMEWORKS:
        raise InvalidArgumentError(
            "You must provide an InferenceConfig when deploying a model with model_framework set to "
            f"{model.framework}. Default environments are only provided for these frameworks: "
            f"{list(DEPLOYABLE_FRAMEWORKS)}.",
            hint="register a folder that holds a Triton model repository with --model-framework Multi",
        )
    return model


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
