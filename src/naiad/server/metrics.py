"""Prometheus metrics: the engine's plain counters, rendered when somebody scrapes (triton.md §6.1).

The text is written here because Triton's counters do not end in `_total`, which the Prometheus client adds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

import psutil

from naiad.engine.engine import Engine
from naiad.engine.model import Model
from naiad.errors import MethodNotAllowedError, NotFoundError
from naiad.server.exchange import Exchange
from naiad.server.request_head import RequestHead
from naiad.server.response import Response

_CONTENT_TYPE: Final = b"text/plain; charset=utf-8"

_NOT_IN_LABELS: Final = re.compile(r"[^a-zA-Z0-9_]")

Sample = tuple[dict[str, str], float]

_PER_MODEL: Final[tuple[tuple[str, str, str, Callable[[Model], float]], ...]] = (
    (
        "nv_inference_request_success",
        "counter",
        "Number of successful inference requests, all batch sizes",
        lambda model: model.statistics.success.count,
    ),
    (
        "nv_inference_count",
        "counter",
        "Number of inferences performed (does not include cached requests)",
        lambda model: model.statistics.inference_count,
    ),
    (
        "nv_inference_exec_count",
        "counter",
        "Number of model executions performed (does not include cached requests)",
        lambda model: model.statistics.execution_count,
    ),
    (
        "nv_inference_request_duration_us",
        "counter",
        "Cumulative inference request duration in microseconds (includes cached requests)",
        lambda model: model.statistics.success.ns // 1000,
    ),
    (
        "nv_inference_queue_duration_us",
        "counter",
        "Cumulative inference queuing duration in microseconds (includes cached requests)",
        lambda model: model.statistics.queue.ns // 1000,
    ),
    (
        "nv_inference_compute_input_duration_us",
        "counter",
        "Cumulative compute input duration in microseconds (does not include cached requests)",
        lambda model: model.statistics.compute_input.ns // 1000,
    ),
    (
        "nv_inference_compute_infer_duration_us",
        "counter",
        "Cumulative compute inference duration in microseconds (does not include cached requests)",
        lambda model: model.statistics.compute_infer.ns // 1000,
    ),
    (
        "nv_inference_compute_output_duration_us",
        "counter",
        "Cumulative inference compute output duration in microseconds (does not include cached requests)",
        lambda model: model.statistics.compute_output.ns // 1000,
    ),
    (
        "nv_inference_pending_request_count",
        "gauge",
        "Instantaneous number of pending requests awaiting execution per-model.",
        lambda model: model.scheduler.pending,
    ),
    (
        "nv_model_load_duration_secs",
        "gauge",
        "Model load time in seconds",
        lambda model: model.statistics.load_seconds,
    ),
)


class MetricsRoutes:
    """The application behind the metrics port: `GET /metrics`.

    Args:
        engine: whose models are counted.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def handle(self, connection: Exchange, head: RequestHead, body: bytes | memoryview, arrived_ns: int) -> Response:
        """Answer one request.

        Raises:
            NotFoundError, MethodNotAllowedError: it is not `GET /metrics`.
        """
        if head.path != b"/metrics":
            raise NotFoundError("Not Found")
        if head.method != "GET":
            raise MethodNotAllowedError("Method Not Allowed")
        return self.metrics()

    def metrics(self, name: str = "", version: str = "", body: bytes | memoryview = b"") -> Response:
        """Answer `GET /metrics`, on whichever port; a path without name and version takes no notice of a body."""
        return Response(200, render_metrics(list(self._engine.ready_models())).encode(), _CONTENT_TYPE)


def render_metrics(models: Iterable[Model]) -> str:
    """All series of these models and of the machine, in Prometheus' text format 0.0.4."""
    models = list(models)
    families = [
        _family(name, kind, text, [(_labels(model), read(model)) for model in models])
        for name, kind, text, read in _PER_MODEL
    ]
    failures: list[Sample] = [
        (_labels(model, reason=str(reason)), count)
        for model in models
        for reason, count in model.statistics.failures.items()
    ]
    families.append(
        _family(
            "nv_inference_request_failure",
            "counter",
            "Number of failed inference requests, all batch sizes",
            failures,
        )
    )
    memory = psutil.virtual_memory()
    machine = (
        ("nv_cpu_utilization", "CPU utilization rate [0.0 - 1.0]", psutil.cpu_percent() / 100),
        ("nv_cpu_memory_total_bytes", "CPU total memory (RAM), in bytes", memory.total),
        ("nv_cpu_memory_used_bytes", "CPU used memory (RAM), in bytes", memory.used),
    )
    families += [_family(name, "gauge", text, [({}, value)]) for name, text, value in machine]
    return "".join(families)


def _labels(model: Model, **more: str) -> dict[str, str]:
    """The labels of a model's series, by name; `metric_tags` of its configuration are among them.

    One name that is none, and a scraper would refuse the metrics of all models.
    """
    tags = {f"_{_NOT_IN_LABELS.sub('_', key)}": value for key, value in model.config.metric_tags.items()}
    return dict(sorted({"model": model.name, "version": model.version, **tags, **more}.items()))


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escape(label)}"' for key, label in labels.items())
        lines.append(f"{name}{{{inner}}} {value}" if inner else f"{name} {value}")
    return "\n".join(lines) + "\n"


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
