"""`azureml.core.model.InferenceConfig`: an entry script and what it runs with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from naiad.azureml.core.conda_dependencies import CondaDependencies, conda_value
from naiad.azureml.core.environment import Environment, environment_value
from naiad.azureml.core.workspace import Workspace, local_workspace
from naiad.azureml.exceptions import UserErrorException, translated
from naiad.azureml.printing import accept_unused
from naiad.errors import NotFoundError
from naiad.targets import inference_config as values
from naiad.targets.requirements import describe
from naiad.workspace.environment import Environment as EnvironmentValue
from naiad.workspace.environment import PythonSection


class InferenceConfig:
    """How a model is called through an entry script (azure-ml.md §2.5).

    Args:
        entry_script: path of the script, relative to the source directory; to the working directory without one.
        runtime: `python`, or left out.
        conda_file: packages, in place of an environment; relative to the source directory.
        extra_docker_file_steps: accepted and not used, as are enable_gpu, base_image, base_image_registry and
            cuda_version: they are about images.
        source_directory: folder that goes along with the script.
        description: what the configuration is for.
        environment: packages and variables; naiad's own packages when left out.

    Raises:
        UserErrorException: when the folder, the script or the conda file is not there or not valid.
    """

    def __init__(
        self,
        entry_script: str | os.PathLike[str],
        runtime: str | None = None,
        conda_file: str | os.PathLike[str] | None = None,
        extra_docker_file_steps: Any = None,
        source_directory: str | os.PathLike[str] | None = None,
        enable_gpu: bool | None = None,
        description: str | None = None,
        base_image: str | None = None,
        base_image_registry: Any = None,
        cuda_version: str | None = None,
        environment: Environment | None = None,
    ) -> None:
        if runtime not in (None, "python"):
            raise UserErrorException(f"runtime must be 'python', not {runtime!r}")
        if environment is not None and conda_file is not None:
            raise UserErrorException("give environment or conda_file")
        accept_unused(
            "InferenceConfig()",
            extra_docker_file_steps=extra_docker_file_steps,
            enable_gpu=enable_gpu,
            base_image=base_image,
            base_image_registry=base_image_registry,
            cuda_version=cuda_version,
        )
        self.entry_script = os.fspath(entry_script)
        self.source_directory = None if source_directory is None else os.fspath(source_directory)
        self.conda_file = None if conda_file is None else os.fspath(conda_file)
        self.description = description
        self.environment = environment
        # The working directory may be another one when the configuration is used.
        self._folder = Path.cwd()
        self._packages = CondaDependencies()
        if conda_file is not None:
            self._packages = CondaDependencies(Path(source_directory or ".") / conda_file)
        with translated(UserErrorException):
            self._value(self._environment("checked"))

    def _environment(self, name: str) -> EnvironmentValue:
        """The environment; it has the name that is given when it has none of its own."""
        if self.environment is not None:
            return environment_value(self.environment)
        return EnvironmentValue(name, python=PythonSection(conda_dependencies=conda_value(self._packages)))

    def _value(self, environment: EnvironmentValue) -> values.InferenceConfig:
        if self.source_directory is None:
            script = os.fspath(self._folder / self.entry_script)
            return values.InferenceConfig(script, None, environment, self.description)
        folder = Path(os.path.normpath(self._folder / self.source_directory))
        return values.InferenceConfig(self.entry_script, folder, environment, self.description)


def inference_value(view: InferenceConfig, workspace: Workspace, *, service: str) -> values.InferenceConfig:
    """The value behind a view.

    Args:
        view: what the caller passed.
        workspace: where its environment may be registered.
        service: name of the service, for an environment that has no name of its own: `<service>-env`.

    Raises:
        UserErrorException: when the caller passed something else, or the script is not there any more.
    """
    if not isinstance(view, InferenceConfig):
        raise UserErrorException(f"inference_config must be an InferenceConfig, not {type(view).__name__}")
    with translated(UserErrorException):
        return view._value(_as_registered(view._environment(f"{service}-env"), workspace))


def describe_inference(inference: values.InferenceConfig) -> str:
    """What `Model.deploy(show_output=True)` prints about it (azure-ml.md §2.4); values of variables may be secrets."""
    environment = inference.environment
    parts = {
        "Entry script": inference.entry_script,
        "Environment variables": ", ".join(sorted(environment.environment_variables)),
        "Environment dependencies": describe(environment.python.conda_dependencies.pip),
    }
    return "\n".join(f"{title}:\n\t{text}" for title, text in parts.items() if text)


def _as_registered(environment: EnvironmentValue, workspace: Workspace) -> EnvironmentValue:
    """The environment, without its version when it was changed since it got it."""
    try:
        registered = local_workspace(workspace).environments.get(environment.name, environment.version)
    except NotFoundError:
        return environment.definition
    return environment if registered == environment else environment.definition
