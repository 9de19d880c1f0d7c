"""The results as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.measure import RowResult, Summary

PLAIN_WIDTH = 200


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one run of the benchmark found.

    Attributes:
        machine: where.
        versions: of what the contenders ran on, by name.
        runs: how many times each number was measured; numbers are medians.
        seconds: how long each run under load was.
        rows: the results.
        absent: rows that could not be measured, by title, and why.
    """

    machine: str
    versions: Mapping[str, str]
    runs: int
    seconds: int
    rows: Sequence[RowResult]
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def broken(self) -> list[RowResult]:
        """Rows in which a request failed."""
        return [row for row in self.rows if row.errors]

    def to_json(self) -> str:
        """The raw numbers."""
        rows = [{**asdict(row), "met": row.met, "errors": row.errors} for row in self.rows]
        return json.dumps({**asdict(self), "rows": rows}, indent=2)

    def print(self, console: Console) -> None:
        """The table, one line a row, and what it was measured with; Markdown when the console is not a terminal."""
        plain = not console.is_terminal
        table = Table(box=box.MARKDOWN if plain else box.SIMPLE_HEAD)
        table.add_column("row")
        for heading in ("naiad", "p50 / p99 ms", "peer", "p50 / p99 ms", "ratio", "budget"):
            table.add_column(heading, justify="right")
        table.add_column("met")
        for row in self.rows:
            table.add_row(*_cells(row))
        if plain:
            console.width = PLAIN_WIDTH
        console.print(table)
        for line in self._footer():
            console.print(line, highlight=False)

    def _footer(self) -> list[str]:
        judged = [row for row in self.rows if row.met is not None]
        lines = [f"{sum(row.met is True for row in judged)} of {len(judged)} budgets met"] if judged else []
        lines += [f"broken: {row.title}: {row.errors} requests failed" for row in self.broken]
        lines += [f"absent: {title}: {reason}" for title, reason in self.absent.items()]
        measured = {name: summary.version for row in self.rows for name, summary in row.contenders.items()}
        return [
            *lines,
            f"medians of {self.runs} runs of {self.seconds} s, contenders in turn; ratio: median over adjacent runs",
            f"machine: {self.machine}",
            "versions: " + ", ".join(f"{name} {version}" for name, version in {**measured, **self.versions}.items()),
        ]


def _cells(row: RowResult) -> list[Text]:
    first, *others = row.contenders.items()
    peer = others[0] if others else None
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    verdict = {True: Text("yes", "green"), False: Text("no", "red"), None: Text("")}[row.met]
    return [
        Text(row.title),
        Text(_value(first[1], row.unit)),
        Text(_latencies(first[1])),
        Text(f"{peer[0]} {_value(peer[1], row.unit)}" if peer else ""),
        Text(_latencies(peer[1]) if peer else ""),
        Text(ratio),
        Text(f"{row.budget:g}"),
        verdict,
    ]


def _value(summary: Summary, unit: str) -> str:
    text = {"1/s": f"{summary.value:,.0f}/s", "s": f"{summary.value:.2f} s", "MB": f"{summary.value:,.0f} MB"}[unit]
    return f"{text} ({summary.errors} failed)" if summary.errors else text


def _latencies(summary: Summary) -> str:
    if summary.p50_us is None or summary.p99_us is None:
        return ""
    return f"{summary.p50_us / 1000:.2f} / {summary.p99_us / 1000:.2f}"
