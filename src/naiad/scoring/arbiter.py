"""The host's master process: gunicorn's arbiter, with generations of workers that are known to be ready."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any, Final

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from naiad.scoring.worker import ScoringWorker

_BOOT_ERROR: Final = 3
_FIRST_DELAY_S: Final = 0.25
_MAX_DELAY_S: Final = 30.0


class ScoringArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Starts, watches, replaces and ends workers.

    - Of a generation one worker starts alone, so that a script that fails does so once; the others follow it.
    - If that worker of the first generation does not become ready, the master ends with status 3 (azure-ml.md §4.1).
    - SIGHUP starts a new generation; the old one goes when all of the new one are ready, and stays when it fails.
    - A worker that dies later is replaced, ever more slowly while its replacements die before they are ready.
    """

    WORKERS: dict[int, ScoringWorker]

    def __init__(self, app: Any) -> None:
        self._generation = self._newest = 0
        self._serving: int | None = None
        self._delay_s = 0.0
        self._not_before_s = 0.0
        self._cause = ""
        self._is_stopping = False
        self._reloads_again = False
        super().__init__(app)

    @property
    def cause(self) -> str:
        """Why the host has ended by itself; empty while that is not so."""
        return self._cause

    def spawn_worker(self) -> int:
        """Fork one; gunicorn's, with a mark of its generation."""
        pid: int = super().spawn_worker()
        self.WORKERS[pid].generation = self._generation
        return pid

    def manage_workers(self) -> None:
        """Bring the workers closer to what they should be."""
        for worker in self.WORKERS.values():
            worker.listen()
        mine = [worker for worker in self.WORKERS.values() if worker.generation == self._generation]
        ready = [worker for worker in mine if worker.is_ready]
        if ready:
            self._delay_s = 0.0
        if len(ready) >= self.num_workers and self._serving != self._generation:
            self._serving = self._generation
            self._tell_ready()
        if self._serving == self._generation:
            self._end_others(mine)
            if self._reloads_again:
                self.reload()
                return
        if (ready or not mine) and time.monotonic() >= self._not_before_s:
            try:
                for _ in range(self.num_workers - len(mine) if ready else 1 - len(mine)):
                    self.spawn_worker()
            except OSError as error:
                self.log.error("unable to start a worker: %s", error.strerror)
                self._wait_longer()

    def _end_others(self, mine: list[ScoringWorker]) -> None:
        """Ask older generations, and more of this one than are wanted, to go."""
        others = [worker for worker in self.WORKERS.values() if worker.generation != self._generation]
        surplus = sorted(mine, key=lambda worker: worker.age)[: max(len(mine) - self.num_workers, 0)]
        for worker in (*others, *surplus):
            if worker.alive:
                worker.alive = False
                self.kill_worker(worker.pid, signal.SIGHUP)

    def reload(self) -> None:
        """Start a new generation; after the one that is starting now, if one is."""
        if self._serving != self._generation:
            self._reloads_again = True
            return
        self._reloads_again = False
        try:
            self.app.reload_script()
        except Exception as error:
            self.log.error("The old workers go on: %s", error)
            return
        self._generation = self._newest = self._newest + 1
        self.manage_workers()

    def handle_usr2(self) -> None:
        """gunicorn would start a second master here."""
        self.log.warning("SIGUSR2 is ignored: SIGHUP reloads, and --fd lets another host take over the socket")

    def stop(self, graceful: bool = True) -> None:
        """End all workers."""
        self._is_stopping = True
        super().stop(graceful)

    def reap_workers(self) -> None:
        """Take note of the processes that have ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            worker = self.WORKERS.pop(pid, None)
            if worker is not None:
                self._ended(worker, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: ScoringWorker, code: int) -> None:
        worker.listen()
        worker.forget()
        worker.tmp.close()
        if self._is_stopping:
            return
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
        if code:
            hint = ". Perhaps out of memory?" if code == -signal.SIGKILL and not worker.aborted else ""
            self.log.error("Worker (pid:%s) %s%s", worker.pid, how, hint)
        if worker.is_ready or not worker.alive or code == 0:
            return
        cause = worker.error or f"a worker {how} before it was ready; the log says more"
        if self._serving is None:
            self._cause = cause
            raise HaltServer("Worker failed to boot.", _BOOT_ERROR)
        if worker.generation != self._serving:
            self.log.error("The old workers go on, because the new ones fail: %s", cause)
            self._give_up_generation()
            return
        self._wait_longer()

    def _wait_longer(self) -> None:
        self._delay_s = min(2 * self._delay_s, _MAX_DELAY_S) or _FIRST_DELAY_S
        self._not_before_s = time.monotonic() + self._delay_s

    def _give_up_generation(self) -> None:
        failed, self._generation = self._generation, self._serving or 0
        for worker in list(self.WORKERS.values()):
            if worker.generation == failed and worker.alive:
                worker.alive = False
                self.kill_worker(worker.pid, signal.SIGHUP)

    def _tell_ready(self) -> None:
        settings = self.app.settings
        if settings.ready_file is None:
            return
        path = Path(settings.ready_file)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            temporary.write_text(json.dumps({"pid": os.getpid(), "port": self.app.port}), encoding="utf-8")
            temporary.replace(path)
        except OSError as error:
            self._cause = f"unable to write the ready file '{path}': {error.strerror}"
            raise HaltServer("Nobody can be told that the host is ready.", 1) from error
