"""One generation of a service's processes: started in order, stopped in the other order, watched together."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from naiad.targets.keeper import Keeper
from naiad.targets.launch import HTTP_ADDRESS, Launch, ProcessPlan
from naiad.targets.service_log import ServiceLog

_BACKLOG: Final = 2048
_MEMORY_PERIOD_S: Final = 1.0
_SHARED: Final = ("cores", "exit_timeout_s", "start_timeout_s", "health", "restart")
"""What of a launch counts for each of its processes."""


def listen(port: int | None) -> socket.socket:
    """A listening socket on this machine's own address.

    Args:
        port: its port; None for any that is free.

    Raises:
        OSError: when the port cannot be had.
    """
    return socket.create_server((HTTP_ADDRESS, port or 0), backlog=_BACKLOG)


class Generation:
    """The processes of one launch.

    Args:
        launch: what to run.
        listener: the service's socket; it is the last process's.
        directory: the service's directory.
        log: the service's log.
        changed: called when something about the processes has changed.
        former: what serves now, and may have processes that can go on as they are; they stay its own until `adopt`.

    Attributes:
        launch: what runs.
        listener: where the service answers.
        keepers: one a process, in the order of their start.
        ready_s: seconds that all of them took to become ready; None before.
    """

    def __init__(
        self,
        launch: Launch,
        *,
        listener: socket.socket,
        directory: Path,
        log: ServiceLog,
        changed: Callable[[], None],
        former: Generation | None = None,
    ) -> None:
        self.launch = launch
        self.listener = listener
        self.ready_s: float | None = None
        self._directory = directory
        self._log = log
        self._former = former
        self._own: list[Keeper] = []
        self._watching: asyncio.Task[None] | None = None
        environment: dict[str, str] = {}
        self.keepers: list[Keeper] = []
        for plan in launch.processes:
            keeper = former.lasting(plan, launch) if former is not None and plan is not launch.processes[-1] else None
            if keeper is None:
                keeper = Keeper(
                    plan,
                    launch=launch,
                    # A socket of its own outlives a process too: the others know its port once and for all.
                    listener=listener if plan is launch.processes[-1] else listen(None),
                    directory=directory,
                    log=log,
                    environment=dict(environment),
                    cores=_cores(launch),
                    changed=changed,
                )
                self._own.append(keeper)
            self.keepers.append(keeper)
            environment |= _address(plan.role, keeper.listener)

    async def start(self) -> str | None:
        """Start the processes; returns why one does not come up, or None when all are ready.

        `stop` ends it too, and must be called after a failure.
        """
        started_s = time.monotonic()
        if self.launch.max_memory_bytes is not None:
            self._watching = asyncio.create_task(self._watch_memory(self.launch.max_memory_bytes))
        for keeper in self._own:
            if not await keeper.start():
                return keeper.hopeless or "It was stopped"
        self.ready_s = round(time.monotonic() - started_s, 3)
        return None

    async def hopeless(self) -> str:
        """Wait until a process will not be started any more; returns why."""
        ends = [asyncio.create_task(keeper.ended()) for keeper in self.keepers]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        for end in done:
            end.result()  # an error of our own is no end of a process
        return next((keeper.hopeless for keeper in self.keepers if keeper.hopeless), "It was stopped")

    async def stop(self) -> None:
        """Drain and end the processes, those that clients speak to first."""
        if self._watching is not None:
            self._watching.cancel()
        for keeper in reversed(self._own):
            await keeper.stop()
            if keeper.listener is not self.listener:
                keeper.listener.close()

    def lasting(self, plan: ProcessPlan, launch: Launch) -> Keeper | None:
        """The process, behind the one that answers, that another launch would start just so; None when there is none.

        Args:
            plan: the process of the other launch.
            launch: the other launch.
        """
        same = all(getattr(launch, name) == getattr(self.launch, name) for name in _SHARED)
        behind = zip(self.launch.processes[:-1], self.keepers, strict=False)
        found = (keeper for own, keeper in behind if own == plan and keeper.hopeless is None)
        return next(found, None) if same else None

    def adopt(self) -> None:
        """Take over from the former generation the processes that go on."""
        former, self._former = self._former, None
        if former is not None:
            lasting = [keeper for keeper in former._own if keeper in self.keepers]
            former._own = [keeper for keeper in former._own if keeper not in lasting]
            self._own = [*lasting, *self._own]

    def accepts(self) -> bool:
        """Whether one of the processes has the service's socket open still; False where the system does not tell."""
        with suppress(OSError):
            link = f"socket:[{os.fstat(self.listener.fileno()).st_ino}]"
            return any(link in _open_files(process.pid) for process in _processes(self._own))
        return False

    @property
    def metrics_port(self) -> int | None:
        """Where the metrics of the engine are, while there is one."""
        ports = (keeper.ready["metrics"] for keeper in self.keepers if keeper.role == "engine" and keeper.ready)
        return next((int(port) for port in ports), None)

    async def _watch_memory(self, limit_bytes: int) -> None:
        """Kill the biggest process whenever all together use more than they may, as a container's kernel would."""
        while True:
            await asyncio.sleep(_MEMORY_PERIOD_S)
            sizes = _memory_bytes(_processes(self.keepers))
            if sizes and sum(sizes.values()) > limit_bytes:
                biggest = max(sizes, key=lambda process: sizes[process])
                self._log.event(
                    "W",
                    f"The service uses {sum(sizes.values()) >> 20} MiB of memory and may use {limit_bytes >> 20}: "
                    f"its biggest process (pid {biggest.pid}, {sizes[biggest] >> 20} MiB) is killed",
                )
                with suppress(psutil.NoSuchProcess):
                    biggest.kill()


def _processes(keepers: Collection[Keeper]) -> list[psutil.Process]:
    """The processes of some keepers, and those that they have started."""
    roots = [keeper.process.find() for keeper in keepers if keeper.process is not None]
    found = []
    for root in roots:
        with suppress(psutil.Error):
            found += [root, *root.children(recursive=True)] if root is not None else []
    return found


def _open_files(pid: int) -> set[str]:
    """What a process has open, as Linux names it; nothing when it has ended."""
    found = set()
    with suppress(OSError):
        folder = f"/proc/{pid}/fd"
        for descriptor in os.listdir(folder):
            with suppress(OSError):
                found.add(os.readlink(f"{folder}/{descriptor}"))
    return found


def _address(role: str, listener: socket.socket) -> dict[str, str]:
    """How later processes find the engine: HTTP and gRPC share its port."""
    address, port = listener.getsockname()[:2]
    where = f"{address}:{port}"
    return {"NAIAD_ENGINE_URL": where, "NAIAD_ENGINE_GRPC_URL": where} if role == "engine" else {}


def _cores(launch: Launch) -> Collection[int]:
    """The processors of a service that may not use all of them; which ones differs from name to name."""
    if launch.cores is None or not hasattr(os, "sched_getaffinity"):
        return ()
    usable = sorted(os.sched_getaffinity(0))
    first = sum(launch.name.encode()) % len(usable)
    return tuple((usable + usable)[first : first + min(launch.cores, len(usable))])


def _memory_bytes(processes: Collection[psutil.Process]) -> dict[psutil.Process, int]:
    """Memory of each process that no other shares with it, and is thus given back when it ends."""
    sizes = {}
    for process in processes:
        try:
            memory = process.memory_info()
        except psutil.Error:
            continue
        sizes[process] = memory.rss - getattr(memory, "shared", 0)
    return sizes
