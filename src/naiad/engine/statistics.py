"""What is counted about one model version: plain integers, rendered only when somebody asks (triton.md §6).

Counted on the event loop alone, so nothing is locked.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum


class FailureReason(StrEnum):
    """The `reason` label of nv_inference_request_failure."""

    REJECTED = "REJECTED"
    CANCELED = "CANCELED"
    BACKEND = "BACKEND"
    OTHER = "OTHER"


@dataclass(slots=True)
class Duration:
    """How often something happened, and how long it took together."""

    count: int = 0
    ns: int = 0

    def add(self, count: int, ns: int) -> None:
        """Count something that happened `count` times and took `ns` together."""
        self.count += count
        self.ns += ns


@dataclass(slots=True)
class BatchTimes:
    """Executions of one batch size."""

    compute_input: Duration = field(default_factory=Duration)
    compute_infer: Duration = field(default_factory=Duration)
    compute_output: Duration = field(default_factory=Duration)


@dataclass(slots=True)
class ModelStatistics:
    """The numbers behind `GET …/stats` and the `nv_inference_*` series.

    Attributes:
        inference_count: rows inferred in successful requests.
        execution_count: batches run.
        last_inference_ms: epoch time of the last request, in milliseconds.
        inline_count, threaded_count: executions on the event loop and in an instance's thread.
    """

    inference_count: int = 0
    execution_count: int = 0
    last_inference_ms: int = 0
    inline_count: int = 0
    threaded_count: int = 0
    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    queue: Duration = field(default_factory=Duration)
    compute_input: Duration = field(default_factory=Duration)
    compute_infer: Duration = field(default_factory=Duration)
    compute_output: Duration = field(default_factory=Duration)
    failures: dict[FailureReason, int] = field(default_factory=lambda: dict.fromkeys(FailureReason, 0))
    batches: dict[int, BatchTimes] = field(default_factory=dict)
    load_seconds: float = 0.0

    def count_batch(self, *, requests: int, rows: int, queue_ns: int, input_ns: int, infer_ns: int) -> None:
        """Count one executed batch whose requests all succeeded, as far as it is known before the answers are built."""
        self.execution_count += 1
        self.inference_count += rows
        self.queue.add(requests, queue_ns)
        self.compute_input.add(requests, input_ns * requests)
        self.compute_infer.add(requests, infer_ns * requests)
        times = self.batches.get(rows)
        if times is None:
            times = self.batches[rows] = BatchTimes()
        times.compute_input.add(1, input_ns)
        times.compute_infer.add(1, infer_ns)

    def count_answers(self, *, requests: int, rows: int, output_ns: int, request_ns: int) -> None:
        """Count the building of a batch's answers and the whole time of its requests."""
        self.compute_output.add(requests, output_ns * requests)
        self.batches[rows].compute_output.add(1, output_ns)
        self.success.add(requests, request_ns)
        self.last_inference_ms = time.time_ns() // 1_000_000

    def count_failure(self, reason: FailureReason, request_ns: int) -> None:
        """Count one request that got no answer."""
        self.failures[reason] += 1
        self.fail.add(1, request_ns)
        self.last_inference_ms = time.time_ns() // 1_000_000
