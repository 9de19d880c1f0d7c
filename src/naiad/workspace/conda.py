"""A conda specification: what an environment says about its packages (azure-ml.md §2.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from naiad.errors import ConfigError

DEFAULT_NAME: Final = "project_environment"
DEFAULT_CHANNELS: Final = ("anaconda", "conda-forge")
DEFAULT_PIP: Final = ("azureml-defaults",)

_BASE_NAME: Final = re.compile(r"[^\[=<>~!;@\s]+")


@dataclass(frozen=True, slots=True)
class CondaDependencies:
    """Packages by conda and by pip.

    Attributes:
        name: of the specification; means nothing.
        channels: where conda would look.
        packages: conda's own, as match specifications: `numpy`, `python=3.11`.
        pip: lines as in a requirements file: requirements, and options such as `--index-url URL`.
    """

    name: str = DEFAULT_NAME
    channels: tuple[str, ...] = DEFAULT_CHANNELS
    packages: tuple[str, ...] = ()
    pip: tuple[str, ...] = DEFAULT_PIP

    @property
    def python_version(self) -> str | None:
        """The version in `python=3.11`; None when there is no such package, or it has no version."""
        for package in self.packages:
            if base_name(package) == "python":
                return package[len("python") :].strip().lstrip("=").strip() or None
        return None

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], *, source: str) -> Self:
        """Check a parsed conda file.

        Args:
            document: `{name, channels[], dependencies[…, {pip: []}]}`; `prefix` and `variables` are passed over.
            source: how error messages name where the document comes from.

        Raises:
            ConfigError: when a value is not of the right kind; the message names the key.
        """
        unknown = sorted(set(document) - {"name", "channels", "dependencies", "prefix", "variables"})
        if unknown:
            raise ConfigError(
                f"{source}: unknown key {unknown[0]}; a conda file has name, channels and dependencies",
                hint="packages of pip are an item of dependencies: {pip: [numpy]}",
            )
        packages: list[str] = []
        pip: list[str] = []
        dependencies = document.get("dependencies")
        if not isinstance(dependencies, (list, tuple, type(None))):
            raise ConfigError(f"{source}: dependencies must be a list, not {dependencies!r}")
        for item in dependencies or ():
            if isinstance(item, Mapping) and set(item) == {"pip"}:
                pip += _texts(item["pip"], f"{source}: dependencies.pip")
            elif isinstance(item, str) and item.strip():
                packages.append(item.strip())
            else:
                raise ConfigError(
                    f"{source}: dependencies must hold packages, such as python=3.11, and one {{pip: [...]}}, "
                    f"not {item!r}"
                )
        channels = _texts(document.get("channels"), f"{source}: channels")
        name = document.get("name") or DEFAULT_NAME
        if not isinstance(name, str):
            raise ConfigError(f"{source}: name must be a text, not {name!r}")
        return cls(name, tuple(channels), tuple(packages), tuple(pip))

    def to_dict(self) -> dict[str, Any]:
        """The document that `from_dict` reads."""
        pip = [{"pip": list(self.pip)}] if self.pip else []
        return {"name": self.name, "channels": list(self.channels), "dependencies": [*self.packages, *pip]}


def base_name(requirement: str) -> str:
    """The name in a requirement or match specification, in lower case: `numpy` of `NumPy[extra]>=2`."""
    found = _BASE_NAME.match(requirement.strip())
    return found.group().lower() if found else ""


def _texts(value: Any, where: str) -> Sequence[str]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) and item.strip() for item in value):
        raise ConfigError(f"{where} must be a list of texts, not {value!r}")
    return [item.strip() for item in value]
