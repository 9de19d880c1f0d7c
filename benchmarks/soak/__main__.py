"""`python -m benchmarks.soak`: ten minutes of everything at once."""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.server import ServerError
from benchmarks.soak.soak import Row, Soak
from benchmarks.soak.tally import Outcome

_COLUMNS = ("minutes", "requests/s", *Outcome, "RSS MB", "descriptors", "threads")


def soak(
    minutes: Annotated[float, typer.Option(min=0.05, help="How long.")] = 10,
    interval: Annotated[float, typer.Option(min=1, help="Seconds from row to row.")] = 60,
    rate: Annotated[
        float, typer.Option(min=0, help="Turns of all clients together in a second; 0: as many as they can take.")
    ] = 0,
) -> None:
    """Put a naiad under a mixed load while its models come, go and change; judge what became of every request."""
    print("| " + " | ".join(_COLUMNS) + " |")
    print("|" + "|".join("-" * len(column) + "-:" for column in _COLUMNS) + "|", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        running = Soak(Path(folder))
        try:
            running.run(minutes * 60, interval, rate=rate, show=_show)
        except ServerError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(1) from error
    by_kind: dict[str, list[str]] = {}
    for (kind, outcome), count in sorted(running.tally.by_kind.items()):
        by_kind.setdefault(kind, []).append(f"{outcome} {count}")
    print()
    for kind, counts in by_kind.items():
        print(f"{kind}: {', '.join(counts)}")
    for line in (*running.verdict.notes, *running.tally.complaints):
        print(line)
    print()
    if running.verdict.faults:
        print("verdict: FAILED: " + "; ".join(running.verdict.faults))
        raise typer.Exit(1)
    print("verdict: passed: nothing lost, nothing wrong, nothing left behind")


def _show(row: Row) -> None:
    cells = (
        f"{row.seconds / 60:.1f}",
        f"{row.requests_per_s:.0f}",
        *(str(row.outcomes[outcome]) for outcome in Outcome),
        f"{row.resident_bytes / 1e6:.1f}",
        str(row.descriptors),
        str(row.threads),
    )
    print(
        "| " + " | ".join(cell.rjust(len(column)) for cell, column in zip(cells, _COLUMNS, strict=True)) + " |",
        flush=True,
    )


if __name__ == "__main__":
    # So that a soak that is told to end still stops its server.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    typer.run(soak)
