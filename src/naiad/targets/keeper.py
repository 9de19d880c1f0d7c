"""Keeps one process of a service running: starts it, asks for its health, replaces it when it dies or hangs."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final

from naiad.errors import NaiadError
from naiad.targets.child_process import ChildProcess
from naiad.targets.health import ask_health
from naiad.targets.launch import TITLES, Launch, ProcessPlan
from naiad.targets.process import ProcessId, kill_service_processes
from naiad.targets.service_log import ServiceLog
from naiad.workspace.tokens import read_bearer

READY_POLL_S: Final = 0.02
_EXIT_GRACE_S: Final = 2
_HEALTH_PATHS: Final = {"engine": "/v2/health/ready", "workers": "/"}


class Keeper:
    """Runs one process plan on one listening socket, which outlives every process that answers on it.

    Args:
        plan: the process.
        launch: the generation that it belongs to.
        listener: where the process answers.
        directory: the service's directory.
        log: the service's log.
        environment: variables besides the plan's.
        cores: the processors that the process may use; all when empty.
        changed: called when one of the attributes has changed.

    Attributes:
        process: the process, while there is one.
        ready: what it says of itself; None while it is not ready.
        healthy: whether it answered the last health question with yes.
        restarts: processes that were started because one died.
        error: why it is being started again.
        hopeless: why nothing will be started any more.
    """

    def __init__(
        self,
        plan: ProcessPlan,
        *,
        launch: Launch,
        listener: socket.socket,
        directory: Path,
        log: ServiceLog,
        environment: Mapping[str, str],
        cores: Collection[int],
        changed: Callable[[], None],
    ) -> None:
        self.role: Final = plan.role
        self._plan = plan
        self._launch = launch
        self.listener: Final = listener
        self._directory = directory
        self._log = log
        self._environment = environment
        self._cores = cores
        self._changed = changed
        self._part = f"{launch.generation}-{plan.role}"
        self._title = TITLES[plan.role]
        self._stop = asyncio.Event()
        self._came_up = asyncio.Event()
        self.process: ProcessId | None = None
        self.ready: Mapping[str, Any] | None = None
        self.healthy = False
        self.restarts = 0
        self.error: str | None = None
        self.hopeless: str | None = None
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> bool:
        """Start the process; returns whether it became ready, else `hopeless` says why not, unless it was stopped."""
        self._running = asyncio.create_task(self._run())
        up = asyncio.create_task(self._came_up.wait())
        await asyncio.wait((self._running, up), return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._running.done():
            self._running.result()
        return self._came_up.is_set()

    async def ended(self) -> None:
        """Wait until nothing will be started any more."""
        if self._running is not None:
            await asyncio.wait((self._running,))
            self._running.result()

    async def stop(self) -> None:
        """Let the process drain and end, and start no other; kills what it leaves behind."""
        self._stop.set()
        await self.ended()
        kill_service_processes(self._directory, part=self._part)

    async def _run(self) -> None:
        failures = 0
        restart = self._launch.restart
        while not self._stop.is_set():
            ready_for_s, cause = await self._run_once()
            ended: dict[str, Any] = {"process": None, "ready": None, "healthy": False}
            if self._stop.is_set():
                self._change(**ended)
                return
            self._change(**ended, error=cause)
            failures = 1 if ready_for_s >= restart.stable_s else failures + 1
            # What never was ready will not be: its cause is told at once instead of retried.
            if not self._came_up.is_set() or failures >= restart.max_failures:
                self._change(hopeless=cause)
                return
            await self._pause(restart.delay_s(failures), cause)

    async def _run_once(self) -> tuple[float, str]:
        """Run one process to its end; returns how many seconds it was ready, and why it ended."""
        try:
            process = await ChildProcess.start(
                self._plan,
                listener=self.listener,
                directory=self._directory,
                part=self._part,
                log=self._log,
                label=f"[{self.role}] " if len(self._launch.processes) > 1 else "",
                environment=self._environment,
                cores=self._cores,
            )
        except OSError as error:
            return 0.0, f"The {self._title} cannot be started: {error}"
        self._change(process=process.id)
        self._tell("I", f"started (pid {process.id.pid})")
        cause = await self._until_ready(process)
        if cause is not None:
            return 0.0, cause
        ready_since_s = time.monotonic()
        cause = await self._while_ready(process)
        return time.monotonic() - ready_since_s, cause

    async def _until_ready(self, process: ChildProcess) -> str | None:
        """Wait for the ready file; returns why it will not come, or None when the process is ready."""
        deadline_s = process.started_s + self._launch.start_timeout_s
        while not process.ended.done():
            ready = process.ready()
            if ready is not None:
                self._tell("I", f"ready after {time.monotonic() - process.started_s:.2f} s on port {self._port}")
                self._came_up.set()
                self._change(ready=ready, healthy=True, error=None)
                return None
            if self._stop.is_set():
                await process.stop(timeout_s=self._launch.exit_timeout_s + _EXIT_GRACE_S)
            elif time.monotonic() > deadline_s:
                await process.kill()
                late = f"The {self._title} was not ready {self._launch.start_timeout_s:g} s after its start"
                return process.with_last_lines(late)
            else:
                await asyncio.wait((process.ended,), timeout=READY_POLL_S)
        return process.cause_of_death()

    async def _while_ready(self, process: ChildProcess) -> str:
        """Ask for the process's health until it ends or must end; returns why."""
        hung = asyncio.create_task(self._until_hung())
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait((process.ended, hung, stop), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if hung.done() and not process.ended.done() and not self._stop.is_set():
            hung.result()
            await process.kill()
            times = self._launch.health.failure_threshold
            return f"The {self._title} gave no answer {times} times in a row and was killed"
        hung.cancel()
        if not process.ended.done():
            await process.stop(timeout_s=self._launch.exit_timeout_s + _EXIT_GRACE_S)
        return process.cause_of_death()

    async def _until_hung(self) -> None:
        """Return when the process has not answered as often as the policy allows."""
        policy = self._launch.health
        silent = 0
        while silent < policy.failure_threshold:
            await asyncio.sleep(policy.period_s)
            healthy = await self._ask_health()
            silent = silent + 1 if healthy is None else 0
            if bool(healthy) != self.healthy:
                self._change(healthy=bool(healthy))
                self._tell("I" if healthy else "W", f"is {'healthy' if healthy else 'not healthy'}")

    async def _ask_health(self) -> bool | None:
        keys_file = self._launch.keys_file if self._plan.needs_key else None
        try:
            # Read each time: keys may be replaced while the service runs.
            key = read_bearer(Path(keys_file)) if keys_file else None
        except NaiadError:  # the key file is damaged: whoever replaces it will see
            return False
        return await ask_health(
            address=self.listener.getsockname()[0],
            port=self._port,
            path=_HEALTH_PATHS[self.role],
            key=key,
            timeout_s=self._launch.health.timeout_s,
        )

    async def _pause(self, delay_s: float, cause: str) -> None:
        self._change(restarts=self.restarts + 1)
        self._log.event("W", f"{cause}; it is started again in {delay_s:g} s")
        kill_service_processes(self._directory, part=self._part)
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait((stop,), timeout=delay_s)
        stop.cancel()

    @property
    def _port(self) -> int:
        return int(self.listener.getsockname()[1])

    def _tell(self, level: str, what: str) -> None:
        self._log.event(level, f"{self._title.capitalize()} {what}")

    def _change(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)
        self._changed()
