"""How a model is called through an entry script: the script, its folder, its environment (azure-ml.md §2.5, §3.4)."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from pathlib import Path, PurePath

from naiad.errors import ConfigError
from naiad.workspace.environment import Environment


@dataclass(frozen=True, slots=True)
class InferenceConfig:
    """An entry script that is there and can be parsed, and what it runs with.

    Attributes:
        entry_script: path of the script, relative to the source directory; to the working directory without one.
        source_directory: folder that goes along with the script; None takes the script alone.
        environment: packages and variables.
        description: what the configuration is for.

    Raises:
        ConfigError: when the folder or the script is not there, or the script is no Python module; the same checks
            and sentences as azure-ml.md §2.5.
    """

    entry_script: str
    source_directory: Path | None
    environment: Environment
    description: str | None = None

    @property
    def source(self) -> Path:
        """What is stored with a service: the source directory, or the script alone."""
        return self.script if self.source_directory is None else self.source_directory

    @property
    def script(self) -> Path:
        """Where the script is now."""
        return (self.source_directory or Path()) / self.entry_script

    def __post_init__(self) -> None:
        folder = self.source_directory
        if folder is not None and not folder.is_dir():
            raise ConfigError(
                f"source directory {folder} doesn't exist.", hint="it is relative to the working directory"
            )
        if folder is not None and not _lies_inside(self.entry_script):
            raise ConfigError(f"entry_script {self.entry_script} must be a path inside the source directory {folder}")
        if not self.script.is_file():
            base = "current working directory" if folder is None else f"source directory {folder}"
            raise ConfigError(
                f"entry_script {self.entry_script} doesn't exist. entry_script should be path relative to {base}"
            )
        if self.script.suffix != ".py":
            raise ConfigError(
                f"Invalid driver type of {self.entry_script}. Currently only Python drivers are supported.",
                hint="an entry script is a .py file with init() and run()",
            )
        if not self.script.stem.isidentifier():
            raise ConfigError(
                f'Error, invalid name "{self.script.stem}" for provided entry script. The script must be importable '
                "as a valid python module: letters, digits and underscores only, and no digit first."
            )
        _check_syntax(self.script)


def _lies_inside(path: str) -> bool:
    parts = PurePath(path)
    return not parts.is_absolute() and ".." not in parts.parts


def _check_syntax(script: Path) -> None:
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(script.read_bytes(), filename=str(script))
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise ConfigError(f"{script}{where}: {error.msg}: the entry script is not valid Python") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{script}: the entry script is not valid Python: {error}") from None
    except OSError as error:
        raise ConfigError(f"{script} cannot be read: {error.strerror}") from None
