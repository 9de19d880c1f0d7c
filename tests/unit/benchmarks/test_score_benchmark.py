"""The hosts of the `/score` benchmark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.models import MLP, save_repository
from benchmarks.naiad import NaiadServer
from benchmarks.recorded_request import WrongAnswerError
from benchmarks.score import architectures, hosts, sum
from benchmarks.score.__main__ import ROWS
from benchmarks.score.architectures import EngineHost, PlainHost
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


def test_both_architectures_give_the_models_answer(tmp_path: Path) -> None:
    repository = save_repository(tmp_path, [MLP])
    with NaiadServer(repository) as engine, EngineHost(engine) as behind, PlainHost(repository) as alone:
        behind.check(architectures.ROW)
        alone.check(architectures.ROW)


def test_rows_differ() -> None:
    assert len({row.name for row in ROWS}) == len({row.title for row in ROWS}) == len(ROWS)
    assert json.loads(hosts.BODY)["data"]
