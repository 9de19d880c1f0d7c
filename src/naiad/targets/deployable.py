"""What a service is made of, checked before anything is recorded, stopped or started."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from naiad.errors import InvalidArgumentError
from naiad.targets import venv
from naiad.targets.deployment_config import LocalConfig
from naiad.targets.local_target import Report
from naiad.targets.scoring import model_names
from naiad.targets.service_script import ServiceScript
from naiad.workspace.models import Model
from naiad.workspace.workspace import Workspace

TRITON_FRAMEWORK: Final = "Multi"
NO_CODE_FRAMEWORKS: Final = (TRITON_FRAMEWORK,)

_SCRIPT_SETTINGS: Final = (
    "scoringTimeoutMs",
    "maxConcurrentRequestsPerContainer",
    "maxQueueWaitMs",
    "environmentVariables",
)


@dataclass(frozen=True, slots=True)
class Deployable:
    """Models and an entry script, or one of the two.

    Attributes:
        models: that the service serves.
        repositories: the Triton model repositories among them.
        script: the entry script; None for architecture B.
        source: where the script's source directory is, or the script alone; None without a script.
        python: the interpreter that runs the script.
        config: how the service is deployed.
    """

    models: tuple[Model, ...]
    repositories: tuple[Path, ...]
    script: ServiceScript | None
    source: Path | None
    python: Path
    config: LocalConfig


def resolve(
    workspace: Workspace,
    models: Sequence[str],
    *,
    config: LocalConfig,
    script: ServiceScript | None,
    source: Path | None,
    report: Report,
) -> Deployable:
    """Look up models, register and build the environment.

    Args:
        workspace: where they are.
        models: ids.
        config: how the service is deployed.
        script: the entry script, if there is one.
        source: where its source is.
        report: is told each step.

    Raises:
        InvalidArgumentError: when the models cannot be served without an entry script.
        NotFoundError: when a model is not registered.
        ConfigError: when a model holds no model repository, or the environment asks for what cannot be had here.
        DeploymentError: when the environment cannot be built.
    """
    if script is None and len(models) != 1:
        raise InvalidArgumentError(
            "You must provide an InferenceConfig when deploying zero or multiple models.",
            hint="without an entry script a service serves one model; it may hold a repository of several",
        )
    found = tuple({model.id: model for model in map(workspace.models.get_by_id, models)}.values())
    if script is None:
        _check_no_code(found[0])
    repositories = []
    for model in found:
        if model.framework == TRITON_FRAMEWORK:
            repository = workspace.models.triton_repository(model.id)
            repositories.append(repository)
            report(f"Model {model.id}: repository with {', '.join(model_names(repository)) or 'no model'}")
        else:
            report(f"Model {model.id}: {model.entry}")
    python = Path(sys.executable)
    if script is not None:
        environment = script.environment
        if environment.version is None:
            environment = workspace.environments.register(environment)
            script = replace(script, environment=environment)
        python = venv.build(environment, folder=workspace.root / venv.FOLDER_NAME, report=report)
        if script.path.partition("/")[0] == "azureml-models":
            raise InvalidArgumentError("a source directory cannot be called azureml-models: the models are there")
    else:
        given = config.model_dump(by_alias=True, exclude_unset=True)
        if ignored := [key for key in _SCRIPT_SETTINGS if key in given]:
            report(f"Not applied without an entry script: {', '.join(ignored)}")
    return Deployable(found, tuple(repositories), script, source, python, config)


def _check_no_code(model: Model) -> None:
    """Raise unless a model can be served without an entry script (azure-ml.md §2.4)."""
    if model.framework not in NO_CODE_FRAMEWORKS:
        raise InvalidArgumentError(
            "You must provide an InferenceConfig when deploying a model with model_framework set to "
            f"{model.framework}. Default environments are only provided for these frameworks: "
            f"{list(NO_CODE_FRAMEWORKS)}.",
            hint="register a folder that holds a Triton model repository with --model-framework Multi",
        )
