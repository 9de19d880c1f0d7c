"""h2load's output is read, and what is wrong with a run does not pass for a number."""

from __future__ import annotations

import pytest

from benchmarks import h2load, load_generator
from benchmarks.load_generator import LoadGeneratorError

OUTPUT = """starting benchmark...
Stopped all clients for thread #0

finished in {time}, 2500.00 req/s, 1.58MB/s
requests: 5000 total, 5064 started, 5000 done, {succeeded} succeeded, {failed} failed, {errored} errored, 0 timeout
status codes: 5000 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 1.58MB (1657586) total, 67.38KB (68992) headers (space savings 90.00%), 336.88KB ({data}) data
                     min         max         mean         sd        +/- sd
time for request:       31us      3.99ms       104us        92us    98.44%
"""
CLEAN = {"time": "2.00s", "succeeded": 5000, "failed": 0, "errored": 0, "data": 5000 * 40}
TIMES_US = list(range(1, 5001))


def output(**fields: object) -> str:
    return OUTPUT.format(**(CLEAN | fields))


def test_rate_and_percentiles() -> None:
    load = h2load.parse(output(), TIMES_US, answer_bytes=40)
    assert (load.rate, round(load.p50_us), round(load.p99_us), load.errors) == (2500.0, 2500, 4950, 0)


def test_a_run_of_less_than_a_second() -> None:
    assert h2load.parse(output(time="500.00ms"), TIMES_US, answer_bytes=40).rate == 10_000


@pytest.mark.parametrize("kind", ["failed", "errored"])
def test_every_kind_of_error_counts(kind: str) -> None:
    assert h2load.parse(output(**{kind: 3}), TIMES_US, answer_bytes=40).errors == 3


def test_calls_that_fail_with_the_status_of_success_count() -> None:
    assert h2load.parse(output(data=4990 * 40), TIMES_US, answer_bytes=40).errors == 10


def test_answers_that_were_cut_off_by_the_end_are_no_errors() -> None:
    assert h2load.parse(output(data=5000 * 40 + 39), TIMES_US, answer_bytes=40).errors == 0


def test_a_run_without_answers_is_no_measurement() -> None:
    with pytest.raises(LoadGeneratorError, match="no request was answered"):
        h2load.parse(output(succeeded=0), [], answer_bytes=40)


def test_a_run_without_summary_shows_what_was_said() -> None:
    with pytest.raises(LoadGeneratorError, match="could not connect"):
        h2load.parse("could not connect to 127.0.0.1:1\n", [], answer_bytes=40)


def test_a_load_generator_that_fails_shows_what_it_said() -> None:
    with pytest.raises(LoadGeneratorError, match="no such file"):
        load_generator.run(["sh", "-c", "echo no such file >&2; exit 3"], timeout_s=10)


def test_a_load_generator_that_never_ends() -> None:
    with pytest.raises(LoadGeneratorError, match="did not end within"):
        load_generator.run(["sleep", "60"], timeout_s=0.05)


def test_a_missing_load_generator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LoadGeneratorError, match=r"h2load is not on PATH; .* apt-get install nghttp2-client"):
        h2load.find(say=lambda _: None)
