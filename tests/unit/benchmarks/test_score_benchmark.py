"""The hosts of the `/score` benchmark."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from benchmarks.recorded_request import WrongAnswerError
from benchmarks.score import hosts, sum
from benchmarks.score.__main__ import ROWS
from benchmarks.score.hosts import NaiadHost


@pytest.fixture(scope="module")
def host() -> Iterator[NaiadHost]:
    with NaiadHost(workers=2) as started:
        yield started


def test_the_script_gives_the_answer_that_is_expected() -> None:
    assert sum.run(hosts.BODY.decode()) == hosts.ANSWER


def test_naiads_host_answers_as_both_must(host: NaiadHost) -> None:
    host.check(ROWS[0])
    assert host.version
    assert host.proportional_bytes() > 10e6


def test_a_wrong_answer_is_noticed(host: NaiadHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "ANSWER", {"sum": 37})
    with pytest.raises(WrongAnswerError, match=r"answered \{'sum': 36\}, not"):
        host.check(ROWS[0])


def test_rows_differ() -> None:
    assert len({row.name for row in ROWS}) == len({row.title for row in ROWS}) == len(ROWS)
    assert json.loads(hosts.BODY)["data"]
