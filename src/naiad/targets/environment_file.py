"""Environments in files: JSON documents, folders of them, conda files and requirements files (azure-ml.md §3.5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from naiad.errors import AlreadyExistsError, ConfigError, NotFoundError
from naiad.targets.config_file import faults, read_mapping
from naiad.workspace.conda import CondaDependencies
from naiad.workspace.environment import Environment

DEFINITION_NAME: Final = "azureml_environment.json"
CONDA_NAME: Final = "conda_dependencies.yml"
DOCKERFILE_NAME: Final = "BaseDockerfile"


def _as_text(value: object) -> object:
    """Numbers as text: files say `WORKER_COUNT: 1`. A truth value stays one, and is an error: which text is meant?"""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


_Text = Annotated[str, BeforeValidator(_as_text)]


class _Section(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)


class _Python(_Section):
    user_managed_dependencies: bool | None = None
    interpreter_path: str | None = None
    conda_dependencies_file: str | None = None
    base_conda_environment: str | None = None
    conda_dependencies: dict[str, Any] | None = None


class _Definition(_Section):
    name: str
    version: _Text | None = None
    environment_variables: dict[str, _Text] | None = None
    python: Annotated[_Python, BeforeValidator(lambda value: {} if value is None else value)] = _Python()
    docker: dict[str, Any] | None = None
    spark: dict[str, Any] | None = None
    databricks: dict[str, Any] | None = None
    r: dict[str, Any] | None = None
    inferencing_stack_version: str | None = None
    asset_id: str | None = None


def read_environment(document: Mapping[str, Any], *, source: str) -> Environment:
    """Check a document that is parsed already.

    Args:
        document: camelCase keys of azure-ml.md §3.5.
        source: how error messages name where it comes from.

    Raises:
        ConfigError: when a key or value is not valid; the message holds one line for each fault.
    """
    try:
        definition = _Definition.model_validate(document)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{source}: {line}" for line in faults(error, _Definition))) from None
    return Environment.from_dict(definition.model_dump(by_alias=True, exclude_unset=True), source=source)


def load_directory(folder: Path) -> Environment:
    """Read the files that `save_directory` writes; what a file beside the definition says wins over the definition.

    Raises:
        NotFoundError: when the folder or the definition is not there.
        ConfigError: when a file cannot be read or is not valid.
    """
    definition = folder / DEFINITION_NAME
    if not definition.is_file():
        raise NotFoundError(
            f"{folder} holds no {DEFINITION_NAME}",
            hint=f"`naiad environment scaffold -n NAME -d {folder}` writes one to begin with",
        )
    environment = read_environment(read_mapping(definition), source=str(definition))
    if (folder / CONDA_NAME).is_file():
        conda = read_conda_file(folder / CONDA_NAME)
        environment = replace(environment, python=replace(environment.python, conda_dependencies=conda))
    if (folder / DOCKERFILE_NAME).is_file():
        dockerfile = _read_text(folder / DOCKERFILE_NAME)
        environment = replace(environment, docker={**environment.docker, "baseDockerfile": dockerfile})
    return environment


def save_directory(environment: Environment, folder: Path, *, overwrite: bool = False) -> None:
    """Write an environment's definition, its conda file and, when it has one, its Dockerfile.

    Args:
        environment: what to write.
        folder: made when it is not there.
        overwrite: replace files that are there.

    Raises:
        AlreadyExistsError: when a file is there and `overwrite` is not set; then nothing is written.
        ConfigError: when the folder cannot be written.
    """
    document = environment.to_dict()
    # Said in one place only, so that it can be changed in one place.
    conda, document["python"]["condaDependencies"] = document["python"]["condaDependencies"], None
    dockerfile = document["docker"].pop("baseDockerfile", None)
    files = {
        DEFINITION_NAME: json.dumps(document, indent=4) + "\n",
        CONDA_NAME: yaml.safe_dump(conda, sort_keys=False, allow_unicode=True),
        **({DOCKERFILE_NAME: str(dockerfile)} if dockerfile is not None else {}),
    }
    there = [name for name in files if (folder / name).exists()]
    if there and not overwrite:
        raise AlreadyExistsError(
            f"{folder / there[0]} already exists and would be written over", hint="allow it with overwrite"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        if dockerfile is None:
            (folder / DOCKERFILE_NAME).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{error.filename or folder} cannot be written: {error.strerror}") from None


def read_conda_file(path: Path) -> CondaDependencies:
    """Read a conda file: YAML with `dependencies`.

    Raises:
        ConfigError: when it cannot be read or is not valid.
    """
    return CondaDependencies.from_dict(read_mapping(path), source=str(path))


def read_requirements_file(path: Path) -> tuple[str, ...]:
    """The lines of a requirements file, without comments; files that it includes are in their place.

    Raises:
        ConfigError: when a file cannot be read or includes itself.
    """
    return tuple(_requirement_lines(path, ()))


def _requirement_lines(path: Path, above: tuple[Path, ...]) -> list[str]:
    if path.resolve() in above:
        raise ConfigError(f"{path}: includes itself")
    lines: list[str] = []
    for line in _read_text(path).replace("\\\n", " ").splitlines():
        words = line.split()
        # A `#` within a word belongs to it, as in an address.
        end = next((place for place, word in enumerate(words) if word.startswith("#")), len(words))
        text = " ".join(words[:end])
        option, _, value = text.replace("=", " ", 1).partition(" ")
        if option in ("-r", "--requirement") and value:
            lines += _requirement_lines(path.parent / value, (*above, path.resolve()))
        elif text:
            lines.append(text)
    return lines


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from None
