"""A Triton model repository in a local folder: which models, which versions, which files.

    <repository>/<model>/config.pbtxt            optional
    <repository>/<model>/<version>/model.onnx    integer versions
    <repository>/<model>/labels.txt              beside config.pbtxt

Reading only; nothing here opens a model (triton.md §3.2, §4.8).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from naiad.errors import ConfigError, InternalError, InvalidArgumentError, UnsupportedError

logger = logging.getLogger(__name__)

_Files = frozenset[tuple[str | int, ...]]

_CONFIG = "config.pbtxt"
_NAMED_CONFIGS = "configs"
_NOT_VERSIONS = frozenset({"warmup", "initial_state", _NAMED_CONFIGS})


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """One model's folder in a repository.

    Attributes:
        name: the folder's name, which is the model's.
        path: where it lies.
    """

    name: str
    path: Path

    def config_path(self, name: str | None) -> str:
        """Where the configuration is within the folder: configs/<name>.pbtxt where there is one, or config.pbtxt
        (--model-config-name; triton.md §3.2)."""
        named = f"{_NAMED_CONFIGS}/{name}.pbtxt"
        return named if name and (self.path / named).is_file() else _CONFIG

    def config_text(self, file_name: str = _CONFIG) -> str | None:
        """The text of the configuration, or None when there is none.

        Args:
            file_name: as `config_path` gives it.

        Raises:
            ConfigError: when the file is there and is not UTF-8 text.
        """
        path = self.path / file_name
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
        except OSError as error:
            raise InternalError(f"unable to read {path}: {error.strerror}") from error

    def versions(self) -> list[int]:
        """The version folders, ascending. Names that are no integers, or have leading zeros, are left out with a
        warning (triton.md §3.2)."""
        found = []
        for entry in self.path.iterdir():
            if not entry.is_dir() or entry.name in _NOT_VERSIONS or entry.name.startswith("."):
                continue
            if (number := version_number(entry.name)) is not None:
                found.append(number)
            else:
                logger.warning("model '%s': ignoring folder '%s', which is not a version number", self.name, entry.name)
        return sorted(found)

    def version_path(self, version: int) -> Path:
        """The folder of one version."""
        return self.path / str(version)

    def fingerprint(self) -> Fingerprint:
        """What the files look like now."""
        files = ((path.relative_to(self.path), path.stat()) for path in self.path.rglob("*") if path.is_file())
        stamps = {path.as_posix(): (status.st_size, status.st_mtime_ns, status.st_ino) for path, status in files}
        return Fingerprint.of(stamps, self.versions())

    def fetch(self) -> ModelFolder:
        """The files as a folder on this machine, which they are in already."""
        return self

    def read_text(self, file_name: str, *, purpose: str) -> str:
        """Read a text file that the configuration names; as `read_bytes`."""
        try:
            return self.read_bytes(file_name, purpose=purpose).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidArgumentError(f"{purpose} in model '{self.name}' is not UTF-8 text: {error}") from error

    def read_bytes(self, file_name: str, *, purpose: str) -> bytes:
        """Read a file that the configuration names.

        Args:
            file_name: relative to the model's folder.
            purpose: what names it, for the message.

        Raises:
            UnsupportedError: when the name leads outside the model's folder.
            InternalError: when it cannot be read, in Triton's words.
        """
        path = (self.path / file_name).resolve()
        if not path.is_relative_to(self.path.resolve()):
            raise UnsupportedError(f"{purpose} in model '{self.name}' is outside model directory")
        try:
            return path.read_bytes()
        except OSError as error:
            raise InternalError(
                f"failed to open text file for read {self.path / file_name}: {error.strerror}",
                hint=f"{purpose} in model '{self.name}' names that file",
            ) from error


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a model's files looked like: paths, sizes, and what else tells one content from another.

    Attributes:
        config: of config.pbtxt and the named configurations beside it.
        shared: of everything else that is not in a version's folder, such as label files.
        versions: by version number.
    """

    config: _Files
    shared: _Files
    versions: dict[int, _Files]

    @classmethod
    def of(cls, stamps: Mapping[str, tuple[str | int, ...]], versions: Iterable[int]) -> Fingerprint:
        """From what is known about each file, by its path in the model's folder, and the versions there are."""
        groups: dict[str, set[tuple[str | int, ...]]] = {}
        for path, stamp in stamps.items():
            folder = path.partition("/")[0] if "/" in path else ""
            is_config = folder == _NAMED_CONFIGS or path == _CONFIG
            groups.setdefault(_NAMED_CONFIGS if is_config else folder, set()).add((path, *stamp))
        config = frozenset(groups.pop(_NAMED_CONFIGS, ()))
        by_version = {version: frozenset(groups.pop(str(version), ())) for version in versions}
        return cls(config, frozenset().union(*groups.values()), by_version)


def version_number(name: str) -> int | None:
    """The version that a folder's name stands for; None when it is no version's."""
    return int(name) if name.isascii() and name.isdecimal() and not name.startswith("0") else None


class LocalRepository:
    """A model repository in one local folder.

    Args:
        path: the folder.

    Raises:
        InvalidArgumentError: when it is not a readable folder.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise InvalidArgumentError(
                f"model repository '{path}' is not a directory",
                hint="--model-repository takes the folder that holds one folder per model",
            )
        self.path = path.resolve()

    def model(self, name: str) -> ModelFolder | None:
        """The folder of one model, or None when there is none.

        Args:
            name: anything; only the name of a folder right in the repository finds one.
        """
        return self._folder(name) if name in self._names() else None

    def models(self) -> list[ModelFolder]:
        """Every model folder, by name. Files and hidden folders beside them are not models."""
        return [folder for name in sorted(self._names()) if (folder := self._folder(name)) is not None]

    def _names(self) -> list[str]:
        try:
            return os.listdir(self.path)
        except OSError as error:
            raise InvalidArgumentError(f"unable to read model repository '{self.path}': {error.strerror}") from error

    def _folder(self, name: str) -> ModelFolder | None:
        path = self.path / name
        return ModelFolder(name, path) if path.is_dir() and not name.startswith(".") else None

    def close(self) -> None:
        """Nothing is held."""
