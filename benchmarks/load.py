"""What one short run of load measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """One run.

    Attributes:
        rate: inferences that were answered each second.
        p50_us, p99_us: latency percentiles in microseconds.
        errors: answers that were not successes, and connections that failed.
    """

    rate: float
    p50_us: float
    p99_us: float
    errors: int = 0
