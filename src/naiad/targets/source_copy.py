"""Copying the source directory of an entry script, without what does not belong to it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from naiad.errors import ConfigError

IGNORE_FILES: Final = (".amlignore", ".gitignore")
"""Of these the first that is there says what is left out (azure-ml.md §2.5)."""

MAX_FILES: Final = 10_000
MAX_SIZE_BYTES: Final = 300 << 20

_NEVER: Final = frozenset({".git", ".naiad", ".ipynb_checkpoints", "__pycache__"})


def copy_source(source: Path, target: Path) -> None:
    """Copy a folder to a new place.

    Args:
        source: the folder; links in it must stay inside it.
        target: does not exist yet.

    Raises:
        ConfigError: when it is too big, or a link leads outside.
        OSError: when something cannot be read or written.
    """
    root = source.resolve()
    rules = _rules(root)
    size_bytes = 0
    target.mkdir(parents=True)
    for number, path in enumerate(_files(root, rules)):
        real = path.resolve()
        if not real.is_relative_to(root):
            raise ConfigError(
                f"the link {path} points outside the source directory, to {real}",
                hint=f"put the file itself in its place, or name the link in {IGNORE_FILES[0]}",
            )
        size_bytes += real.stat().st_size
        if number >= MAX_FILES or size_bytes > MAX_SIZE_BYTES:
            raise ConfigError(
                f"source directory {source} holds more than {MAX_FILES} files or {MAX_SIZE_BYTES >> 20} MiB",
                hint=f"register models instead of putting them beside the script, or name what is not needed in "
                f"{root.name}/{IGNORE_FILES[0]}",
            )
        copy = target / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(real, copy)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One line of an ignore file.

    Attributes:
        pattern: matches a path relative to the source directory.
        excludes: False for a line that begins with `!` and takes back what lines before it left out.
        folders_only: the line ends with a slash.
    """

    pattern: re.Pattern[str]
    excludes: bool
    folders_only: bool


def _files(root: Path, rules: tuple[_Rule, ...]) -> Iterator[Path]:
    """The files below a folder, without what is ignored; folders that are links are not entered."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(
            name for name in folders if name not in _NEVER and not _is_ignored(here / name, root, rules, folder=True)
        )
        for name in sorted(files):
            path = here / name
            if not _is_ignored(path, root, rules, folder=False) and path.is_file():
                yield path


def _is_ignored(path: Path, root: Path, rules: tuple[_Rule, ...], *, folder: bool) -> bool:
    relative = path.relative_to(root).as_posix()
    ignored = False
    for rule in rules:
        if (folder or not rule.folders_only) and rule.pattern.fullmatch(relative):
            ignored = rule.excludes
    return ignored


def _rules(root: Path) -> tuple[_Rule, ...]:
    file = next((root / name for name in IGNORE_FILES if (root / name).is_file()), None)
    if file is None:
        return ()
    lines = (line.strip() for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
    return tuple(_rule(line) for line in lines if line.strip("!/") and not line.startswith("#"))


def _rule(line: str) -> _Rule:
    excludes, folders_only = not line.startswith("!"), line.endswith("/")
    glob = line.removeprefix("!").rstrip("/")
    anywhere = "/" not in glob
    # `**` is any number of folders, `*` and `?` stay within one.
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    words = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]/]+\])", glob.removeprefix("/"))
    # Splitting by a group gives what stands between special words and those words in turn.
    text = "".join(
        (parts.get(word) or word.replace("[!", "[^")) if number % 2 else re.escape(word)
        for number, word in enumerate(words)
    )
    try:
        pattern = re.compile(("(?:.*/)?" if anywhere else "") + text)
    except re.error:  # a bracket that stands for nothing
        pattern = re.compile(re.escape(glob))
    return _Rule(pattern, excludes, folders_only)
