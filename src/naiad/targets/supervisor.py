"""The process that keeps a service running on this machine: `python -m naiad.targets.supervisor DIRECTORY`.

It leaves its caller's session and terminal, starts the engine that `launch.json` describes, keeps `state.json` true,
replaces an engine that dies or hangs, and on SIGTERM drains the engine and ends. A lock makes it the only one of its
service. When it is killed itself, the kernel ends the engine (Linux), and the next command sees that nobody holds the
lock.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from naiad.errors import NaiadError
from naiad.targets.engine_process import EngineProcess, ask_health
from naiad.targets.launch import HTTP_ADDRESS, Launch
from naiad.targets.process import kill_service_processes
from naiad.targets.process_lock import ProcessLock, supervisor_lock_path
from naiad.targets.service_log import LOG_NAME, ServiceLog
from naiad.targets.service_state import ServiceState, State, write_state
from naiad.workspace.keys import ServiceKeys

READY_POLL_S: Final = 0.02
_EXIT_GRACE_S: Final = 2


class Supervisor:
    """Runs one service.

    Args:
        directory: the service's directory.
        launch: what to run.
    """

    def __init__(self, directory: Path, launch: Launch) -> None:
        self._directory = directory
        self._launch = launch
        self._log = ServiceLog(directory)
        self._state = ServiceState("deploying", port=launch.port)
        self._stop = asyncio.Event()

    def publish(self, **changes: Any) -> None:
        """Change the state and write it; a full disk does not stop a service."""
        self._state = dataclasses.replace(self._state, **changes, updated_time_s=time.time())
        with suppress(OSError):
            write_state(self._directory, self._state)

    async def run(self) -> int:
        """Run engines until SIGTERM or until there is no hope; returns the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        self._log.event("I", f"Supervisor of service {self._launch.name} started (pid {os.getpid()})")
        failures = 0
        while True:
            ready_for_s, cause = await self._run_engine()
            if self._stop.is_set():
                return self._stopped()
            failures = 1 if ready_for_s >= self._launch.restart.stable_s else failures + 1
            # What never was ready will not be: its cause is told at once instead of retried.
            if self._state.ready_s is None or failures >= self._launch.restart.max_failures:
                return self._failed(cause)
            await self._pause(self._launch.restart.delay_s(failures), cause)
            if self._stop.is_set():
                return self._stopped()

    async def _run_engine(self) -> tuple[float, str]:
        """Run one engine to its end; returns how many seconds it was ready, and why it ended."""
        try:
            engine = await EngineProcess.start(
                self._launch.command, port=self._state.port or 0, directory=self._directory, log=self._log
            )
        except OSError as error:
            return 0.0, f"The engine cannot be started: {error}"
        self.publish(engine=engine.id)
        self._log.event("I", f"Engine started (pid {engine.id.pid})")
        cause = await self._until_ready(engine)
        if cause is not None:
            return 0.0, cause
        ready_since_s = time.monotonic()
        cause = await self._while_ready(engine)
        return time.monotonic() - ready_since_s, cause

    async def _until_ready(self, engine: EngineProcess) -> str | None:
        """Wait for the ready file; returns why it will not come, or None when the engine is ready."""
        deadline_s = engine.started_s + self._launch.start_timeout_s
        while not engine.ended.done():
            ports = engine.ports()
            if ports is not None:
                self._ready(engine, *ports)
                return None
            if self._stop.is_set():
                await engine.stop(timeout_s=self._launch.exit_timeout_s + _EXIT_GRACE_S)
            elif time.monotonic() > deadline_s:
                await engine.kill()
                return f"The engine was not ready {self._launch.start_timeout_s:g} s after its start"
            else:
                await asyncio.wait((engine.ended,), timeout=READY_POLL_S)
        return engine.cause_of_death()

    def _ready(self, engine: EngineProcess, port: int, metrics_port: int) -> None:
        ready_s = round(time.monotonic() - engine.started_s, 3)
        self.publish(
            state="running",
            port=port,
            metrics_port=metrics_port,
            healthy=True,
            ready_s=ready_s,
            error=None,
        )
        self._log.event("I", f"Engine ready after {ready_s:.2f} s on port {port}, metrics on port {metrics_port}")

    async def _while_ready(self, engine: EngineProcess) -> str:
        """Ask for the engine's health until it ends or must end; returns why."""
        hung = asyncio.create_task(self._until_hung())
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait((engine.ended, hung, stop), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if hung.done() and not engine.ended.done() and not self._stop.is_set():
            hung.result()
            await engine.kill()
            times = self._launch.health.failure_threshold
            return f"The engine gave no answer {times} times in a row and was killed"
        hung.cancel()
        if not engine.ended.done():
            await engine.stop(timeout_s=self._launch.exit_timeout_s + _EXIT_GRACE_S)
        return engine.cause_of_death()

    async def _until_hung(self) -> None:
        """Return when the engine has not answered as often as the policy allows."""
        policy = self._launch.health
        silent = 0
        while silent < policy.failure_threshold:
            await asyncio.sleep(policy.period_s)
            if not self._directory.is_dir():  # somebody removed the service by hand: nobody could stop it any more
                self._stop.set()
            healthy = await self._ask_health()
            silent = silent + 1 if healthy is None else 0
            if bool(healthy) != self._state.healthy:
                self.publish(healthy=bool(healthy))
                self._log.event("W" if not healthy else "I", f"Engine is {'healthy' if healthy else 'not healthy'}")

    async def _ask_health(self) -> bool | None:
        assert self._state.port is not None
        try:
            # Read each time: keys may be replaced while the service runs.
            key = ServiceKeys.read(Path(self._launch.keys_file)).primary if self._launch.keys_file else None
        except NaiadError:  # the key file is damaged: whoever replaces it will see
            return False
        return await ask_health(
            address=HTTP_ADDRESS, port=self._state.port, key=key, timeout_s=self._launch.health.timeout_s
        )

    async def _pause(self, delay_s: float, cause: str) -> None:
        self._without_engine("restarting", cause, restarts=self._state.restarts + 1)
        self._log.event("W", f"{cause}; it is started again in {delay_s:g} s")
        kill_service_processes(self._directory)
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait((stop,), timeout=delay_s)
        stop.cancel()

    def _failed(self, cause: str) -> int:
        kill_service_processes(self._directory)
        self._log.event("E", f"Service failed: {cause}")
        self._without_engine("failed", cause)
        return 1

    def _stopped(self) -> int:
        kill_service_processes(self._directory)
        self._log.event("I", "Service stopped on request")
        self._without_engine("failed", "The service was stopped: its supervisor was asked to end")
        return 0

    def _without_engine(self, state: State, cause: str, **changes: Any) -> None:
        self.publish(state=state, engine=None, healthy=False, error=cause, **changes)


def main(arguments: list[str]) -> int:
    """Become the supervisor of a directory's service; the caller gets 0 back as soon as `state.json` says so.

    Args:
        arguments: the service's directory.

    Returns:
        0, or 1 with the reason on stderr when the launch cannot be read or another supervisor runs the service.
    """
    (argument,) = arguments
    directory = Path(argument).resolve()
    try:
        launch = Launch.read(directory)
        lock = ProcessLock(supervisor_lock_path(directory))
    except NaiadError as error:
        sys.stderr.write(f"error: {error.message}\n")
        return 1
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        return 0 if os.read(told, 1) else 1
    os.setsid()
    _leave_terminal(directory)
    lock.claim()
    supervisor = Supervisor(directory, launch)
    supervisor.publish()
    os.write(tell, b"1")
    os.close(tell)
    os.close(told)
    return _run(supervisor, directory)


def _run(supervisor: Supervisor, directory: Path) -> int:
    try:
        return asyncio.run(supervisor.run())
    except Exception as error:  # whatever it is, the state must tell
        traceback.print_exc()
        supervisor.publish(state="failed", engine=None, healthy=False, error=f"The supervisor failed: {error!r}")
        kill_service_processes(directory)
        return 1


def _leave_terminal(directory: Path) -> None:
    """Connect stdin to nothing, and what Python itself may have to say to the service's log."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(directory / LOG_NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(nothing)
    os.close(log)
    os.chdir("/")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
