"""Locks between commands: one supervisor a service, one change of a service at a time."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from naiad.errors import ConflictError
from naiad.targets.process import ProcessId


class ProcessLock:
    """An flock on a file that says which process holds it; the kernel releases it when that process ends.

    Args:
        path: the file; its folder exists.

    Raises:
        ConflictError: when another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            holder = read_holder(path)
            raise ConflictError(f"{path} is held by process {holder.pid if holder else 'unknown'}") from None

    def claim(self) -> Self:
        """Say that the calling process is the holder: the one that locked, or its fork."""
        content = json.dumps(dataclasses.asdict(ProcessId.of(os.getpid()))).encode()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, content, 0)
        return self

    def is_current(self) -> bool:
        """Whether the file at the path is still the one that was locked."""
        try:
            return os.fstat(self._file).st_ino == self._path.stat().st_ino
        except FileNotFoundError:
            return False

    def release(self, *, remove: bool) -> None:
        """Release the lock, and remove its file first."""
        if remove:
            self._path.unlink(missing_ok=True)
        os.close(self._file)


def read_holder(path: Path) -> ProcessId | None:
    """Which process claimed a lock last; whether it still lives is `ProcessId.find`'s to tell."""
    try:
        return ProcessId(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def supervisor_lock_path(directory: Path) -> Path:
    """Where the supervisor's lock is, in the service's directory."""
    return directory / "supervisor.lock"


def change_lock_path(directory: Path) -> Path:
    """Where the lock on changes of a service is: beside its directory, which a change may make or remove."""
    return directory.with_name(f".{directory.name}.lock")


@contextmanager
def changing(directory: Path) -> Iterator[None]:
    """Hold the lock on changes of a service.

    Args:
        directory: the service's, which need not exist.

    Raises:
        ConflictError: when another command changes the service.
    """
    path = change_lock_path(directory)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        try:
            lock = ProcessLock(path)
        except ConflictError:
            holder = read_holder(path)
            raise ConflictError(
                f"Service {directory.name} is being changed by another command"
                + (f" (pid {holder.pid})" if holder else ""),
                hint="try again when that has finished, or interrupt it first",
            ) from None
        # The former holder may have removed the file between our opening and our locking it.
        if lock.is_current():
            break
        lock.release(remove=False)
    try:
        lock.claim()
        yield
    finally:
        lock.release(remove=True)
