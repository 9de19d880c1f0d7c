"""Trace settings in force: which requests are chosen, what falls back to what, and models that are not traced."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.config.trace_config import TraceSettings
from naiad.engine.model import Model
from naiad.engine.request import InferRequest
from naiad.engine.request_trace import TracedSink
from naiad.engine.scheduler import Scheduler
from naiad.engine.tracing import Tracing
from naiad.errors import InvalidArgumentError, UnavailableError
from tests.support.engine import RecordingSink, idle_model, spec

TIMES = frozenset({"TIMESTAMPS"})
ON = TraceSettings(TIMES, rate=1)


class Plan:
    def encode(self, request_id: str, outputs: Any) -> list[bytes]:
        return []


class TracedModel:
    """A model whose scheduler only notes what it is given.

    Attributes:
        queued: requests that the scheduler was given.
        error: raised instead, when set.
    """

    def __init__(self, tracing: Tracing, name: str = "m") -> None:
        self.queued: list[InferRequest] = []
        self.error: UnavailableError | None = None
        self.model: Model = idle_model([spec("x")], [spec("y")], name=name)
        self.model.scheduler = cast(Scheduler, SimpleNamespace(enqueue=self._enqueue, traced=0))
        self.tracing = tracing
        tracing.attach(self.model)

    def _enqueue(self, request: InferRequest) -> None:
        if self.error is not None:
            raise self.error
        self.queued.append(request)

    def ask(self) -> bool:
        """One request through the model; whether it is traced."""
        data = np.zeros(2, np.float32).tobytes()
        request = InferRequest(self.model, RecordingSink(), Plan(), (data,), ((1, 2),), 1, None, 1)
        self.model.infer(request)
        return isinstance(request.sink, TracedSink)

    def answer_all(self) -> None:
        for request in self.queued:
            request.sink.respond(request, [np.zeros((1, 2), np.float32)])
        self.queued.clear()

    @property
    def is_watched(self) -> bool:
        """Whether anything stands before the scheduler."""
        return self.model.infer != self.model.scheduler.enqueue

    @property
    def traced(self) -> int:
        return self.model.scheduler.traced


def numbers(path: Path) -> list[int]:
    return list(dict.fromkeys(event["id"] for event in json.loads(path.read_text(encoding="utf-8"))))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.json"


class TestChoice:
    def test_nothing_by_default_and_nothing_stands_in_the_way(self, path: Path) -> None:
        model = TracedModel(Tracing(TraceSettings(), str(path)))
        assert not model.is_watched
        assert not model.ask()

    @given(st.integers(1, 7), st.integers(-1, 7), st.integers(0, 30))
    def test_every_so_many_up_to_a_number(self, rate: int, count: int, requests: int) -> None:
        tracing = Tracing(TraceSettings(TIMES, rate=rate, count=count), "/dev/null")
        model = TracedModel(tracing)
        chosen = [model.ask() for _ in range(requests)]
        expected = [index % rate == 0 and (count < 0 or index // rate <= count) for index in range(1, requests + 1)]
        assert chosen == expected
        assert model.traced == sum(expected)
        left = tracing.settings().count
        assert left == (count if count < 0 else count - sum(expected))
        assert model.is_watched == (left != 0)
        model.answer_all()
        assert model.traced == 0
        tracing.close()

    def test_traces_are_written_and_numbered_through(self, path: Path) -> None:
        tracing = Tracing(ON, str(path))
        models = [TracedModel(tracing, name) for name in ("a", "b", "a")]
        for model in models:
            assert model.ask()
            model.answer_all()
        tracing.close()
        assert numbers(path) == [1, 2, 3]

    def test_as_many_as_were_wanted_are_complete_when_the_last_has_ended(self, path: Path) -> None:
        tracing = Tracing(TraceSettings(TIMES, rate=1, count=2), str(path))
        model = TracedModel(tracing)
        assert [model.ask() for _ in range(3)] == [True, True, False]
        model.answer_all()
        tracing.close()
        assert numbers(path.with_name("t.json.0")) == [1, 2]
        assert not path.exists()

    def test_a_request_that_is_refused_ends_its_trace(self, path: Path) -> None:
        tracing = Tracing(ON, str(path))
        model = TracedModel(tracing)
        model.error = UnavailableError("full")
        with pytest.raises(UnavailableError):
            model.ask()
        assert model.traced == 0
        tracing.close()
        assert "REQUEST_END" in path.read_text(encoding="utf-8")


class TestSettings:
    def test_of_a_model_fall_back_to_the_server_s(self, path: Path) -> None:
        tracing = Tracing(TraceSettings(rate=1), str(path))
        tracing.update({"rate": 3}, "m")
        assert (tracing.settings("m").rate, tracing.settings().rate, tracing.settings("other").rate) == (3, 1, 1)
        tracing.update({"rate": 9, "count": 8})
        assert tracing.settings("m") == TraceSettings(rate=3, count=8)
        tracing.update({"rate": None}, "m")
        assert tracing.settings("m") == tracing.settings() == TraceSettings(rate=9, count=8)
        tracing.update({"rate": None, "count": None})
        assert tracing.settings("m") == tracing.settings() == TraceSettings(rate=1)

    def test_apply_to_models_that_are_loaded_and_to_those_that_come(self, path: Path) -> None:
        tracing = Tracing(TraceSettings(rate=1), str(path))
        first, other = TracedModel(tracing), TracedModel(tracing, "other")
        tracing.update({"levels": TIMES}, "m")
        second = TracedModel(tracing)
        assert (first.ask(), second.ask(), other.ask()) == (True, True, False)
        assert not other.is_watched
        tracing.update({"levels": frozenset()}, "m")
        assert not first.is_watched
        tracing.update({"levels": TIMES})
        assert (first.ask(), other.ask()) == (False, True)
        tracing.update({"levels": None}, "m")
        assert first.ask()
        for model in (first, second, other):
            model.answer_all()
        tracing.close()
        assert sorted(numbers(path)) == [1, 2, 3, 4]

    def test_what_is_left_of_a_count_stays_when_something_else_changes(self, path: Path) -> None:
        tracing = Tracing(TraceSettings(TIMES, rate=1), str(path))
        tracing.update({"count": 5}, "m")
        model = TracedModel(tracing)
        model.ask()
        tracing.update({"log_frequency": 1}, "m")
        assert tracing.settings("m").count == 4
        tracing.update({"rate": 2})
        assert tracing.settings("m").count == 4
        model.ask()
        model.ask()
        assert tracing.settings("m").count == 3
        tracing.update({"count": 9}, "m")
        assert tracing.settings("m").count == 9
        model.answer_all()
        tracing.close()

    def test_no_change_is_no_change(self, path: Path) -> None:
        tracing = Tracing(TraceSettings(TIMES, rate=2), str(path))
        model = TracedModel(tracing)
        model.ask()
        tracing.update({})
        assert model.ask()  # it was the second
        model.answer_all()
        tracing.close()

    @pytest.mark.parametrize("name", ["", "m"])
    def test_that_cannot_be_change_nothing(self, path: Path, name: str) -> None:
        tracing = Tracing(TraceSettings(rate=1), str(path))
        prefix = "^Attempting to set invalid trace setting :"
        with pytest.raises(InvalidArgumentError, match=f"{prefix}sample rate must be non-zero$"):
            tracing.update({"levels": TIMES, "rate": 0}, name)
        assert tracing.settings(name) == TraceSettings(rate=1)
        tracing.update({"rate": 0}, name)
        assert tracing.settings(name).rate == 0
        without_file = Tracing(TraceSettings(), "")
        with pytest.raises(InvalidArgumentError, match=f"{prefix}trace file name is not given$"):
            without_file.update({"levels": TIMES}, name)
        without_file.update({"rate": 5}, name)
        assert without_file.settings(name).rate == 5
        without_file.close()

    def test_of_the_server_that_a_model_s_make_impossible_change_nothing(self, path: Path) -> None:
        tracing = Tracing(TraceSettings(rate=1), str(path))
        tracing.update({"rate": 0}, "m")
        with pytest.raises(InvalidArgumentError):
            tracing.update({"levels": TIMES})
        assert tracing.settings() == TraceSettings(rate=1)

    def test_new_ones_leave_requests_under_way_alone(self, path: Path) -> None:
        tracing = Tracing(TraceSettings(TIMES, rate=1, log_frequency=10), str(path))
        model = TracedModel(tracing)
        model.ask()
        tracing.update({"levels": frozenset()})
        model.answer_all()
        tracing.close()
        assert numbers(path.with_name("t.json.0")) == [1]
