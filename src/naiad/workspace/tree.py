"""What is about to be registered: a file or a folder, walked, checked, and listed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from naiad.errors import ContentTooLargeError, InvalidArgumentError, NotFoundError


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """How big one registered model may be.

    Attributes:
        max_files: files and empty folders; environment variable NAIAD_MODEL_MAX_FILES.
        max_size_bytes: all files together; environment variable NAIAD_MODEL_MAX_SIZE_BYTES.
    """

    max_files: int = 100_000
    max_size_bytes: int = 1 << 40

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ModelLimits:
        """The limits as the environment sets them.

        Raises:
            InvalidArgumentError: when a variable is not a positive integer.
        """
        return cls(
            max_files=_positive(environment, "NAIAD_MODEL_MAX_FILES", cls().max_files),
            max_size_bytes=_positive(environment, "NAIAD_MODEL_MAX_SIZE_BYTES", cls().max_size_bytes),
        )


def _positive(environment: Mapping[str, str], variable: str, default: int) -> int:
    value = environment.get(variable)
    if value is None:
        return default
    if not value.isdecimal() or int(value) == 0:
        raise InvalidArgumentError(f"environment variable {variable} must be a positive integer, not '{value}'")
    return int(value)


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """One file to be stored, or one empty folder.

    Attributes:
        path: where it goes, with `/`, starting with the basename of what is registered.
        source: the file to read; None for an empty folder.
        size_bytes: of the file when it was listed.
    """

    path: str
    source: Path | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SourceTree:
    """The listing of a file or folder, sorted by path.

    Attributes:
        entry: basename of what is registered, the top of every path.
        entries: files and empty folders.
    """

    entry: str
    entries: tuple[SourceEntry, ...]

    @property
    def size_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self.entries)


_KINDS: Final = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(slots=True)
class _Walk:
    root: Path
    limits: ModelLimits
    excluded: Path | None
    entries: list[SourceEntry] = field(default_factory=list)
    size_bytes: int = 0

    def visit(self, path: Path, name: str, above: tuple[Path, ...]) -> None:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise InvalidArgumentError(f"the file name {name!r} is not valid UTF-8 and cannot be registered") from None
        if path.is_symlink():
            path = self._follow(path)
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            self._folder(path, name, above)
        elif stat.S_ISREG(mode):
            self._add(SourceEntry(name, path, path.stat().st_size))
        else:
            kind = next((words for test, words in _KINDS if test(mode)), "neither a file nor a folder")
            raise InvalidArgumentError(f"{name} is {kind}; a model consists of files and folders")

    def _follow(self, link: Path) -> Path:
        try:
            target = link.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise InvalidArgumentError(f"the symbolic link {link} leads nowhere") from error
        if not target.is_relative_to(self.root):
            raise InvalidArgumentError(
                f"the symbolic link {link} points outside the registered folder, to {target}",
                hint="put the file itself in its place: a registered model holds everything that it needs",
            )
        return target

    def _folder(self, path: Path, name: str, above: tuple[Path, ...]) -> None:
        real = path.resolve()
        if real == self.excluded:
            return
        if real in above:
            raise InvalidArgumentError(f"the symbolic link {name} points to a folder that contains it")
        children = sorted(os.listdir(path))
        if not children:
            self._add(SourceEntry(name, None, 0))
        for child in children:
            self.visit(path / child, f"{name}/{child}", (*above, real))

    def _add(self, entry: SourceEntry) -> None:
        self.entries.append(entry)
        self.size_bytes += entry.size_bytes
        if len(self.entries) > self.limits.max_files:
            raise ContentTooLargeError(
                f"{self.root} holds more than {self.limits.max_files} files",
                hint="register a smaller folder, or raise NAIAD_MODEL_MAX_FILES",
            )
        if self.size_bytes > self.limits.max_size_bytes:
            raise ContentTooLargeError(
                f"{self.root} is bigger than {self.limits.max_size_bytes} bytes",
                hint="register a smaller folder, or raise NAIAD_MODEL_MAX_SIZE_BYTES",
            )


def scan(path: str | os.PathLike[str], *, limits: ModelLimits, excluded: Path | None = None) -> SourceTree:
    """List what is at a path, following symbolic links that stay inside it.

    Args:
        path: a file, or a folder, which keeps its basename as the top of the tree (azure-ml.md §2.3).
        limits: when to give up.
        excluded: a folder to leave out: the workspace itself, when the registered folder contains it.

    Raises:
        NotFoundError: when nothing is there.
        InvalidArgumentError: for a link that leads outside, a pipe, a device, an unreadable file, an unusable name.
        ContentTooLargeError: when a limit is passed.
    """
    given = Path(os.path.abspath(path))
    if not given.name:
        raise InvalidArgumentError(f"{given} cannot be registered: it has no name of its own")
    if not given.exists():
        raise NotFoundError(f"Path does not exist: {os.fspath(path)}")
    walk = _Walk(given.resolve(), limits, None if excluded is None else excluded.resolve())
    try:
        walk.visit(walk.root, given.name, ())
    except OSError as error:
        raise InvalidArgumentError(f"{error.filename or path} cannot be read: {error.strerror}") from error
    return SourceTree(given.name, tuple(sorted(walk.entries, key=lambda entry: entry.path)))


def draw_tree(paths: Iterator[str] | tuple[str, ...], *, max_lines: int = 40) -> str:
    """The paths as an indented tree, folders with a trailing `/`, cut off after `max_lines` lines."""
    lines: list[str] = []
    shown: set[tuple[str, ...]] = set()
    for path in sorted(paths):
        parts = tuple(path.split("/"))
        for depth in range(1, len(parts) + 1):
            if parts[:depth] in shown:
                continue
            shown.add(parts[:depth])
            lines.append("  " * (depth - 1) + parts[depth - 1] + ("/" if depth < len(parts) else ""))
    if len(lines) > max_lines:
        hidden = len(lines) - (max_lines - 1)
        lines[max_lines - 1 :] = [f"… and {hidden} more"]
    return "\n".join(lines)
