"""A Triton model repository in a local folder: which models, which versions, which files.

    <repository>/<model>/config.pbtxt            optional
    <repository>/<model>/<version>/model.onnx    integer versions
    <repository>/<model>/labels.txt              beside config.pbtxt

Reading only; nothing here opens a model (triton.md §3.2, §4.8).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from naiad.errors import ConfigError, InternalError, InvalidArgumentError, UnsupportedError

logger = logging.getLogger(__name__)

_Files = frozenset[tuple[str, int, int, int]]

_CONFIG = "config.pbtxt"
_NOT_VERSIONS = frozenset({"warmup", "initial_state", "configs"})


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
        named = f"configs/{name}.pbtxt"
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
            if entry.name.isascii() and entry.name.isdecimal() and not entry.name.startswith("0"):
                found.append(int(entry.name))
            else:
                logger.warning("model '%s': ignoring folder '%s', which is not a version number", self.name, entry.name)
        return sorted(found)

    def version_path(self, version: int) -> Path:
        """The folder of one version."""
        return self.path / str(version)

    def fingerprint(self) -> Fingerprint:
        """What the files look like now."""
        files = [(path.relative_to(self.path), path.stat()) for path in self.path.rglob("*") if path.is_file()]
        rows = [(path, (str(path), status.st_size, status.st_mtime_ns, status.st_ino)) for path, status in files]
        versions = {str(version): version for version in self.versions()}
        return Fingerprint(
            config=frozenset(row for path, row in rows if path.parts == ("config.pbtxt",)),
            shared=frozenset(
                row for path, row in rows if path.parts[0] not in versions and path.parts != ("config.pbtxt",)
            ),
            versions={
                number: frozenset(row for path, row in rows if path.parts[0] == name)
                for name, number in versions.items()
            },
        )

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
            InvalidArgumentError: when it cannot be read.
        """
        path = (self.path / file_name).resolve()
        if not path.is_relative_to(self.path.resolve()):
            raise UnsupportedError(f"{purpose} in model '{self.name}' is outside model directory")
        try:
            return path.read_bytes()
        except OSError as error:
            raise InvalidArgumentError(f"unable to read {purpose} in model '{self.name}': {error}") from error


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a model's files looked like: sizes, times and inodes, by path.

    Attributes:
        config: of config.pbtxt.
        shared: of everything else that is not in a version's folder, such as label files.
        versions: by version number.
    """

    config: _Files
    shared: _Files
    versions: dict[int, _Files]


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
        return next((folder for folder in self.models() if folder.name == name), None)

    def models(self) -> list[ModelFolder]:
        """Every model folder, by name. Files and hidden folders beside them are not models."""
        try:
            entries = sorted(self.path.iterdir())
        except OSError as error:
            raise InvalidArgumentError(f"unable to read model repository '{self.path}': {error.strerror}") from error
        folders = [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
        return [ModelFolder(folder.name, folder) for folder in folders]
