"""Deadlines of many calls with one timer: calls that expire within the same few milliseconds lie together.

A call comes and goes at the price of a set's, whatever its deadline is (fast-path.md point 3).
"""

from __future__ import annotations

import asyncio
import heapq
from typing import Final, Protocol

from naiad.engine.execution import clock_ns

_SLOT_BITS: Final = 22  # 4 ms
_MAX_STALE_SLOTS: Final = 1000


class Expiring(Protocol):
    """Something with a deadline."""

    @property
    def deadline_ns(self) -> int:
        """Monotonic time."""

    def expire(self) -> None:
        """The deadline has passed."""


class Deadlines:
    """The calls of a server that have deadlines."""

    def __init__(self) -> None:
        self._slots: dict[int, set[Expiring]] = {}
        self._order: list[int] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_slot = 0

    def add(self, call: Expiring) -> None:
        """Have a call expire in time, at most a few milliseconds late."""
        slot = (call.deadline_ns >> _SLOT_BITS) + 1
        calls = self._slots.get(slot)
        if calls is None:
            calls = self._slots[slot] = set()
            heapq.heappush(self._order, slot)
            if self._timer is None or slot < self._timer_slot:
                self._arm()
        calls.add(call)

    def discard(self, call: Expiring) -> None:
        """A call is over."""
        slot = (call.deadline_ns >> _SLOT_BITS) + 1
        calls = self._slots.get(slot)
        if calls is None:
            return
        calls.discard(call)
        if not calls:
            del self._slots[slot]
            if len(self._order) > 2 * len(self._slots) + _MAX_STALE_SLOTS:
                self._order = sorted(self._slots)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._order:
            self._timer_slot = self._order[0]
            wait_ns = (self._timer_slot << _SLOT_BITS) - clock_ns()
            self._timer = asyncio.get_running_loop().call_later(max(0, wait_ns) / 1e9, self._expire)

    def _expire(self) -> None:
        slot = clock_ns() >> _SLOT_BITS
        while self._order and self._order[0] <= slot:
            for call in tuple(self._slots.pop(heapq.heappop(self._order), ())):
                call.expire()
        self._arm()
