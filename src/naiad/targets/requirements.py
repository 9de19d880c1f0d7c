"""What an environment needs installed: its requirements, without those that naiad's own Python has already."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

import naiad
from naiad.errors import ConfigError
from naiad.workspace.conda import base_name
from naiad.workspace.environment import DEFAULT_INTERPRETER, Environment

PROVIDED: Final = frozenset(
    ("azureml-contrib-services", "azureml-defaults", "azureml-inference-server-http", "inference-schema", "naiad")
)
"""Packages whose part for entry scripts naiad plays itself (azure-ml.md §8.4): never installed."""

HOST_PACKAGES: Final = ("gunicorn", "httptools", "ngh2", "uvloop")
"""What naiad's host of an entry script is made of: always of the version that naiad needs, whatever else asks for."""

_CONDA_TOOLS: Final = frozenset(("python", "pip", "setuptools", "wheel"))
_OPTIONS: Final = frozenset(
    ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index", "--no-binary", "--only-binary")
)
_REMOTE: Final = re.compile(r"(git\+|hg\+|svn\+|bzr\+)?(https?|ssh|git)://")
_OLDEST_PYTHON: Final = Version("3.11")


@dataclass(frozen=True, slots=True)
class Requirements:
    """What is to be installed.

    Attributes:
        python: version of Python that is asked for, such as `3.12` or `>=3.12`; None when naiad's own will do.
        lines: as in a requirements file, options first; empty when there is nothing to install.
        constraints: what naiad's own packages satisfy, and what is installed of the same name must satisfy too.
        overrides: requirements that count instead of all others of the same name.
    """

    python: str | None
    lines: tuple[str, ...]
    constraints: tuple[str, ...]
    overrides: tuple[str, ...]


_NOTHING: Final = Requirements(None, (), (), ())


def find_requirements(environment: Environment) -> Requirements:
    """What must be installed for an environment, beside what naiad's own Python has.

    Raises:
        ConfigError: when a line is no requirement, or asks for something that cannot be had here.
    """
    section = environment.python
    if section.user_managed_dependencies:
        if section.interpreter_path != DEFAULT_INTERPRETER:
            raise ConfigError(
                f"environment {environment.name}: interpreterPath {section.interpreter_path} is not available",
                hint="leave it out: packages that the user manages are those of the Python that naiad runs in",
            )
        return _NOTHING
    _check_conda_packages(environment)
    python = _other_python(environment)
    options: list[str] = []
    needed: set[str] = set()
    constraints: set[str] = set()
    for line in section.conda_dependencies.pip:
        if line.startswith("-"):
            options.append(_checked_option(line, environment))
        elif (requirement := _parse(line, environment)) is None:
            needed.add(line)
        elif canonicalize_name(requirement.name) in (*PROVIDED, *HOST_PACKAGES):
            continue
        elif python is None and is_satisfied(requirement):
            requirement.extras.clear()
            constraints.add(str(requirement))
        else:
            needed.add(str(requirement))
    own = _own_requirements()
    if python is not None:
        needed.update(own)
        overrides = [line for line in own if Requirement(line).name in HOST_PACKAGES]
    else:
        # A marker that is never true: not installed, also when another package needs it.
        overrides = [f"{name}; python_version < '0'" for name in HOST_PACKAGES]
    if not needed:
        return _NOTHING
    lines = (*dict.fromkeys(options), *sorted(needed))
    return Requirements(python, lines, tuple(sorted(constraints)), tuple(overrides))


def own_folders() -> tuple[str, ...]:
    """The folders that naiad and its packages are imported from, in order."""
    sites = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    return tuple(dict.fromkeys([*sites, str(Path(naiad.__file__).parents[1])]))


def is_satisfied(requirement: Requirement, *, extra: str = "") -> bool:
    """Whether naiad's own packages satisfy a requirement, its extras included, or it does not apply here.

    Args:
        requirement: what is needed.
        extra: for a package's own requirements: those of this extra.
    """
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
        return True
    if requirement.url is not None:
        return False
    found = next(iter(importlib.metadata.distributions(name=requirement.name, path=list(own_folders()))), None)
    if found is None or not requirement.specifier.contains(found.version, prereleases=True):
        return False
    known = {canonicalize_name(name) for name in found.metadata.get_all("Provides-Extra") or ()}
    return all(
        canonicalize_name(wanted) in known and _extra_is_satisfied(found.requires or (), wanted)
        for wanted in requirement.extras
    )


def _extra_is_satisfied(requires: Iterable[str], extra: str) -> bool:
    parsed = [Requirement(text) for text in requires]
    return all(
        is_satisfied(one, extra=extra) for one in parsed if one.marker is not None and "extra" in str(one.marker)
    )


def _own_requirements() -> list[str]:
    return [
        text
        for text in importlib.metadata.requires("naiad") or ()
        if (marker := Requirement(text).marker) is None or "extra" not in str(marker)
    ]


def _parse(line: str, environment: Environment) -> Requirement | None:
    """The requirement in a line; None for one that uv reads itself: an address, or one with hashes."""
    if _REMOTE.match(line) or " --hash=" in line:
        return None
    if line.endswith(".whl") and "@" not in line:
        raise _no_path(line, environment)
    try:
        requirement = Requirement(line)
    except InvalidRequirement as error:
        if "/" in line or "\\" in line:
            raise _no_path(line, environment) from None
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"environment {environment.name}: '{line}' is no requirement: {reason}") from None
    if requirement.url is not None and not _REMOTE.match(requirement.url):
        raise _no_path(line, environment)
    return requirement


def _no_path(line: str, environment: Environment) -> ConfigError:
    return ConfigError(
        f"environment {environment.name}: '{line}' names a file, which is not part of the environment",
        hint="write NAME==VERSION, and --find-links FOLDER for the folder where its wheel lies",
    )


def _checked_option(line: str, environment: Environment) -> str:
    option, _, value = line.replace("=", " ", 1).partition(" ")
    if option not in _OPTIONS:
        raise ConfigError(
            f"environment {environment.name}: option {option} is not available among requirements; "
            f"these are: {', '.join(sorted(_OPTIONS))}"
        )
    return f"{option} {value.strip()}".strip()


def _check_conda_packages(environment: Environment) -> None:
    packages = environment.python.conda_dependencies.packages
    foreign = [package for package in packages if base_name(package.rpartition("::")[2]) not in _CONDA_TOOLS]
    if foreign:
        raise ConfigError(
            f"environment {environment.name} asks for conda packages, which naiad does not use: {', '.join(foreign)}",
            hint=f"ask pip for them (add_pip_package, or the list under pip:): {', '.join(map(_for_pip, foreign))}",
        )


def _for_pip(package: str) -> str:
    """The nearest that pip understands: `numpy==1.16.*` of `conda-forge::numpy=1.16=py37_0`."""
    name = package.rpartition("::")[2]
    if match := re.fullmatch(r"([^\s=<>!~]+)\s*=\s*([^\s=*]+)(\.\*)?(\s*=.*)?", name):
        return f"{match[1]}=={match[2]}.*"
    return name.replace(" ", "")


def _other_python(environment: Environment) -> str | None:
    """The version that is asked for, when naiad's own Python is another."""
    wanted = environment.python.conda_dependencies.python_version
    if wanted is None:
        return None
    own = Version(platform.python_version())
    is_range = wanted[0] in "<>!~"
    try:
        if is_range:
            return None if SpecifierSet(wanted).contains(own) else wanted
        version = Version(wanted.partition("=")[0].strip().removesuffix(".*"))
    except (InvalidSpecifier, InvalidVersion):
        raise ConfigError(
            f"environment {environment.name}: '{wanted}' is no version of Python", hint="write python=3.11"
        ) from None
    if version < _OLDEST_PYTHON and version.release[:2] != own.release[: len(version.release[:2])]:
        raise ConfigError(
            f"environment {environment.name} asks for Python {wanted}, and naiad needs {_OLDEST_PYTHON} or newer",
            hint=f"leave the version out to use naiad's own, {own}",
        )
    if version.release[:2] == own.release[: len(version.release[:2])]:
        return None
    return ".".join(map(str, version.release[:2]))


def describe(lines: Sequence[str]) -> str:
    """The requirements among lines, for people: options may hold a password."""
    return ", ".join(line for line in lines if not line.startswith("-"))
