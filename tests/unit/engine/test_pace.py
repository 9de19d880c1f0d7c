"""Where batches run: the running estimate per batch size."""

from __future__ import annotations

import pytest

from naiad.engine.pace import ALWAYS_NS, NEVER_NS, Pace

MS = 1_000_000


def test_a_model_that_was_never_measured_runs_in_a_thread() -> None:
    pace = Pace(MS)
    assert pace.estimate_ns(1) == 0
    assert not pace.is_inline(1)


def test_a_quick_one_runs_on_the_loop_and_a_slow_one_does_not() -> None:
    pace = Pace(MS)
    pace.record(1, MS // 2)
    assert pace.is_inline(1)
    pace.record(8, 5 * MS)
    assert pace.is_inline(1)
    assert not pace.is_inline(8)
    assert not pace.is_inline(15)


def test_pinned_models_do_not_ask_the_estimate() -> None:
    always, never = Pace(ALWAYS_NS), Pace(NEVER_NS)
    assert always.is_inline(1)
    assert not never.is_inline(1)
    for pace in (always, never):
        pace.record(1, 1)
        pace.record(1, 10_000 * MS)
    assert always.is_inline(1)
    assert not never.is_inline(1)


@pytest.mark.parametrize(("rows", "factor"), [(1, 1), (2, 2), (3, 2), (4, 4), (7, 4), (8, 8), (64, 64)])
def test_an_unknown_size_is_bounded_by_the_nearest_smaller_one(rows: int, factor: int) -> None:
    pace = Pace(MS)
    pace.record(1, 1000)
    assert pace.estimate_ns(rows) == 1000 * factor


def test_a_size_below_all_that_are_known_is_unknown() -> None:
    pace = Pace(MS)
    pace.record(8, 1000)
    assert pace.estimate_ns(2) == 0
    assert not pace.is_inline(2)


def test_a_batch_of_no_rows() -> None:
    pace = Pace(MS)
    pace.record(0, 1000)
    assert pace.estimate_ns(0) == 1000
    assert pace.estimate_ns(1) == 2000


def test_the_estimate_follows_and_does_not_jump() -> None:
    pace = Pace(MS)
    pace.record(1, 100)
    pace.record(1, 1_000_000)
    assert 100 < pace.estimate_ns(1) < 500_000
    for _ in range(50):
        pace.record(1, 1_000_000)
    assert pace.estimate_ns(1) == pytest.approx(1_000_000, rel=0.01)
    for _ in range(80):
        pace.record(1, 100)
    assert pace.is_inline(1)
