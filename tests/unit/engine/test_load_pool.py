"""Functions off the loop: results, errors, and an end that knows of those that nobody waits for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from naiad.engine.load_pool import LoadPool


async def test_results_and_errors_come_back() -> None:
    pool = LoadPool(1)
    assert await pool.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await pool.run(divmod, 7, 0)
    await pool.close()


async def test_the_end_waits_for_what_nobody_waits_for() -> None:
    pool, gate, begun = LoadPool(1), threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        assert gate.wait(20)

    waiting = asyncio.ensure_future(pool.run(slow))
    await asyncio.to_thread(begun.wait, 20)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    closing = asyncio.ensure_future(pool.close())
    await asyncio.wait({closing}, timeout=0.05)
    assert not closing.done()
    gate.set()
    await asyncio.wait_for(closing, 20)


async def test_what_failed_does_not_stop_the_end() -> None:
    pool, gate = LoadPool(1), threading.Event()

    def broken() -> None:
        assert gate.wait(20)
        raise RuntimeError

    running = asyncio.ensure_future(pool.run(broken))
    await asyncio.wait({running}, timeout=0.01)
    closing = asyncio.ensure_future(pool.close())
    gate.set()
    await asyncio.wait_for(closing, 20)
    with pytest.raises(RuntimeError):
        await running
