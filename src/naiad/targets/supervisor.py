"""The process that keeps a service running on this machine: `python -m naiad.targets.supervisor DIRECTORY`.

It leaves its caller's session and terminal, opens the service's socket, starts the processes that `launch.json`
describes, keeps `state.json` true, replaces a process that dies or hangs, and on SIGTERM drains them and ends. On
SIGHUP it starts what `update.json` describes beside what serves and, when that is ready, lets it take over the socket:
no connection is refused meanwhile. A lock makes it the only supervisor of its service. When it is killed itself, the
kernel ends the processes (Linux), and the next command sees that nobody holds the lock.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from naiad.errors import NaiadError
from naiad.targets.generation import Generation, listen
from naiad.targets.generation_folder import generation_folder, older_generation_folders
from naiad.targets.keeper import READY_POLL_S
from naiad.targets.launch import LAUNCH_NAME, UPDATE_NAME, Launch
from naiad.targets.process import kill_service_processes
from naiad.targets.process_lock import ProcessLock, supervisor_lock_path
from naiad.targets.service_log import LOG_NAME, ServiceLog
from naiad.targets.service_state import ServiceState, write_state


class Supervisor:
    """Runs one service.

    Args:
        directory: the service's directory.
        launch: what to run.
    """

    def __init__(self, directory: Path, launch: Launch) -> None:
        self._directory = directory
        self._log = ServiceLog(directory)
        self._state = ServiceState(
            "deploying",
            port=launch.port,
            scoring_path=launch.scoring_path,
            generation=launch.generation,
            latest=launch.generation,
        )
        self._launch = launch
        self._stop = asyncio.Event()
        self._update = asyncio.Event()
        self._generation: Generation | None = None
        self._draining: set[asyncio.Task[None]] = set()

    def publish(self, **changes: Any) -> None:
        """Change the state and write it; a full disk does not stop a service."""
        self._state = dataclasses.replace(self._state, **changes, updated_time_s=time.time())
        with suppress(OSError):
            write_state(self._directory, self._state)

    async def run(self) -> int:
        """Run the service until SIGTERM or until there is no hope; returns the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._update.set)
        self._log.event("I", f"Supervisor of service {self._launch.name} started (pid {os.getpid()})")
        watching = asyncio.create_task(self._watch_folder())
        try:
            return await self._serve()
        finally:
            watching.cancel()

    async def _serve(self) -> int:
        try:
            listener = listen(self._launch.port)
            first = self._generation = self._prepare(self._launch, listener)
        except OSError as error:
            return self._failed(f"The service cannot listen on port {self._launch.port or 'any'}: {_reason(error)}")
        self.publish(port=listener.getsockname()[1])
        cause = await self._start(first)
        if cause is not None:
            await first.stop()
            return self._stopped() if self._stop.is_set() else self._failed(cause)
        self._clean_up()
        while True:
            event = await self._next_event(self._generation)
            if self._stop.is_set():
                await self._stop_all()
                return self._stopped()
            if event is not None:
                await self._stop_all()
                return self._failed(event)
            self._update.clear()
            await self._take_over()

    async def _next_event(self, generation: Generation) -> str | None:
        """Wait for a signal, or for the end of hope; returns its cause."""
        waits = [
            asyncio.create_task(self._stop.wait()),
            asyncio.create_task(self._update.wait()),
            hopeless := asyncio.create_task(generation.hopeless()),
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        cause = hopeless.result() if hopeless.done() else None
        for wait in waits:
            wait.cancel()
        return cause

    async def _start(self, generation: Generation) -> str | None:
        """Start a generation unless the service is to stop meanwhile; returns why it is not ready."""
        starting = asyncio.create_task(generation.start())
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait((starting, stop), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not starting.done():
            await generation.stop()
        cause = await starting
        if cause is None:
            self._generations_changed()
        return cause

    async def _take_over(self) -> None:
        """Start what `update.json` describes; what serves goes on when that does not come up."""
        old = self._generation
        assert old is not None
        try:
            launch = Launch.read(self._directory / UPDATE_NAME)
        except NaiadError as error:
            self._log.event("E", error.message)
            return
        self.publish(latest=launch.generation, update_error=None)
        self._log.event("I", f"Update: generation {launch.generation} starts beside generation {old.launch.generation}")
        port = old.listener.getsockname()[1]
        try:
            listener = old.listener if launch.port in (None, port) else listen(launch.port)
            new = self._prepare(launch, listener, former=old)
        except OSError as error:
            self._update_failed(launch, f"The service cannot listen on port {launch.port}: {_reason(error)}")
            return
        cause = await self._start(new)
        if cause is not None:
            await new.stop()
            if listener is not old.listener:
                listener.close()
            self._update_failed(launch, cause)
            return
        new.adopt()
        self._generation = new
        draining = self._drain(old, close=old.listener if listener is not old.listener else None)
        # Whoever waits for the update shall not be answered by what it has replaced.
        while old.accepts() and not draining.done():
            await asyncio.wait((draining,), timeout=READY_POLL_S)
        with suppress(OSError):  # the folder is being removed, and that ends the service
            os.replace(self._directory / UPDATE_NAME, self._directory / LAUNCH_NAME)
        self._generations_changed(
            port=listener.getsockname()[1], scoring_path=launch.scoring_path, generation=launch.generation
        )
        self._log.event("I", f"Update: generation {launch.generation} has taken over")

    def _update_failed(self, launch: Launch, cause: str) -> None:
        (self._directory / UPDATE_NAME).unlink(missing_ok=True)
        shutil.rmtree(generation_folder(self._directory, launch.generation), ignore_errors=True)
        self._log.event("E", f"Update failed, the service goes on as it was: {cause}")
        self.publish(update_error=cause)

    def _drain(self, old: Generation, *, close: socket.socket | None) -> asyncio.Task[None]:
        """Let an old generation answer what it has accepted, in the background."""

        async def drain() -> None:
            if close is not None:
                close.close()
            await old.stop()
            self._log.event("I", f"Generation {old.launch.generation} has drained")
            self._clean_up()

        task = asyncio.create_task(drain())
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)
        return task

    def _prepare(self, launch: Launch, listener: socket.socket, *, former: Generation | None = None) -> Generation:
        return Generation(
            launch,
            listener=listener,
            directory=self._directory,
            log=self._log,
            changed=self._generations_changed,
            former=former,
        )

    def _generations_changed(self, **more: Any) -> None:
        """Publish what is true of the generation that serves, and what else has changed."""
        generation = self._generation
        if generation is None:
            return
        keepers = generation.keepers
        changes: dict[str, Any] = {
            "processes": {keeper.role: keeper.process for keeper in keepers if keeper.process is not None},
            "metrics_port": generation.metrics_port,
            "restarts": sum(keeper.restarts for keeper in keepers),
            "healthy": all(keeper.healthy for keeper in keepers),
            "ready_s": generation.ready_s,
        }
        if generation.ready_s is not None:
            error = next((keeper.error for keeper in keepers if keeper.ready is None), None)
            is_ready = all(keeper.ready is not None for keeper in keepers)
            changes |= {"state": "running" if is_ready else "restarting", "error": error}
        self.publish(**changes, **more)

    def _clean_up(self) -> None:
        """Remove the folders of generations that nothing uses any more."""
        if self._draining - {asyncio.current_task()} or self._generation is None:
            return
        for folder in older_generation_folders(self._directory, than=self._generation.launch.generation):
            shutil.rmtree(folder, ignore_errors=True)

    async def _stop_all(self) -> None:
        if self._generation is not None:
            await self._generation.stop()
        if self._draining:
            await asyncio.wait(self._draining)

    async def _watch_folder(self) -> None:
        """Stop when somebody has removed the service by hand: nobody could stop it any more."""
        stop = asyncio.create_task(self._stop.wait())
        while not stop.done():
            await asyncio.wait((stop,), timeout=self._launch.health.period_s)
            if not self._directory.is_dir():
                self._stop.set()

    def _failed(self, cause: str) -> int:
        kill_service_processes(self._directory)
        self._log.event("E", f"Service failed: {cause}")
        self._end(cause)
        return 1

    def _stopped(self) -> int:
        kill_service_processes(self._directory)
        self._log.event("I", "Service stopped on request")
        self._end("The service was stopped: its supervisor was asked to end")
        return 0

    def _end(self, cause: str) -> None:
        if self._generation is not None:
            self._generation.listener.close()
            self._generation = None
        self.publish(state="failed", processes={}, healthy=False, metrics_port=None, error=cause)


def _reason(error: OSError) -> str:
    """The system's own words, without the address that Python adds."""
    return os.strerror(error.errno) if error.errno is not None else str(error)


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
        launch = Launch.read(directory / LAUNCH_NAME)
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
        supervisor.publish(state="failed", processes={}, healthy=False, error=f"The supervisor failed: {error!r}")
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
