"""`azureml.core.environment`: environments, to be changed and registered."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from naiad.azureml.core.conda_dependencies import CondaDependencies, conda_value, conda_view
from naiad.azureml.core.container_registry import ContainerRegistry
from naiad.azureml.core.docker_section import DockerSection, docker_document
from naiad.azureml.core.workspace import Workspace, local_workspace
from naiad.azureml.exceptions import UserErrorException, translated
from naiad.azureml.printing import accept_unused, say
from naiad.targets import venv
from naiad.targets.environment_file import load_directory, read_requirements_file, save_directory
from naiad.workspace import environment as values

__all__ = [
    "CondaDependencies",
    "ContainerRegistry",
    "DockerSection",
    "Environment",
    "ImageBuildDetails",
    "PythonSection",
]


@dataclass(slots=True)
class PythonSection:
    """The environment's Python (azure-ml.md §2.5).

    Attributes:
        user_managed_dependencies: nothing is installed; the packages are those of the Python that naiad runs in.
        interpreter_path: `python`: that Python.
        conda_dependencies: the packages.
        conda_dependencies_file: kept as it is.
        base_conda_environment: kept as it is.
    """

    user_managed_dependencies: bool = False
    interpreter_path: str = values.DEFAULT_INTERPRETER
    conda_dependencies: CondaDependencies = field(default_factory=CondaDependencies)
    conda_dependencies_file: str | None = None
    base_conda_environment: str | None = None


@dataclass(frozen=True, slots=True)
class ImageBuildDetails:
    """How `Environment.build` went; it has succeeded, or there were no details.

    Attributes:
        log: what happened, a line each.
        status: of the build.
    """

    log: tuple[str, ...]
    status: str = "Succeeded"

    def wait_for_completion(self, show_output: bool = False) -> None:
        """Return at once; print what happened when `show_output` is set."""
        if show_output:
            say("\n".join(self.log))


class Environment:
    """Packages and variables for an entry script (azure-ml.md §2.5).

    Args:
        name: its name; `AzureML…` and `Microsoft…` are for curated environments.

    Attributes:
        version: given by the workspace; None while it is not registered.
        python: the packages.
        docker: the image.
        environment_variables: for the entry script.
        spark: kept as it is, as are databricks, r, inferencing_stack_version and asset_id.

    Raises:
        UserErrorException: without a name.
    """

    def __init__(self, name: str) -> None:
        if not name:
            raise UserErrorException("Name is required to instantiate an Environment object")
        self._show(values.Environment(name))

    @staticmethod
    def get(workspace: Workspace, name: str, version: str | None = None, label: str | None = None) -> Environment:
        """A registered or curated environment.

        Args:
            workspace: where to look.
            name: of the environment.
            version: its version; the latest when left out.
            label: `latest`, the only label there is.

        Raises:
            UserErrorException: when there is no such environment.
        """
        if label not in (None, "latest"):
            raise UserErrorException(f"environment '{name}' has no label '{label}': there is only 'latest'")
        if label is not None and version is not None:
            raise UserErrorException("give a version or a label")
        with translated(UserErrorException):
            return environment_view(
                local_workspace(workspace).environments.get(name, None if version is None else str(version))
            )

    @staticmethod
    def list(workspace: Workspace) -> dict[str, Environment]:
        """The latest version of every environment, by name, the curated ones among them."""
        with translated(UserErrorException):
            return {one.name: environment_view(one) for one in local_workspace(workspace).environments.list()}

    def register(self, workspace: Workspace) -> Environment:
        """Record this environment as the next version of its name.

        Returns:
            The registered environment; the latest version when that has the same definition.

        Raises:
            UserErrorException: for a name or a value that cannot be used.
        """
        with translated(UserErrorException):
            return environment_view(local_workspace(workspace).environments.register(environment_value(self)))

    def clone(self, new_name: str) -> Environment:
        """A copy under another name, without a version.

        Raises:
            UserErrorException: without a name.
        """
        document = environment_value(self).to_dict()
        document.pop("assetId", None)
        copy = Environment(new_name)
        copy._show(values.Environment.from_dict({**document, "name": new_name, "version": None}))
        return copy

    @staticmethod
    def from_conda_specification(name: str, file_path: str | os.PathLike[str]) -> Environment:
        """An environment with the packages of a conda file.

        Raises:
            UserErrorException: when the file cannot be read or is not valid.
        """
        environment = Environment(name)
        environment.python.conda_dependencies = CondaDependencies(file_path)
        return environment

    @staticmethod
    def from_pip_requirements(
        name: str, file_path: str | os.PathLike[str], pip_version: str | None = None
    ) -> Environment:
        """An environment with the packages of a requirements file.

        Args:
            name: of the environment.
            file_path: the file; what it includes is read too.
            pip_version: accepted and not used.

        Raises:
            UserErrorException: when the file cannot be read.
        """
        accept_unused("Environment.from_pip_requirements()", pip_version=pip_version)
        environment = Environment(name)
        with translated(UserErrorException):
            lines = read_requirements_file(Path(file_path))
        environment.python.conda_dependencies.set_pip_requirements(lines)
        return environment

    @staticmethod
    def from_docker_image(
        name: str,
        image: str,
        container_registry: ContainerRegistry | None = None,
        conda_specification: str | os.PathLike[str] | None = None,
        pip_requirements: str | os.PathLike[str] | None = None,
    ) -> Environment:
        """An environment with an image, which is kept, and the packages of a file.

        Raises:
            UserErrorException: when both files are given, or one cannot be read.
        """
        environment = _from_files(name, conda_specification, pip_requirements)
        environment.docker.base_image = image
        if container_registry is not None:
            environment.docker.base_image_registry = container_registry
        return environment

    @staticmethod
    def from_dockerfile(
        name: str,
        dockerfile: Any,
        conda_specification: str | os.PathLike[str] | None = None,
        pip_requirements: str | os.PathLike[str] | None = None,
    ) -> Environment:
        """An environment with a Dockerfile (text, path or open file), which is kept, and the packages of a file.

        Raises:
            UserErrorException: when both files are given, or one cannot be read.
        """
        environment = _from_files(name, conda_specification, pip_requirements)
        environment.docker.base_dockerfile = dockerfile
        return environment

    def build_local(self, workspace: Workspace, **kwargs: Any) -> None:
        """Install the packages now instead of at the first deployment, and print the progress.

        Args:
            workspace: where the environment is registered and built.
            kwargs: `platform`, `useDocker` and so on: accepted and not used.

        Raises:
            UserErrorException: when the environment asks for what cannot be had here.
        """
        accept_unused("Environment.build_local()", **kwargs)
        self._build(workspace, report=say)

    def build(self, workspace: Workspace, image_build_compute: Any = None) -> ImageBuildDetails:
        """Install the packages now instead of at the first deployment; they are installed when this returns.

        Args:
            workspace: where the environment is registered and built.
            image_build_compute: accepted and not used.

        Raises:
            UserErrorException: when the environment asks for what cannot be had here.
        """
        accept_unused("Environment.build()", image_build_compute=image_build_compute)
        log: list[str] = []
        self._build(workspace, report=log.append)
        return ImageBuildDetails(tuple(log))

    def _build(self, workspace: Workspace, *, report: Callable[[str], None]) -> None:
        local = local_workspace(workspace)
        with translated(UserErrorException):
            registered = local.environments.register(environment_value(self))
            venv.build(registered, folder=local.root / venv.FOLDER_NAME, report=report)

    def save_to_directory(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the environment's files (azure-ml.md §3.5).

        Raises:
            UserErrorException: when a file is there and may not be replaced, or the folder cannot be written.
        """
        with translated(UserErrorException):
            save_directory(environment_value(self), Path(path), overwrite=overwrite)

    @staticmethod
    def load_from_directory(path: str | os.PathLike[str]) -> Environment:
        """Read the files that `save_to_directory` writes.

        Raises:
            UserErrorException: when a file is not there or not valid.
        """
        with translated(UserErrorException):
            return environment_view(load_directory(Path(path)))

    def _show(self, value: values.Environment) -> None:
        self.name = value.name
        self.version = value.version
        self.python = PythonSection(
            user_managed_dependencies=value.python.user_managed_dependencies,
            interpreter_path=value.python.interpreter_path,
            conda_dependencies=conda_view(value.python.conda_dependencies),
            conda_dependencies_file=value.python.conda_dependencies_file,
            base_conda_environment=value.python.base_conda_environment,
        )
        self.docker = DockerSection(value.docker)
        self.environment_variables: dict[str, Any] = dict(value.environment_variables)
        self.spark: Any = value.other.get("spark")
        self.databricks: Any = value.other.get("databricks")
        self.r: Any = value.other.get("r")
        self.inferencing_stack_version: str | None = value.other.get("inferencingStackVersion")
        self.asset_id: str | None = value.other.get("assetId")
        self._other = value.other

    def __str__(self) -> str:
        return f"Environment(Name: {self.name},\nVersion: {self.version})"

    def __repr__(self) -> str:
        return json.dumps(environment_value(self).to_dict(), indent=4)


def environment_view(value: values.Environment) -> Environment:
    """The view of a value."""
    view = Environment.__new__(Environment)
    view._show(value)
    return view


def environment_value(view: Environment) -> values.Environment:
    """The value behind a view.

    Raises:
        UserErrorException: when the caller passed or assigned something else.
    """
    if not isinstance(view, Environment):
        raise UserErrorException(f"environment must be a naiad.azureml.core.Environment, not {type(view).__name__}")
    if not isinstance(view.environment_variables, Mapping):
        raise UserErrorException("environment_variables must be a dict")
    other = {
        "spark": view.spark,
        "databricks": view.databricks,
        "r": view.r,
        "inferencingStackVersion": view.inferencing_stack_version,
        "assetId": view.asset_id,
    }
    return values.Environment(
        name=view.name,
        version=view.version,
        python=values.PythonSection(
            user_managed_dependencies=view.python.user_managed_dependencies,
            interpreter_path=view.python.interpreter_path,
            conda_dependencies_file=view.python.conda_dependencies_file,
            base_conda_environment=view.python.base_conda_environment,
            conda_dependencies=conda_value(view.python.conda_dependencies),
        ),
        environment_variables={str(key): str(value) for key, value in view.environment_variables.items()},
        docker=docker_document(view.docker),
        other={key: value for key, value in other.items() if value is not None or key in view._other},
    )


def _from_files(
    name: str, conda_specification: str | os.PathLike[str] | None, pip_requirements: str | os.PathLike[str] | None
) -> Environment:
    if conda_specification is not None and pip_requirements is not None:
        raise UserErrorException("give conda_specification or pip_requirements")
    if conda_specification is not None:
        return Environment.from_conda_specification(name, conda_specification)
    if pip_requirements is not None:
        return Environment.from_pip_requirements(name, pip_requirements)
    return Environment(name)
