"""The threads in which models load."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class LoadPool:
    """Runs slow functions off the event loop, and knows what is still running.

    Args:
        threads: functions that run at a time.
    """

    def __init__(self, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="model-load")
        self._running: set[Future[Any]] = set()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result."""
        future = self._executor.submit(function, *args, **kwargs)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return await asyncio.wrap_future(future)

    async def close(self) -> None:
        """Wait until nothing runs, what nobody waits for any more included; nothing can be run after that."""
        await asyncio.gather(*(asyncio.wrap_future(future) for future in tuple(self._running)), return_exceptions=True)
        self._executor.shutdown(wait=False)
