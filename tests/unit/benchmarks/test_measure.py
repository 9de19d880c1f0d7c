"""Contenders take turns, and the ratio is that of runs made next to each other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import measure
from benchmarks.load import Load
from benchmarks.rows import LOAD_ROWS, LoadRow


class Scripted:
    """A contender whose runs after the warm-up have given rates, and that notes when it ran."""

    version = "1"

    def __init__(self, name: str, rates: list[float], journal: list[str], *, errors: int = 0) -> None:
        self.name = name
        self._rates: Iterator[float] = iter([0.0, *rates])
        self._journal = journal
        self._errors = errors

    def check(self, row: LoadRow) -> None:
        self._journal.append(f"check {self.name}")

    def load(self, row: LoadRow, seconds: int) -> Load:
        self._journal.append(self.name)
        return Load(next(self._rates), p50_us=1, p99_us=2, errors=self._errors)


def test_the_order_alternates_after_check_and_warm_up() -> None:
    journal: list[str] = []
    contenders = [Scripted("naiad", [1, 1, 1], journal), Scripted("triton", [1, 1, 1], journal)]
    measure.measure_load(LOAD_ROWS[0], contenders, runs=3, seconds=1)
    assert journal[:4] == ["check naiad", "naiad", "check triton", "triton"]
    assert journal[4:] == ["naiad", "triton", "triton", "naiad", "naiad", "triton"]


def test_a_machine_that_slows_down_does_not_change_the_ratio() -> None:
    journal: list[str] = []
    contenders = [Scripted("naiad", [40, 20, 10], journal), Scripted("triton", [10, 5, 2.5], journal)]
    result = measure.measure_load(LOAD_ROWS[0], contenders, runs=3, seconds=1)
    assert result.ratio == 4.0
    assert result.contenders["naiad"].value == 20
    assert result.contenders["naiad"].runs == (40, 20, 10)


@pytest.mark.parametrize(("rate", "met"), [(30.0, True), (29.9, False)])
def test_the_budget_judges_the_ratio(rate: float, met: bool) -> None:
    row = next(row for row in LOAD_ROWS if row.budget == 3.0)
    journal: list[str] = []
    contenders = [Scripted("naiad", [rate], journal), Scripted("triton", [10], journal)]
    assert measure.measure_load(row, contenders, runs=1, seconds=1).met is met


def test_naiad_alone_is_not_judged() -> None:
    result = measure.measure_load(LOAD_ROWS[0], [Scripted("naiad", [1], [])], runs=1, seconds=1)
    assert result.ratio is None
    assert result.met is None


def test_errors_of_all_contenders_and_runs_add_up() -> None:
    contenders = [Scripted("naiad", [1, 1], []), Scripted("triton", [1, 1], [], errors=2)]
    assert measure.measure_load(LOAD_ROWS[0], contenders, runs=2, seconds=1).errors == 4
