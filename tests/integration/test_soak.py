"""The soak, for a few seconds: what it needs hours for, memory that grows, is not asked here."""

from __future__ import annotations

from pathlib import Path

from benchmarks.soak.soak import Row, Soak

SECONDS = 6.0


def test_nothing_is_lost_while_models_come_and_go(tmp_path: Path) -> None:
    rows: list[Row] = []
    soak = Soak(tmp_path)
    soak.run(SECONDS, SECONDS, rate=600, show=rows.append)
    assert (soak.verdict.faults, soak.tally.complaints) == ([], [])
    (row,) = rows
    assert row.requests_per_s > 50, "too little was asked to prove anything"
