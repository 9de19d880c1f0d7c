"""wrk's output is read, and what is wrong with a run does not pass for a number."""

from __future__ import annotations

import json

import pytest

from benchmarks import wrk
from benchmarks.load_generator import LoadGeneratorError

CLEAN = {"requests": 5000, "duration_us": 2_000_000, "p50_us": 380, "p99_us": 900}
NO_ERRORS = dict.fromkeys(("connect", "read", "write", "timeout", "status"), 0)


def output(summary: dict[str, int]) -> str:
    return f"Running 2s test @ http://127.0.0.1:1/\n  1 threads and 16 connections\n{json.dumps(summary)}\n"


def test_the_last_line_is_the_summary() -> None:
    load = wrk.parse(output(CLEAN | NO_ERRORS))
    assert (load.rate, load.p50_us, load.p99_us, load.errors) == (2500.0, 380, 900, 0)


@pytest.mark.parametrize("kind", NO_ERRORS)
def test_every_kind_of_error_counts(kind: str) -> None:
    assert wrk.parse(output(CLEAN | NO_ERRORS | {kind: 3})).errors == 3


def test_a_run_without_answers_is_no_measurement() -> None:
    with pytest.raises(LoadGeneratorError, match="no request was answered"):
        wrk.parse(output(CLEAN | NO_ERRORS | {"requests": 0}))


def test_a_run_without_summary_shows_what_wrk_said() -> None:
    with pytest.raises(LoadGeneratorError, match="unable to connect"):
        wrk.parse("unable to connect to 127.0.0.1:1 Connection refused\n")
