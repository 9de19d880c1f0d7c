"""`azureml.core.conda_dependencies.CondaDependencies`: an environment's packages, to be changed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from naiad.azureml.exceptions import UserErrorException, translated
from naiad.targets.environment_file import read_conda_file
from naiad.workspace import conda

CONDA_FILE_NAME: Final = "conda_dependencies.yml"


class CondaDependencies:
    """Packages by conda and by pip (azure-ml.md §2.5).

    What is different here: no version of Python is set by itself, so that naiad's own is used, and packages of conda
    other than Python and pip are refused when the environment is built.

    Args:
        conda_dependencies_file_path: a conda file to begin with; else there is `azureml-defaults` only.

    Raises:
        UserErrorException: when the file cannot be read or is not valid.
    """

    _name: str
    _channels: list[str]
    _packages: list[str]
    _pip: list[str]

    def __init__(self, conda_dependencies_file_path: str | os.PathLike[str] | None = None) -> None:
        with translated(UserErrorException):
            value = (
                conda.CondaDependencies()
                if conda_dependencies_file_path is None
                else read_conda_file(Path(conda_dependencies_file_path))
            )
        self._show(value)

    @staticmethod
    def create(
        pip_indexurl: str | None = None,
        pip_packages: Sequence[str] | None = None,
        conda_packages: Sequence[str] | None = None,
        python_version: str | None = None,
        pin_sdk_version: bool = True,
    ) -> CondaDependencies:
        """Packages to begin with, beside `azureml-defaults`.

        Args:
            pip_indexurl: where pip looks for packages.
            pip_packages: for pip.
            conda_packages: for conda.
            python_version: such as `3.11`; naiad's own when left out.
            pin_sdk_version: accepted and not used.

        Raises:
            UserErrorException: when a package is an option.
        """
        dependencies = CondaDependencies()
        if pip_indexurl is not None:
            dependencies.set_pip_option(f"--index-url {pip_indexurl}")
        for package in pip_packages or ():
            dependencies.add_pip_package(package)
        for package in conda_packages or ():
            dependencies.add_conda_package(package)
        if python_version is not None:
            dependencies.set_python_version(python_version)
        return dependencies

    @property
    def pip_packages(self) -> list[str]:
        """The requirements for pip."""
        return [line for line in self._pip if not line.startswith("-")]

    @property
    def pip_options(self) -> list[str]:
        """The options for pip."""
        return [line for line in self._pip if line.startswith("-")]

    @property
    def conda_packages(self) -> list[str]:
        """The packages for conda, `python` among them when it has a version."""
        return list(self._packages)

    @property
    def conda_channels(self) -> list[str]:
        """Where conda would look."""
        return list(self._channels)

    def add_pip_package(self, pip_package: str) -> None:
        """Ask pip for a package, in place of what was asked of the same name.

        Raises:
            UserErrorException: when it is no package's name.
        """
        self._pip = [*_without(self._pip, pip_package), _checked(pip_package)]

    def remove_pip_package(self, pip_package: str) -> None:
        """Do not ask pip for the package of this name."""
        self._pip = _without(self._pip, pip_package)

    def set_pip_requirements(self, pip_requirements: Sequence[str]) -> None:
        """Ask pip for these lines and no others."""
        if isinstance(pip_requirements, str):
            raise UserErrorException("pip_requirements must be a list of texts")
        self._pip = [line.strip() for line in pip_requirements]

    def set_pip_option(self, pip_option: str) -> None:
        """Set an option, such as `--index-url URL`, in place of the same one."""
        name = pip_option.replace("=", " ").split(maxsplit=1)[:1]
        if not pip_option.startswith("-") or not name:
            raise UserErrorException(f"pip_option must be an option, such as --index-url URL, not {pip_option!r}")
        others = [line for line in self._pip if line.replace("=", " ").split(maxsplit=1)[:1] != name]
        self._pip = [pip_option.strip(), *others]

    def add_conda_package(self, conda_package: str) -> None:
        """Ask conda for a package, in place of what was asked of the same name.

        Raises:
            UserErrorException: when it is no package's name.
        """
        self._packages = [*_without(self._packages, conda_package), _checked(conda_package)]

    def remove_conda_package(self, conda_package: str) -> None:
        """Do not ask conda for the package of this name."""
        self._packages = _without(self._packages, conda_package)

    def add_channel(self, channel: str) -> None:
        """Add a channel, unless it is there."""
        self._channels = list(dict.fromkeys([*self._channels, channel]))

    def remove_channel(self, channel: str) -> None:
        """Remove a channel."""
        self._channels = [name for name in self._channels if name != channel]

    def set_python_version(self, version: str) -> None:
        """Ask for a version of Python, such as `3.11`."""
        self._packages = [f"python={version}", *_without(self._packages, "python")]

    def get_python_version(self) -> str | None:
        """The version that is asked for; None for naiad's own."""
        return self._value().python_version

    def as_dict(self) -> dict[str, Any]:
        """The document of the conda file."""
        return self._value().to_dict()

    def serialize_to_string(self) -> str:
        """The text of the conda file."""
        text: str = yaml.safe_dump(self.as_dict(), sort_keys=False, allow_unicode=True)
        return text

    def save(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write the conda file.

        Args:
            path: the file, or its folder; the working directory when left out.

        Returns:
            Path of the file.
        """
        file = Path(path or ".")
        if file.is_dir():
            file /= CONDA_FILE_NAME
        file.write_text(self.serialize_to_string(), encoding="utf-8")
        return str(file)

    def save_to_file(
        self, base_directory: str | os.PathLike[str], conda_file_path: str | os.PathLike[str] | None = None
    ) -> str:
        """Write the conda file below a folder.

        Returns:
            Path of the file, relative to the folder.
        """
        name = Path(conda_file_path or CONDA_FILE_NAME)
        self.save(Path(base_directory) / name)
        return str(name)

    def _value(self) -> conda.CondaDependencies:
        return conda.CondaDependencies(self._name, tuple(self._channels), tuple(self._packages), tuple(self._pip))

    def _show(self, value: conda.CondaDependencies) -> None:
        self._name = value.name
        self._channels = list(value.channels)
        self._packages = list(value.packages)
        self._pip = list(value.pip)


def conda_view(value: conda.CondaDependencies) -> CondaDependencies:
    """The view of a value."""
    view = CondaDependencies.__new__(CondaDependencies)
    view._show(value)
    return view


def conda_value(view: CondaDependencies) -> conda.CondaDependencies:
    """The value behind a view.

    Raises:
        UserErrorException: when the caller assigned something else.
    """
    if not isinstance(view, CondaDependencies):
        raise UserErrorException(f"conda_dependencies must be a CondaDependencies, not {type(view).__name__}")
    return view._value()


def _checked(package: str) -> str:
    if not conda.base_name(package) or package.strip().startswith("-"):
        raise UserErrorException(f"Invalid package name {package}")
    return package.strip()


def _without(packages: Sequence[str], package: str) -> list[str]:
    name = conda.base_name(package)
    return [line for line in packages if line.startswith("-") or conda.base_name(line) != name]
