"""`python -m benchmarks`: naiad against the real Triton, side by side."""

from __future__ import annotations

import contextlib
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import environment, h2load, machine, measure, models, wrk
from benchmarks.contenders import BareOnnxruntime, Contender, ServerContender
from benchmarks.environment import InstallationError, TritonInstallation
from benchmarks.load_generator import LoadGeneratorError
from benchmarks.measure import RowResult
from benchmarks.naiad import NaiadServer
from benchmarks.recorded_request import WrongAnswerError
from benchmarks.report import Report
from benchmarks.rows import LOAD_ROWS, MEMORY, READY, ROW_NAMES, LoadRow, Transport
from benchmarks.server import Server, ServerError
from benchmarks.triton import TritonServer


class Output(StrEnum):
    """How the result is printed."""

    TABLE = "table"
    JSON = "json"


def benchmark(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Rows whose name starts so; may be repeated. Of {', '.join(ROW_NAMES)}.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="How many times each number is measured.")] = 5,
    seconds: Annotated[int, typer.Option(min=1, help="How long each run under load is.")] = 2,
    quick: Annotated[bool, typer.Option("--quick", help="One run of one second: does it work at all?")] = False,
    no_peer: Annotated[bool, typer.Option("--no-peer", help="naiad alone.")] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="A table, or the raw numbers.")] = Output.TABLE,
) -> None:
    """Measure naiad and the real Triton in turn, and judge the ratios by their budgets."""
    if quick:
        runs = seconds = 1
    names = [name for name in ROW_NAMES if name.startswith(tuple(only or [""]))]
    if not names:
        raise typer.BadParameter(f"no row's name starts with {' or '.join(only or [])}", param_hint="--only")
    progress = Console(stderr=True)

    def say(line: str) -> None:
        progress.print(line, style="dim", highlight=False)

    try:
        report = _measure(names, runs=runs, seconds=seconds, peer=not no_peer, say=say)
    except (InstallationError, ServerError, LoadGeneratorError, WrongAnswerError) as error:
        progress.print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
    if output is Output.JSON:
        typer.echo(report.to_json())
    else:
        report.print(Console())
    if report.broken or report.absent:
        raise typer.Exit(1)


def _measure(names: Sequence[str], *, runs: int, seconds: int, peer: bool, say: Callable[[str], None]) -> Report:
    where = machine.describe()
    wanted = [row for row in LOAD_ROWS if row.name in names and (peer or row.peer == "triton")]
    found, missing = _load_generators({row.transport for row in wanted}, say=say)
    triton = environment.install(say=say) if peer else None
    rows: list[RowResult] = []
    if possible := [row for row in wanted if row.transport in found]:
        rows += _measure_loads(possible, triton, runs=runs, seconds=seconds, say=say)
    if {READY.name, MEMORY.name} & set(names):
        say("starting each server in turn")
        with tempfile.TemporaryDirectory(prefix="models-") as folder:
            repository = models.save_repository(Path(folder), [models.TINY])
            starts: list[Callable[[], Server]] = [lambda: NaiadServer(repository)]
            if triton is not None:
                starts.append(lambda: TritonServer(repository, installation=triton))
            rows += [row for row in measure.measure_footprint(starts, runs=runs) if row.name in names]
    versions = machine.versions(found, triton)
    absent = {row.title: missing[row.transport] for row in wanted if row.transport in missing}
    return Report(where, versions, runs, seconds, rows, absent)


def _load_generators(
    transports: Iterable[Transport], *, say: Callable[[str], None]
) -> tuple[dict[Transport, str], dict[Transport, str]]:
    """The versions of the load generators, and why others are missing; by what they load."""
    found: dict[Transport, str] = {}
    missing: dict[Transport, str] = {}
    for transport in sorted(transports):
        try:
            found[transport] = (h2load if transport == "gRPC" else wrk).find(say=say)
        except LoadGeneratorError as error:
            missing[transport] = str(error)
    return found, missing


def _measure_loads(
    rows: Sequence[LoadRow],
    triton: TritonInstallation | None,
    *,
    runs: int,
    seconds: int,
    say: Callable[[str], None],
) -> list[RowResult]:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="models-"))
        repository = models.save_repository(Path(folder), models.MODELS)
        contenders: dict[str, Contender] = {"onnxruntime": BareOnnxruntime(repository)} if triton else {}
        naiad = ServerContender(stack.enter_context(NaiadServer(repository)))
        if triton is not None:
            server = stack.enter_context(TritonServer(repository, installation=triton))
            contenders["triton"] = ServerContender(server)
        results = []
        for row in rows:
            say(f"measuring {row.title}")
            against = [contenders[row.peer]] if row.peer in contenders else []
            results.append(measure.measure_load(row, [naiad, *against], runs=runs, seconds=seconds))
        return results


if __name__ == "__main__":
    # So that a benchmark that is told to end still stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    typer.run(benchmark)
