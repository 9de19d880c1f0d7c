"""One engine process, from its start to its end: its output, its readiness, its health, the cause of its death."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import psutil

from naiad.targets.process import ProcessId, marked_environment
from naiad.targets.service_log import ServiceLog

READY_NAME: Final = "ready.json"
_KEPT_LINES: Final = 200
_SHOWN_LINES: Final = 20
_CHUNK_BYTES: Final = 65536
_MAX_LINE_BYTES: Final = 65536
_MAX_PIPE_BYTES: Final = 1048576
_PR_SET_PDEATHSIG: Final = 1


class EngineProcess:
    """A started engine. Its output goes to the service's log; the end of it is kept to tell why it died.

    Attributes:
        id: which process it is.
        started_s: when, on the monotonic clock.
        ended: done when the process has ended and its output is written.
    """

    def __init__(self, process: asyncio.subprocess.Process, *, output: int, ready_file: Path, log: ServiceLog) -> None:
        self._process = process
        self._output = output
        self._ready_file = ready_file
        self._log = log
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._rest = b""
        asyncio.get_running_loop().add_reader(output, self._copy_output)
        try:
            self.id = ProcessId.of(process.pid)
        except psutil.NoSuchProcess:  # it has ended already, and this finds nothing
            self.id = ProcessId(process.pid, uptime_s=-1)
        self.started_s = time.monotonic()
        self.ended = asyncio.create_task(self._wait())

    @classmethod
    async def start(cls, command: Sequence[str], *, port: int, directory: Path, log: ServiceLog) -> Self:
        """Start the command with the options that differ from start to start.

        Args:
            command: the engine's command line.
            port: where it must answer; 0 for any free port.
            directory: the service's directory; the ready file is written there.
            log: where its output goes.

        Raises:
            OSError: when the command cannot be started.
        """
        ready_file = directory / READY_NAME
        ready_file.unlink(missing_ok=True)
        options = ("--http-port", str(port), "--metrics-port", "0", "--ready-file", str(ready_file))
        # A pipe of our own: asyncio's would keep a dead engine waiting for whatever else holds its end.
        output, output_end = os.pipe()
        os.set_blocking(output, False)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                *options,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output_end,
                stderr=asyncio.subprocess.STDOUT,
                env=marked_environment(directory),
                preexec_fn=_end_with_parent(os.getpid()),
            )
        except OSError:
            os.close(output)
            raise
        finally:
            os.close(output_end)
        return cls(process, output=output, ready_file=ready_file, log=log)

    def ports(self) -> tuple[int, int] | None:
        """The HTTP and the metrics port, told once when the engine is ready; None before."""
        try:
            ready = json.loads(self._ready_file.read_bytes())
        except FileNotFoundError:
            return None
        if ready["pid"] != self.id.pid:
            return None
        self._ready_file.unlink()
        return int(ready["http"]), int(ready["metrics"])

    async def stop(self, *, timeout_s: float) -> None:
        """Ask the process to drain and end; after `timeout_s` end it."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        await asyncio.wait((self.ended,), timeout=timeout_s)
        if not self.ended.done():
            self._log.event("W", f"Engine (pid {self.id.pid}) still runs {timeout_s:g} s after SIGTERM: it is killed")
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
        return told or _how_it_ended(returncode, lines)

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
        self._log.write(lines + b"\n")
        self._lines.extend(lines.decode(errors="replace").splitlines()[-_KEPT_LINES:])


def _told(lines: Sequence[str]) -> str | None:
    """The sentence after the last `error:`, of one or more lines.

    The hint that may follow is about the engine's own command line, which is not the deployment's.
    """
    starts = [index for index, line in enumerate(lines) if line.startswith("error: ")]
    if not starts:
        return None
    error, _, _ = "\n".join(lines[starts[-1] :]).removeprefix("error: ").partition("\nhint: ")
    return error.strip()


def _how_it_ended(returncode: int | None, lines: list[str]) -> str:
    if returncode is not None and returncode < 0:
        names = {number.value: number.name for number in signal.Signals}
        how = f"The engine was killed by {names.get(-returncode, f'signal {-returncode}')}"
    else:
        how = f"The engine exited with code {returncode}"
    shown = "\n".join(f"  {line}" for line in lines[-_SHOWN_LINES:])
    return f"{how}; its last lines were:\n{shown}" if shown else f"{how} without a word"


def _end_with_parent(parent: int) -> Callable[[], None] | None:
    """What the child does before it becomes the engine, so that it drains and ends when the supervisor is killed."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return before_exec


async def ask_health(*, address: str, port: int, key: str | None, timeout_s: float) -> bool | None:
    """Ask `/v2/health/ready`.

    Args:
        address: the engine's.
        port: the engine's HTTP port.
        key: a key, when requests need one.
        timeout_s: how long the answer may take.

    Returns:
        Whether the engine says that it is ready; None when nothing came from it at all.
    """
    authorization = f"Authorization: Bearer {key}\r\n" if key else ""
    request = f"GET /v2/health/ready HTTP/1.1\r\nHost: {address}:{port}\r\n{authorization}Connection: close\r\n\r\n"
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(request.encode())
                status_line = await reader.readline()
            finally:
                writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
    except ConnectionResetError:  # somebody accepted, and hung up
        return False
    except (OSError, TimeoutError, ValueError):
        return None
    parts = status_line.split()
    # 401: the keys have just been replaced, and the engine has not read them yet.
    return parts[1] in (b"200", b"401") if len(parts) > 1 else False
