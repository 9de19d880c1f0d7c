"""A service's log: one file that is appended to and turned over at a size, read from its end or followed."""

from __future__ import annotations

import io
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO

LOG_NAME: Final = "log.txt"
MAX_LOG_BYTES: Final = 16 * 1024 * 1024


class ServiceLog:
    """Writes `log.txt`; when it would pass its limit it becomes `log.txt.1`, and what that was is gone.

    Args:
        directory: the service's directory.
        max_bytes: the most that one file holds.
    """

    def __init__(self, directory: Path, *, max_bytes: int = MAX_LOG_BYTES) -> None:
        self._path = directory / LOG_NAME
        self._max_bytes = max_bytes
        self._open()

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size_bytes = os.fstat(self._file).st_size

    def write(self, lines: bytes) -> None:
        """Append; the caller passes whole lines. What a full disk refuses is lost: a log never stops a service."""
        with suppress(OSError):
            if self._size_bytes and self._size_bytes + len(lines) > self._max_bytes:
                os.replace(self._path, previous_log(self._path))
                os.close(self._file)
                self._open()
            view = memoryview(lines)
            while view:
                written = os.write(self._file, view)
                self._size_bytes += written
                view = view[written:]

    def event(self, level: str, message: str) -> None:
        """Append a line of the supervisor's own, in the engine's format (triton.md §1.9).

        Args:
            level: `I`, `W` or `E`.
            message: one sentence; line breaks are escaped, so that it stays one line.
        """
        now = time.time()
        stamp = time.strftime("%m%d %H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}"
        escaped = message.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        self.write(f'{level}{stamp} {os.getpid()} supervisor] "{escaped}"\n'.encode())


def previous_log(path: Path) -> Path:
    """Where the log went that was turned over."""
    return path.with_name(path.name + ".1")


def tail(directory: Path, *, num_lines: int) -> str:
    """The last lines of a service's log, across the turn-over; empty when there is no log."""
    with _open(directory / LOG_NAME) as file:
        return _last_lines(file, directory, num_lines)


def follow(directory: Path, *, num_lines: int, ended: Callable[[], bool], poll_s: float = 0.2) -> Iterator[str]:
    """The last lines of a service's log, and then what is appended, as it comes.

    Args:
        directory: the service's directory.
        num_lines: how many of the lines that are there.
        ended: asked while nothing comes; true ends the iteration after what was written before.
        poll_s: seconds between looks.
    """
    path = directory / LOG_NAME
    file = _open(path)
    try:
        yield _last_lines(file, directory, num_lines)
        while True:
            # Asked before reading: what was written before the end is still read after the answer.
            last = ended()
            if chunk := file.read():
                yield chunk
            elif _turned_over(file, path):
                file.close()
                file = _open(path)
            elif last:
                return
            else:
                time.sleep(poll_s)
    finally:
        file.close()


def _last_lines(file: TextIO, directory: Path, num_lines: int) -> str:
    lines: deque[str] = deque(maxlen=max(num_lines, 0))
    with _open(previous_log(directory / LOG_NAME)) as previous:
        lines.extend(previous)
    lines.extend(file)
    return "".join(lines)


def _open(path: Path) -> TextIO:
    """The file, or an empty one where there is none yet."""
    try:
        return path.open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return io.StringIO()


def _turned_over(file: TextIO, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return isinstance(file, io.StringIO) or os.fstat(file.fileno()).st_ino != there.st_ino
