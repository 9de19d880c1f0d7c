"""The metrics' text, read as strictly as a scraper reads it (triton.md §6.1)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from naiad.engine.model import Model
from naiad.engine.statistics import FailureReason
from naiad.server.metrics import render_metrics
from tests.support.engine import idle_model, spec
from tests.support.prometheus import parse_metrics

PER_MODEL = {
    "nv_inference_request_success": "counter",
    "nv_inference_request_failure": "counter",
    "nv_inference_count": "counter",
    "nv_inference_exec_count": "counter",
    "nv_inference_request_duration_us": "counter",
    "nv_inference_queue_duration_us": "counter",
    "nv_inference_compute_input_duration_us": "counter",
    "nv_inference_compute_infer_duration_us": "counter",
    "nv_inference_compute_output_duration_us": "counter",
    "nv_inference_pending_request_count": "gauge",
    "nv_model_load_duration_secs": "gauge",
}
MACHINE = {"nv_cpu_utilization", "nv_cpu_memory_total_bytes", "nv_cpu_memory_used_bytes"}


def model(name: str = "m", *, version: str = "1", pending: int = 0) -> Any:
    made: Any = idle_model([spec()], [spec("y")], name=name)
    made.version = version
    made.scheduler = SimpleNamespace(pending=pending)
    return made


def test_every_series_of_tritons_is_there_with_its_type() -> None:
    families = parse_metrics(render_metrics([model()]))
    assert {name: families[name].kind for name in PER_MODEL} == PER_MODEL
    assert set(families) == set(PER_MODEL) | MACHINE
    for name in PER_MODEL:
        reasons = (
            {frozenset({("reason", str(reason))}) for reason in FailureReason} if "failure" in name else {frozenset()}
        )
        expected = {frozenset({("model", "m"), ("version", "1")}) | more for more in reasons}
        assert set(families[name].samples) == expected


def test_without_models_there_are_the_machines() -> None:
    families = parse_metrics(render_metrics([]))
    assert {name for name, family in families.items() if family.samples} == MACHINE
    assert 0 <= families["nv_cpu_utilization"].value() <= 1
    assert families["nv_cpu_memory_total_bytes"].value() >= families["nv_cpu_memory_used_bytes"].value() > 0


def test_what_was_counted() -> None:
    counted = model(pending=3)
    numbers = counted.statistics
    numbers.count_batch(requests=2, rows=5, queue_ns=7_000, input_ns=1_000, infer_ns=4_000)
    numbers.count_answers(requests=2, rows=5, output_ns=2_000, request_ns=30_999)
    numbers.count_failure(FailureReason.REJECTED, 5)
    numbers.load_seconds = 1.25
    families = parse_metrics(render_metrics([counted, model(version="2")]))

    def value(name: str, **labels: str) -> float:
        return families[name].value(model="m", version="1", **labels)

    assert value("nv_inference_request_success") == 2
    assert value("nv_inference_count") == 5
    assert value("nv_inference_exec_count") == 1
    assert value("nv_inference_request_duration_us") == 30
    assert value("nv_inference_queue_duration_us") == 7
    assert value("nv_inference_compute_input_duration_us") == 2
    assert value("nv_inference_compute_infer_duration_us") == 8
    assert value("nv_inference_compute_output_duration_us") == 4
    assert value("nv_inference_pending_request_count") == 3
    assert value("nv_model_load_duration_secs") == 1.25
    failures = {reason: value("nv_inference_request_failure", reason=reason) for reason in FailureReason}
    assert failures == {"REJECTED": 1, "CANCELED": 0, "BACKEND": 0, "OTHER": 0}
    assert families["nv_inference_count"].value(model="m", version="2") == 0


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "new\nline", "a,b=c}", "é", " "])
def test_any_name_is_a_label(name: str) -> None:
    families = parse_metrics(render_metrics([model(name)]))
    assert families["nv_inference_count"].value(model=name, version="1") == 0


def tagged(**tags: str) -> Model:
    made: Model = model()
    for key, value in tags.items():
        made.config.metric_tags[key] = value
    return made


def test_tags_are_labels() -> None:
    families = parse_metrics(render_metrics([tagged(team="a", Owner='b"')]))
    assert families["nv_inference_count"].value(model="m", version="1", _team="a", _Owner='b"') == 0


@pytest.mark.parametrize("key", ["a-b", "a.b", "a b", "é", 'a"', "", "a\nb", "1"])
def test_a_tag_that_is_no_label_does_not_spoil_the_rest(key: str) -> None:
    families = parse_metrics(render_metrics([tagged(**{key: "x"}), model("other")]))
    assert families["nv_inference_count"].value(model="other", version="1") == 0
