"""`python -m benchmarks.score`: naiad's entry-script host against Azure ML's, side by side."""

from __future__ import annotations

import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from benchmarks import environment, machine, measure, wrk
from benchmarks.environment import InstallationError
from benchmarks.measure import RowResult, Summary
from benchmarks.models import MLP, save_repository
from benchmarks.naiad import NaiadServer
from benchmarks.recorded_request import WrongAnswerError
from benchmarks.report import Report
from benchmarks.score import architectures
from benchmarks.score.architectures import EngineHost, PlainHost
from benchmarks.score.hosts import AzureHost, Host, NaiadHost, ScoreRow
from benchmarks.server import ServerError

ROWS: Final = (
    ScoreRow("score-1", 1, 3.0, "/score, small JSON, 1 client, 1 worker"),
    ScoreRow("score-16", 16, 10.0, "/score, small JSON, 16 clients, 1 worker"),
)
MORE_WORKERS: Final = 4
MEMORY_BUDGET: Final = 1.0
_ALL_READY_S: Final = 60.0


def benchmark(
    runs: Annotated[int, typer.Option(min=1, help="How many times each number is measured.")] = 5,
    seconds: Annotated[int, typer.Option(min=1, help="How long each run under load is.")] = 2,
    quick: Annotated[bool, typer.Option("--quick", help="One run of one second: does it work at all?")] = False,
    no_peer: Annotated[bool, typer.Option("--no-peer", help="naiad alone.")] = False,
) -> None:
    """Measure both hosts in turn, and judge the ratios by their budgets."""
    if quick:
        runs = seconds = 1
    progress = Console(stderr=True)

    def say(line: str) -> None:
        progress.print(line, style="dim", highlight=False)

    try:
        report = _measure(runs=runs, seconds=seconds, peer=not no_peer, say=say)
    except (InstallationError, ServerError, RuntimeError, WrongAnswerError) as error:
        progress.print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
    report.print(Console())
    if report.broken:
        raise typer.Exit(1)


def _measure(*, runs: int, seconds: int, peer: bool, say: Callable[[str], None]) -> Report:
    where, load_generator = machine.describe(), wrk.find(say=say)
    makers: list[Callable[[int], Host]] = [lambda workers: NaiadHost(workers=workers)]
    if peer:
        python = environment.install_azureml(say=say)
        makers.append(lambda workers: AzureHost(python, workers=workers))
    with contextlib.ExitStack() as stack:
        hosts = [stack.enter_context(make(1)) for make in makers]
        rows = []
        for row in ROWS:
            say(f"measuring {row.title}")
            rows.append(measure.measure_load(row, hosts, runs=runs, seconds=seconds))
    rows.append(_architectures(runs=runs, seconds=seconds, say=say))
    say("measuring memory")
    rows.append(_memory(makers))
    return Report(where, {"wrk": load_generator}, runs, seconds, rows)


def _architectures(*, runs: int, seconds: int, say: Callable[[str], None]) -> RowResult:
    """A script that asks the engine beside one that runs the model itself."""
    say(f"measuring {architectures.ROW.title}")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        engine = stack.enter_context(NaiadServer(save_repository(folder, [MLP])))
        hosts = [stack.enter_context(EngineHost(engine)), stack.enter_context(PlainHost(folder))]
        return measure.measure_load(architectures.ROW, hosts, runs=runs, seconds=seconds)


def _memory(makers: list[Callable[[int], Host]]) -> RowResult:
    """What one more worker takes, each having answered a request or being able to."""
    summaries = {}
    for make in makers:
        sizes = [_size_mb(make, workers) for workers in (1, MORE_WORKERS)]
        each = (sizes[1] - sizes[0]) / (MORE_WORKERS - 1)
        with make(1) as host:
            summaries[host.name] = Summary(host.version, each, None, None, 0, (each,))
    numbers = [summary.value for summary in summaries.values()]
    ratio = numbers[1] / numbers[0] if len(numbers) == 2 else None
    return RowResult("score-memory", "memory of one more worker", "MB", MEMORY_BUDGET, summaries, ratio)


def _size_mb(make: Callable[[int], Host], workers: int) -> float:
    with make(workers) as host:
        for _ in _until(time.monotonic() + _ALL_READY_S):
            if host.log.count("ready for serving traffic") == workers:
                break
        for _ in range(20 * workers):
            host.score()
        return host.proportional_bytes() / 1e6


def _until(deadline: float) -> Iterator[None]:
    while time.monotonic() < deadline:
        yield
        time.sleep(0.05)
    raise ServerError("not every worker became ready")


if __name__ == "__main__":
    # So that a benchmark that is told to end still stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    typer.run(benchmark)
