"""The inference configuration file (`--ic`), and the options that say the same: Azure ML's keys (azure-ml.md §3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from naiad.errors import ConfigError, UsageError
from naiad.targets.config_file import faults, read_mapping
from naiad.targets.environment_file import load_directory, read_conda_file, read_environment
from naiad.targets.inference_config import InferenceConfig
from naiad.workspace.environment import Environment, PythonSection
from naiad.workspace.environments import EnvironmentRegistry


def _check_environment(value: Any) -> Any:
    if isinstance(value, (dict, str, NoneType)):
        return value
    raise ValueError("must be the definition of an environment, or the name of a registered one")


class _File(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)

    entry_script: str | None = None
    source_directory: str | None = None
    environment: Annotated[Any, AfterValidator(_check_environment)] = None
    description: str | None = None
    conda_file: str | None = None
    runtime: Literal["python"] | None = None
    extra_dockerfile_steps: Any = None
    enable_gpu: bool | None = None
    cuda_version: str | None = None
    base_image: str | None = None
    base_image_registry: Any = None


_UNUSED: Final = ("extra_dockerfile_steps", "enable_gpu", "cuda_version", "base_image", "base_image_registry")
"""What is about a container's image; there is none on this machine."""


@dataclass(frozen=True, slots=True)
class InferenceOptions:
    """What a command line says about an inference configuration; it wins over the file.

    Attributes:
        file: `--ic`.
        environment_name: `-e`, a registered environment.
        environment_version: `--ev`, of that name.
        environment_directory: `--ed`, a folder with an environment's definition.
        entry_script: `--es`.
        source_directory: `--sd`.
        conda_file: `--cf`.
    """

    file: Path | None = None
    environment_name: str | None = None
    environment_version: str | None = None
    environment_directory: Path | None = None
    entry_script: str | None = None
    source_directory: Path | None = None
    conda_file: Path | None = None


def read_inference_config(
    options: InferenceOptions, *, service: str, environments: EnvironmentRegistry
) -> tuple[InferenceConfig | None, tuple[str, ...]]:
    """The inference configuration that a command line means.

    Args:
        options: what is given.
        service: name of the service, for an environment that has no name of its own: `<service>-env`.
        environments: where named environments are.

    Returns:
        The configuration, None when no option is given; and the keys of the file that mean nothing on this machine.

    Raises:
        UsageError: when options contradict each other, or there is no entry script.
        ConfigError: when a file, a folder or the script cannot be used.
        NotFoundError: when the named environment is not registered.
    """
    if options == InferenceOptions():
        return None, ()
    _check_options(options)
    file = _File() if options.file is None else _read(options.file)
    entry_script = options.entry_script or file.entry_script
    if entry_script is None:
        raise UsageError(
            f"{options.file}: entryScript is missing"
            if options.file is not None
            else "an environment needs an entry script to run in it: --inference-config-file or --entry-script"
        )
    source = options.source_directory or file.source_directory
    config = InferenceConfig(
        entry_script=entry_script,
        source_directory=None if source is None else Path(source),
        environment=_environment(options, file, name=f"{service}-env", environments=environments),
        description=file.description,
    )
    return config, tuple(to_camel(key) for key in _UNUSED if getattr(file, key))


def _check_options(options: InferenceOptions) -> None:
    given = {
        "--environment-name": options.environment_name,
        "--environment-directory": options.environment_directory,
        "--conda-file": options.conda_file,
    }
    named = [option for option, value in given.items() if value is not None]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} each name an environment: give one of them")
    if options.environment_version is not None and options.environment_name is None:
        raise UsageError("--environment-version goes with --environment-name")


def _read(path: Path) -> _File:
    values = read_mapping(path)
    try:
        return _File.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{path.name}: {line}" for line in faults(error, _File))) from None


def _environment(
    options: InferenceOptions, file: _File, *, name: str, environments: EnvironmentRegistry
) -> Environment:
    if options.environment_name is not None:
        return environments.get(options.environment_name, options.environment_version)
    if options.environment_directory is not None:
        return load_directory(options.environment_directory).definition
    if options.conda_file is not None:
        return _of_conda_file(options.conda_file, name)
    if isinstance(file.environment, str):
        return environments.get(file.environment)
    if file.environment is not None:
        assert options.file is not None
        return read_environment(
            {"name": name, **file.environment}, source=f"{options.file.name}: environment"
        ).definition
    if file.conda_file is not None:
        return _of_conda_file(Path(file.source_directory or ".") / file.conda_file, name)
    return Environment(name)


def _of_conda_file(path: Path, name: str) -> Environment:
    return Environment(name, python=PythonSection(conda_dependencies=read_conda_file(path)))
