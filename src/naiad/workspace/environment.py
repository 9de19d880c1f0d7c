"""An environment: the packages and the variables that an entry script runs with (azure-ml.md §2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from naiad.errors import ConfigError
from naiad.workspace.conda import CondaDependencies

DEFAULT_INTERPRETER: Final = "python"


@dataclass(frozen=True, slots=True)
class PythonSection:
    """The environment's Python.

    Attributes:
        user_managed_dependencies: nothing is installed: the packages are there already.
        interpreter_path: the interpreter, when the user manages the packages.
        conda_dependencies_file: where the packages were read from; kept as it is.
        base_conda_environment: kept as it is.
        conda_dependencies: the packages.
    """

    user_managed_dependencies: bool = False
    interpreter_path: str = DEFAULT_INTERPRETER
    conda_dependencies_file: str | None = None
    base_conda_environment: str | None = None
    conda_dependencies: CondaDependencies = field(default_factory=CondaDependencies)


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment, registered or not.

    Attributes:
        version: counted by the registry, as a text, as Azure ML has it; None while it is not registered.
        environment_variables: for the entry script.
        docker: kept as it is.
        other: the keys of azure-ml.md §3.5 that mean nothing here (`spark`, `databricks`, `r`, …), kept as they are.

    Raises:
        ConfigError: when an environment variable cannot be one.
    """

    name: str
    version: str | None = None
    python: PythonSection = field(default_factory=PythonSection)
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    docker: Mapping[str, Any] = field(default_factory=dict)
    other: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.environment_variables.items():
            if not name or "=" in name or "\0" in name + value:
                raise ConfigError(
                    f"environment {self.name}: {name!r} cannot be an environment variable: its name must not have '=', "
                    "and neither name nor value a null character"
                )

    @property
    def definition(self) -> Self:
        """The same without a version: what two environments are compared by."""
        return replace(self, version=None)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], *, source: str = "environment") -> Self:
        """The environment in a document that `to_dict` made, or that has the same types.

        Args:
            document: camelCase keys of azure-ml.md §3.5.
            source: how error messages name where the document comes from.

        Raises:
            ConfigError: when `condaDependencies` is malformed.
        """
        python: Mapping[str, Any] = document.get("python") or {}
        conda = python.get("condaDependencies")
        return cls(
            name=document["name"],
            version=document.get("version"),
            python=PythonSection(
                user_managed_dependencies=python.get("userManagedDependencies") or False,
                interpreter_path=python.get("interpreterPath") or DEFAULT_INTERPRETER,
                conda_dependencies_file=python.get("condaDependenciesFile"),
                base_conda_environment=python.get("baseCondaEnvironment"),
                conda_dependencies=CondaDependencies()
                if conda is None
                else CondaDependencies.from_dict(conda, source=f"{source}: python.condaDependencies"),
            ),
            environment_variables=dict(document.get("environmentVariables") or {}),
            docker=dict(document.get("docker") or {}),
            other={key: value for key, value in document.items() if key not in _OWN_KEYS},
        )

    def to_dict(self) -> dict[str, Any]:
        """The document that commands print and files hold, with Azure ML's keys (azure-ml.md §3.5)."""
        return {
            "name": self.name,
            "version": self.version,
            "environmentVariables": dict(self.environment_variables),
            "python": {
                "userManagedDependencies": self.python.user_managed_dependencies,
                "interpreterPath": self.python.interpreter_path,
                "condaDependenciesFile": self.python.conda_dependencies_file,
                "baseCondaEnvironment": self.python.base_conda_environment,
                "condaDependencies": self.python.conda_dependencies.to_dict(),
            },
            "docker": dict(self.docker),
            **self.other,
        }


_OWN_KEYS: Final = frozenset(("name", "version", "environmentVariables", "python", "docker"))
