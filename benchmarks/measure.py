"""Measurements: contenders take turns, so that what changes on the machine in between touches all of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from benchmarks.contenders import ServerContender
from benchmarks.load import Load
from benchmarks.rows import LOAD_ROWS, MEMORY, READY, FootprintRow
from benchmarks.server import Server

Run = TypeVar("Run")
WARM_UP_S = 1


@dataclass(frozen=True, slots=True)
class Summary:
    """One contender in one row: medians over its runs.

    Attributes:
        version: of the contender.
        value: inferences per second, seconds or megabytes.
        p50_us, p99_us: latencies; None in rows without load.
        errors: of all runs together.
        runs: the values of the runs, in order.
    """

    version: str
    value: float
    p50_us: float | None
    p99_us: float | None
    errors: int
    runs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RowResult:
    """A row that was measured.

    Attributes:
        name, title, unit, budget: the row's; the unit of load rows is `1/s`.
        contenders: summaries by contender, naiad's first.
        ratio: how many times better naiad is, the median over pairs of runs that were made one after the other;
            None when naiad ran alone.
    """

    name: str
    title: str
    unit: str
    budget: float
    contenders: dict[str, Summary]
    ratio: float | None

    @property
    def met(self) -> bool | None:
        """Whether the budget is met; None without a peer."""
        return None if self.ratio is None else self.ratio >= self.budget

    @property
    def errors(self) -> int:
        """Answers that were not successes, and connections that failed, of all contenders."""
        return sum(summary.errors for summary in self.contenders.values())


@dataclass(frozen=True, slots=True)
class _Footprint:
    name: str
    version: str
    ready_s: float
    memory_mb: float


class Row(Protocol):
    """What is measured under load: see `LoadRow`."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def budget(self) -> float: ...


RowT = TypeVar("RowT", bound=Row, contravariant=True)


class Loadable(Protocol[RowT]):
    """Who is put under load: see `Contender`."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    def check(self, row: RowT) -> None: ...
    def load(self, row: RowT, seconds: int) -> Load: ...


def measure_load(row: RowT, contenders: Sequence[Loadable[RowT]], *, runs: int, seconds: int) -> RowResult:
    """Check one answer of each contender, warm each up, then load them in turn.

    Args:
        row: what to send.
        contenders: naiad, and its peer if there is one.
        runs: how many times each is loaded.
        seconds: how long each time.
    """
    for contender in contenders:
        contender.check(row)
        contender.load(row, WARM_UP_S)
    loads = _in_turn([_loader(contender, row, seconds) for contender in contenders], runs)
    summaries = {one.name: _summarise(one.version, load) for one, load in zip(contenders, loads, strict=True)}
    rates = [[load.rate for load in one] for one in loads]
    ratio = _median_ratio(rates[0], rates[1]) if len(rates) == 2 else None
    return RowResult(row.name, row.title, "1/s", row.budget, summaries, ratio)


def measure_footprint(start: Sequence[Callable[[], Server]], *, runs: int) -> list[RowResult]:
    """Start each server in turn, alone on the machine; note when it is ready and, after one inference, its memory.

    Args:
        start: makes a server over a repository that holds `tiny` alone; naiad, and its peer if there is one.
        runs: how many times each is started.
    """
    footprints = _in_turn([_starter(one) for one in start], runs)
    return [
        _footprint_result(READY, footprints, lambda footprint: footprint.ready_s),
        _footprint_result(MEMORY, footprints, lambda footprint: footprint.memory_mb),
    ]


def _loader(contender: Loadable[RowT], row: RowT, seconds: int) -> Callable[[], Load]:
    return lambda: contender.load(row, seconds)


def _starter(make: Callable[[], Server]) -> Callable[[], _Footprint]:
    def start() -> _Footprint:
        with make() as server:
            ServerContender(server).check(LOAD_ROWS[0])
            return _Footprint(server.name, server.version, server.ready_after_s, server.resident_bytes() / 1e6)

    return start


def _in_turn(measurements: Sequence[Callable[[], Run]], runs: int) -> list[list[Run]]:
    """Each measurement `runs` times: A B, B A, A B, …, so that neither always comes first."""
    results: list[list[Run]] = [[] for _ in measurements]
    order = list(range(len(measurements)))
    for _ in range(runs):
        for index in order:
            results[index].append(measurements[index]())
        order.reverse()
    return results


def _median_ratio(better: Sequence[float], worse: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(better, worse, strict=True))


def _summarise(version: str, loads: Sequence[Load]) -> Summary:
    return Summary(
        version=version,
        value=statistics.median(load.rate for load in loads),
        p50_us=statistics.median(load.p50_us for load in loads),
        p99_us=statistics.median(load.p99_us for load in loads),
        errors=sum(load.errors for load in loads),
        runs=tuple(load.rate for load in loads),
    )


def _footprint_result(
    row: FootprintRow, footprints: Sequence[Sequence[_Footprint]], number: Callable[[_Footprint], float]
) -> RowResult:
    values = [[number(run) for run in one] for one in footprints]
    summaries = {
        one[0].name: Summary(one[0].version, statistics.median(runs), None, None, 0, tuple(runs))
        for one, runs in zip(footprints, values, strict=True)
    }
    # Here less is better, so the peer's number is the numerator.
    ratio = _median_ratio(values[1], values[0]) if len(values) == 2 else None
    return RowResult(row.name, row.title, row.unit, row.budget, summaries, ratio)
