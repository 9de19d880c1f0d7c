"""Deadlines of many calls with one timer."""

from __future__ import annotations

import asyncio

from naiad.engine.execution import clock_ns
from naiad.server.deadlines import Deadlines

MS_NS = 1_000_000


class Call:
    """Something that expires."""

    def __init__(self, deadline_ns: int, expired: list[Call]) -> None:
        self.deadline_ns = deadline_ns
        self._expired = expired

    def expire(self) -> None:
        assert clock_ns() >= self.deadline_ns
        self._expired.append(self)


async def test_calls_expire_in_order_and_those_that_are_over_do_not() -> None:
    deadlines, expired = Deadlines(), list[Call]()
    now_ns = clock_ns()
    calls = [Call(now_ns + ms * MS_NS, expired) for ms in (90, 1, 40, 20, -5)]
    for call in calls:
        deadlines.add(call)
    deadlines.discard(calls[2])
    async with asyncio.timeout(5):
        while len(expired) < 4:
            await asyncio.sleep(0)
    assert expired == [calls[4], calls[1], calls[3], calls[0]]
    assert clock_ns() - now_ns < 3000 * MS_NS


async def test_calls_that_come_and_go_leave_nothing() -> None:
    deadlines, expired = Deadlines(), list[Call]()
    now_ns = clock_ns()
    for hours in range(20_000):
        call = Call(now_ns + hours * 3_600_000_000_000 + 10**12, expired)
        deadlines.add(call)
        deadlines.discard(call)
    assert not deadlines._slots
    assert len(deadlines._order) <= 1001
    deadlines.close()


async def test_one_that_was_never_added() -> None:
    deadlines = Deadlines()
    deadlines.discard(Call(1, []))
    deadlines.close()
