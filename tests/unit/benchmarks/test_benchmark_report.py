"""The table says what was measured and what was missed; the JSON holds the raw numbers."""

from __future__ import annotations

import io
import json

from rich.console import Console

from benchmarks.measure import RowResult, Summary
from benchmarks.report import Report


def row(*, naiad: float, peer: float, errors: int = 0) -> RowResult:
    contenders = {
        "naiad": Summary("0.1.0", naiad, 250.0, 1500.0, errors, (naiad,)),
        "triton": Summary("2.51.0", peer, 500.0, 3000.0, 0, (peer,)),
    }
    return RowResult("tiny-1", "tiny, binary, 1 client", "1/s", 3.0, contenders, naiad / peer)


def report(*rows: RowResult) -> Report:
    return Report("2 cores", {"load generator": "wrk 4.1.0"}, runs=5, seconds=2, rows=rows)


def text(of: Report) -> str:
    stream = io.StringIO()
    of.print(Console(file=stream))
    return stream.getvalue()


def test_a_row_is_one_plain_line() -> None:
    lines = [line for line in text(report(row(naiad=6000, peer=2000))).splitlines() if "1 client" in line]
    cells = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert cells == [
        *("tiny, binary, 1 client", "6,000/s", "0.25 / 1.50", "triton 2,000/s", "0.50 / 3.00"),
        *("3.00", "3", "yes"),
    ]


def test_a_missed_budget_is_said() -> None:
    shown = text(report(row(naiad=6000, peer=2000), row(naiad=2000, peer=2000)))
    assert "1 of 2 budgets met" in shown


def test_failed_requests_are_said_and_mark_the_report_broken() -> None:
    broken = report(row(naiad=6000, peer=2000, errors=7))
    assert broken.broken
    assert "broken: tiny, binary, 1 client: 7 requests failed" in text(broken)
    assert not report(row(naiad=6000, peer=2000)).broken


def test_rows_that_could_not_be_measured_are_said() -> None:
    shown = text(
        Report("2 cores", {}, runs=5, seconds=2, rows=[], absent={"tiny, gRPC, 1 client": "h2load is missing"})
    )
    assert "absent: tiny, gRPC, 1 client: h2load is missing" in shown


def test_the_footer_names_machine_and_versions() -> None:
    shown = text(report(row(naiad=6000, peer=2000)))
    assert "machine: 2 cores" in shown
    assert "versions: naiad 0.1.0, triton 2.51.0, load generator wrk 4.1.0" in shown


def test_json_has_the_verdict_and_every_run() -> None:
    loaded = json.loads(report(row(naiad=6000, peer=2000)).to_json())
    (only,) = loaded["rows"]
    assert (only["ratio"], only["met"], only["errors"]) == (3.0, True, 0)
    assert only["contenders"]["naiad"]["runs"] == [6000]
    assert loaded["seconds"] == 2
