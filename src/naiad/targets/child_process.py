"""One process of a service, from its start to its end: its output, its readiness, the cause of its death."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import re
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import psutil

from naiad.targets.launch import TITLES, ProcessPlan, Role
from naiad.targets.process import ProcessId, marked_environment
from naiad.targets.service_log import ServiceLog

_SOCKET_OPTIONS: Final[Mapping[Role, Sequence[str]]] = {
    "engine": ("--grpc-port", "0", "--metrics-port", "0", "--http-fd"),
    "workers": ("--fd",),
}
_KEPT_LINES: Final = 400
_TRACEBACK: Final = "Traceback (most recent call last):"
_LOG_HEAD: Final = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ [A-Z] \[\d+\] [\w.]+ - ")
"""What stands before a message in the log of an entry-script host (azure-ml.md §4.1)."""

_PROCESS_MANAGER: Final = re.compile(_LOG_HEAD.pattern.replace(r"[\w.]+", r"gunicorn\.\w+"))
_SHOWN_LINES: Final = 20
_CHUNK_BYTES: Final = 65536
_MAX_LINE_BYTES: Final = 65536
_MAX_PIPE_BYTES: Final = 1048576
_PR_SET_PDEATHSIG: Final = 1
_PR_CAPBSET_DROP: Final = 24
_CAP_DAC_OVERRIDE: Final = 1


class ChildProcess:
    """A started process. Its output goes to the service's log; the end of it is kept to tell why it died.

    Attributes:
        id: which process it is.
        title: what messages call it.
        started_s: when, on the monotonic clock.
        ended: done when the process has ended and its output is written.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        *,
        title: str,
        output: int,
        ready_file: Path,
        log: ServiceLog,
        label: str,
    ) -> None:
        self._process = process
        self._label = label.encode()
        self._output = output
        self._ready_file = ready_file
        self._log = log
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._rest = b""
        self.title = title
        asyncio.get_running_loop().add_reader(output, self._copy_output)
        try:
            self.id = ProcessId.of(process.pid)
        except psutil.NoSuchProcess:  # it has ended already, and this finds nothing
            self.id = ProcessId(process.pid, uptime_s=-1)
        self.started_s = time.monotonic()
        self.ended = asyncio.create_task(self._wait())

    @classmethod
    async def start(
        cls,
        plan: ProcessPlan,
        *,
        listener: socket.socket,
        directory: Path,
        part: str,
        log: ServiceLog,
        label: str = "",
        environment: Mapping[str, str] | None = None,
        cores: Collection[int] = (),
    ) -> Self:
        """Start a process on a listening socket.

        Args:
            plan: what to start.
            listener: where it answers; it inherits the socket.
            directory: the service's directory; the ready file is written there.
            part: which part of the service it is.
            log: where its output goes.
            label: what stands before each of its lines there.
            environment: variables besides the plan's.
            cores: the processors that it may use; all when empty.

        Raises:
            OSError: when the command cannot be started.
        """
        ready_file = directory / f"ready-{part}.json"
        ready_file.unlink(missing_ok=True)
        options = (*_SOCKET_OPTIONS[plan.role], str(listener.fileno()), "--ready-file", str(ready_file))
        # A pipe of our own: asyncio's would keep a dead process waiting for whatever else holds its end.
        output, output_end = os.pipe()
        os.set_blocking(output, False)
        try:
            process = await asyncio.create_subprocess_exec(
                *plan.command,
                *options,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output_end,
                stderr=asyncio.subprocess.STDOUT,
                cwd=plan.cwd,
                env={**marked_environment(directory, part=part), **plan.environment, **(environment or {})},
                pass_fds=(listener.fileno(),),
                preexec_fn=_before_exec(os.getpid(), cores=cores, is_foreign=plan.role == "workers"),
            )
        except OSError:
            os.close(output)
            raise
        finally:
            os.close(output_end)
        return cls(process, title=TITLES[plan.role], output=output, ready_file=ready_file, log=log, label=label)

    def ready(self) -> Mapping[str, Any] | None:
        """What the process says of itself, told once when it is ready; None before."""
        try:
            ready: dict[str, Any] = json.loads(self._ready_file.read_bytes())
        except FileNotFoundError:
            return None
        if ready["pid"] != self.id.pid:
            return None
        self._ready_file.unlink()
        return ready

    async def stop(self, *, timeout_s: float) -> None:
        """Ask the process to drain and end; after `timeout_s` end it."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        await asyncio.wait((self.ended,), timeout=timeout_s)
        if not self.ended.done():
            self._log.event(
                "W", f"The {self.title} (pid {self.id.pid}) still runs {timeout_s:g} s after SIGTERM: it is killed"
            )
            await self.kill()

    async def kill(self) -> None:
        """End the process now."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self.ended

    def cause_of_death(self) -> str:
        """Why the process ended: its own last `error:` sentence, else how it ended and its last lines."""
        returncode, lines = self._process.returncode, list(self._lines)
        # What a signal ended said nothing about it, whatever it said before.
        told = _told(lines) if returncode is not None and returncode > 0 else None
        return told or self.with_last_lines(_how_it_ended(self.title, returncode))

    def with_last_lines(self, sentence: str) -> str:
        """A sentence without a full stop, and what the process wrote last."""
        shown = "\n".join(f"  {line}" for line in list(self._lines)[-_SHOWN_LINES:])
        return f"{sentence}; its last lines were:\n{shown}" if shown else f"{sentence} without a word"

    async def _wait(self) -> None:
        await self._process.wait()
        # What it wrote is in the pipe, which is bounded; what it started may go on writing.
        for _ in range(_MAX_PIPE_BYTES // _CHUNK_BYTES):
            self._copy_output()
        if self._rest:
            self._keep(self._rest)
        asyncio.get_running_loop().remove_reader(self._output)
        os.close(self._output)

    def _copy_output(self) -> None:
        """Copy some of what the pipe holds, whole lines at a time."""
        try:
            chunk = os.read(self._output, _CHUNK_BYTES)
        except BlockingIOError:
            return
        if not chunk:  # nobody holds the other end any more: the loop would call again for ever
            asyncio.get_running_loop().remove_reader(self._output)
            return
        whole, newline, self._rest = (self._rest + chunk).rpartition(b"\n")
        if not newline and len(self._rest) >= _MAX_LINE_BYTES:
            whole, self._rest = self._rest, b""
        if whole:
            self._keep(whole)

    def _keep(self, lines: bytes) -> None:
        self._log.write(b"".join(self._label + line + b"\n" for line in lines.split(b"\n")))
        self._lines.extend(lines.decode(errors="replace").splitlines()[-_KEPT_LINES:])


def _told(lines: Sequence[str]) -> str | None:
    """The sentence after the last `error:`, of one or more lines, and the traceback before it where there is one.

    The hint that may follow is about the process's own command line, which is not the deployment's.
    """
    starts = [index for index, line in enumerate(lines) if line.startswith("error: ")]
    if not starts:
        return None
    error, _, _ = "\n".join(lines[starts[-1] :]).removeprefix("error: ").partition("\nhint: ")
    account = _account(lines[: starts[-1]])
    return f"{error.strip()}\n\n{account}" if account else error.strip()


def _account(lines: Sequence[str]) -> str:
    """From the last traceback on, what a script and its host said: it, and the tree of the model folder."""
    starts = [index for index, line in enumerate(lines) if line.endswith(_TRACEBACK)]
    if not starts:
        return ""
    said = [_LOG_HEAD.sub("", line) for line in lines[starts[-1] :] if not _PROCESS_MANAGER.match(line)]
    return "\n".join([_TRACEBACK, *said[1:]]).strip()


def _how_it_ended(title: str, returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        names = {number.value: number.name for number in signal.Signals}
        return f"The {title} was killed by {names.get(-returncode, f'signal {-returncode}')}"
    return f"The {title} exited with code {returncode}"


def _before_exec(parent: int, *, cores: Collection[int], is_foreign: bool) -> Callable[[], None] | None:
    """What the child does before it becomes the command.

    Args:
        parent: the supervisor; the child is told to end when that is killed.
        cores: the processors that it may use; all when empty.
        is_foreign: whether it runs a user's code, which shall not write to the registry's read-only files even when
            the user is root.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)
        if is_foreign:
            prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)
        if cores:
            os.sched_setaffinity(0, cores)

    return before_exec
