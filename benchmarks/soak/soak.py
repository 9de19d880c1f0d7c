"""The soak itself: a server, its clients, a row a minute, and a verdict."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.naiad import NaiadServer
from benchmarks.soak.clients import CLIENTS, Client
from benchmarks.soak.control import Controller
from benchmarks.soak.grpc_clients import GRPC_CLIENTS
from benchmarks.soak.repository import COMING, RELOADED, STEADY, write_repository
from benchmarks.soak.tally import ANSWERS, Outcome, Tally
from benchmarks.soak.task import Task
from benchmarks.soak.timeline import Timeline

MAX_GROWTH = 0.05
"""How much memory may grow from the first third of the rows to the last, once the first minute is over."""
_WARM_UP_S = 60.0
_FIRST_FACTOR = 2
_SAMPLE_S = 0.5
_SAMPLES = 20
"""Resident memory moves with every large request; a row tells the median of the last samples."""
_STOP_TIMEOUT_S = 90.0


@dataclass(frozen=True, slots=True)
class Row:
    """One interval of the soak.

    Attributes:
        seconds: since the start.
        requests_per_s: answered ones, in this interval.
        outcomes: all requests by what became of them, in this interval.
        resident_bytes, descriptors, threads: of the server, at its end.
    """

    seconds: float
    requests_per_s: float
    outcomes: dict[Outcome, int]
    resident_bytes: int
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the server came through.

    Attributes:
        faults: what is wrong with it; nothing when all is well.
        notes: what else is to be known.
    """

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Soak:
    """A running server under load.

    Args:
        folder: for the model repository.

    Attributes:
        tally: what became of every request.
        rows: one for each interval so far.
        verdict: once it is over.
    """

    def __init__(self, folder: Path) -> None:
        self.tally = Tally()
        self._stop = threading.Event()
        self._models = write_repository(folder, _FIRST_FACTOR)
        self._timelines = {name: Timeline(_FIRST_FACTOR) for name in self._models}
        names = [f"--load-model={name}" for name in (*STEADY, *RELOADED, *COMING)]
        self._server = NaiadServer(
            folder, extra_flags=["--model-control-mode=explicit", "--allow-client-shm=true", *names]
        )
        self.rows: list[Row] = []
        self.verdict = Verdict()

    def run(self, seconds: float, interval_s: float, *, rate: float, show: Callable[[Row], None]) -> None:
        """Put it under load; a row after each interval.

        Args:
            seconds: how long.
            interval_s: of a row.
            rate: turns of all clients in a second; 0 for as many as they can take.
            show: called with each row.

        Raises:
            ServerError: the server does not start, or does not stop.
        """
        with self._server:
            process = psutil.Process(self._server.process.pid)
            idle_descriptors = process.num_fds()
            kinds = (*CLIENTS, *GRPC_CLIENTS)
            pause_s = len(kinds) / rate if rate else 0
            ports = self._server.http_port, self._server.grpc_port
            task = Task(*ports, self._models, self._timelines, self.tally, self._stop, pause_s)
            controller = Controller(task)
            threads: list[threading.Thread] = [controller, *(kind(task, number) for number, kind in enumerate(kinds))]
            for thread in threads:
                thread.start()
            try:
                self._watch(process, seconds, interval_s, show)
            finally:
                self._stop.set()
                for thread in threads:
                    thread.join(_STOP_TIMEOUT_S)
            self._judge(process, threads, idle_descriptors)
            self.verdict.notes.append(
                "changes of models: " + ", ".join(f"{name} {count}" for name, count in sorted(controller.done.items()))
            )

    def _watch(self, process: psutil.Process, seconds: float, interval_s: float, show: Callable[[Row], None]) -> None:
        started = last = time.monotonic()
        before = self.tally.by_outcome
        samples: list[int] = []
        while self._server.process.poll() is None and (now := time.monotonic()) < started + seconds + _SAMPLE_S:
            with suppress(psutil.NoSuchProcess):
                samples.append(process.memory_info().rss)
            if now >= started + interval_s * (len(self.rows) + 1):
                totals = self.tally.by_outcome
                outcomes = {outcome: totals[outcome] - before[outcome] for outcome in Outcome}
                self.rows.append(
                    Row(
                        seconds=now - started,
                        requests_per_s=sum(outcomes[outcome] for outcome in ANSWERS) / (now - last),
                        outcomes=outcomes,
                        resident_bytes=sorted(samples[-_SAMPLES:])[len(samples[-_SAMPLES:]) // 2],
                        descriptors=process.num_fds(),
                        threads=process.num_threads(),
                    )
                )
                show(self.rows[-1])
                last, before = now, totals
            self._stop.wait(_SAMPLE_S)

    def _judge(self, process: psutil.Process, threads: Sequence[threading.Thread], idle_descriptors: int) -> None:
        faults, notes = self.verdict.faults, self.verdict.notes
        if self._server.process.poll() is not None:
            faults.append(f"the server ended with status {self._server.process.returncode}")
        totals = self.tally.by_outcome
        for outcome in (Outcome.LOST, Outcome.WRONG):
            if totals[outcome]:
                faults.append(f"{outcome}: {totals[outcome]}")
        kinds = {kind for (kind, outcome), count in self.tally.by_kind.items() if count}
        if silent := {thread.name.rpartition("-")[0] for thread in threads if isinstance(thread, Client)} - kinds:
            faults.append(f"no requests from {', '.join(sorted(silent))}")
        if stuck := [thread.name for thread in threads if thread.is_alive()]:
            faults.append(f"no answer yet for {', '.join(stuck)}")
        if "Traceback" in self._server.log:
            faults.append("the server's log has a traceback")
        if not faults and not _falls_to(process.num_fds, idle_descriptors):
            faults.append(f"{process.num_fds()} open descriptors without clients, {idle_descriptors} before")
        if (growth := memory_growth(self.rows)) is not None:
            notes.append(f"memory: {growth:+.1%} from the first third of the rows to the last")
            if growth > MAX_GROWTH:
                faults.append(f"memory grew by {growth:.1%}, at most {MAX_GROWTH:.0%} may be")


def memory_growth(rows: Sequence[Row]) -> float | None:
    """How much larger memory is in the last third of the rows than in the first, but for those of the first minute;
    None when there are too few."""
    settled = [row.resident_bytes for row in rows if row.seconds >= _WARM_UP_S]
    if len(settled) < 2:
        return None
    third = math.ceil(len(settled) / 3)
    return statistics.median(settled[-third:]) / statistics.median(settled[:third]) - 1


def _falls_to(read: Callable[[], int], level: int, *, deadline_s: float = 20.0) -> bool:
    """Whether a number is not above a level, or soon is not."""
    deadline = time.monotonic() + deadline_s
    while read() > level:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
