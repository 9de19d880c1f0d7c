"""How long batches of a model take, and so where they should run: on the event loop, or in an instance's thread."""

from __future__ import annotations

NEVER_NS = 0
"""A limit that keeps every batch off the event loop."""
ALWAYS_NS = 1 << 62
"""A limit that keeps every batch on it, the first one too."""

_SMOOTHING = 0.2


class Pace:
    """A running estimate of a model's time per batch, by batch size.

    A thread hop costs more than a small model (fast-path.md), and a slow model on the loop would hold up everybody
    else. Sizes fall into power-of-two classes; a class without a sample borrows from the nearest smaller one, doubled
    for each step: an upper bound, since batching never costs more than its parts.

    Args:
        inline_below_ns: batches that are expected to take less run on the loop. A model that never was measured runs
            in a thread first.
    """

    __slots__ = ("_estimates_ns", "inline_below_ns")

    def __init__(self, inline_below_ns: int) -> None:
        self.inline_below_ns = inline_below_ns
        self._estimates_ns: list[float] = []

    def record(self, rows: int, taken_ns: int) -> None:
        """Note that a batch of `rows` kept a processor busy for `taken_ns`."""
        size_class = rows.bit_length()
        estimates = self._estimates_ns
        while len(estimates) <= size_class:
            estimates.append(0.0)
        known = estimates[size_class]
        estimates[size_class] = known + (taken_ns - known) * _SMOOTHING if known else float(taken_ns)

    def estimate_ns(self, rows: int) -> float:
        """What a batch of `rows` is expected to take; 0 when nothing is known."""
        size_class = rows.bit_length()
        estimates = self._estimates_ns
        if size_class < len(estimates) and estimates[size_class]:
            return estimates[size_class]
        for smaller in range(min(size_class, len(estimates)) - 1, -1, -1):
            if estimates[smaller]:
                return estimates[smaller] * float(1 << (size_class - smaller))
        return 0.0

    def is_inline(self, rows: int) -> bool:
        """Whether a batch of `rows` should run on the event loop."""
        return (self.estimate_ns(rows) or ALWAYS_NS - 1) < self.inline_below_ns
