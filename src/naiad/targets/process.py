"""Who is this process, and which processes belong to a service.

A pid alone says nothing: pids are reused. A process is its pid and its start, and the start is counted from boot,
because the wall clock may be set while the process runs. Everything that a service starts inherits a mark in its
environment, so that what is left of a killed service is found without any recorded pid.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import psutil

SERVICE_MARK: Final = "NAIAD_SERVICE_DIRECTORY"
"""The environment variable that names the service which a process belongs to."""

PART_MARK: Final = "NAIAD_SERVICE_PART"
"""The environment variable that names the part of its service: which process of which generation."""

_SAME_START_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process, now and for ever.

    Attributes:
        pid: the process's number.
        uptime_s: seconds from the machine's start to the process's.
    """

    pid: int
    uptime_s: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """The identity of the process that has this pid now.

        Raises:
            psutil.NoSuchProcess: when none has.
        """
        return cls(pid, _uptime_s(psutil.Process(pid)))

    def find(self) -> psutil.Process | None:
        """The process if it still runs; None when it has ended, also when its pid is another process's now."""
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE or abs(_uptime_s(process) - self.uptime_s) > _SAME_START_S:
                return None
        except psutil.NoSuchProcess:
            return None
        return process

    def signal(self, number: int) -> bool:
        """Send a signal to this process and to no other; False when it has ended."""
        process = self.find()
        if process is None:
            return False
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            return False
        return True

    def wait(self, *, timeout_s: float) -> bool:
        """Wait until the process has ended; False when it still runs after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while self.find() is not None:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True


def _uptime_s(process: psutil.Process) -> float:
    return process.create_time() - psutil.boot_time()


def marked_environment(directory: Path, *, part: str) -> dict[str, str]:
    """This process's environment with the marks of a service and a part of it, for what the part starts."""
    return {**os.environ, SERVICE_MARK: str(directory.resolve()), PART_MARK: part}


def service_processes(directory: Path, *, part: str | None = None) -> list[psutil.Process]:
    """The living processes of a service, or of one part of it, other than the caller, found by their marks."""
    mark = str(directory.resolve())
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid():
                continue
            environment = process.environ()
            if environment.get(SERVICE_MARK) == mark and part in (None, environment.get(PART_MARK)):
                found.append(process)
        except psutil.Error:  # ended meanwhile, a zombie, or another user's
            continue
    return found


def kill_service_processes(directory: Path, *, part: str | None = None, timeout_s: float = 5) -> int:
    """Kill whatever is left of a service, or of one part of it, and what that starts meanwhile.

    Args:
        directory: the service's.
        part: the part; all of the service when left out.
        timeout_s: how long to wait for processes that the kernel does not let go.

    Returns:
        How many processes were killed.
    """
    killed: set[psutil.Process] = set()
    deadline = time.monotonic() + timeout_s
    while (left := service_processes(directory, part=part)) and time.monotonic() < deadline:
        killed.update(left)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.01)
    return len(killed)
