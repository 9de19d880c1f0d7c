"""A model instance's thread, for batches that are too slow for the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

from naiad.engine.execution import Batch, Executor


class InstanceThread:
    """Runs one batch at a time and reports back to the loop. The thread starts with its first batch.

    Args:
        name: of the instance (`{group}_{i}`), which the thread carries.
        executor: what runs a batch.
        loop: where `done` is called.
        done: told when a batch has run, and how many nanoseconds of processor time this thread spent on it. Processor
            time, because waiting for the interpreter's lock under load says nothing about the model.
    """

    def __init__(
        self,
        name: str,
        executor: Executor,
        loop: asyncio.AbstractEventLoop,
        done: Callable[[InstanceThread, Batch, int], None],
    ) -> None:
        self.name = name
        self._executor = executor
        self._loop = loop
        self._done = done
        self._batches: SimpleQueue[Batch | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, batch: Batch) -> None:
        """Run the batch; `done` follows on the loop."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
            self._thread.start()
        self._batches.put(batch)

    def stop(self) -> None:
        """End the thread after what it is doing, without waiting for it."""
        if self._thread is not None:
            self._batches.put(None)

    def _work(self) -> None:
        while self._run(self._batches.get()):
            pass

    def _run(self, batch: Batch | None) -> bool:
        """Run one batch; False when there is nothing more to do. A thread that waits holds no batch: its tensors may
        be large, and shared memory that a client has taken back."""
        if batch is None:
            return False
        started = time.thread_time_ns()
        self._executor.run(batch)
        busy_ns = time.thread_time_ns() - started
        try:
            self._loop.call_soon_threadsafe(self._done, self, batch, busy_ns)
        except RuntimeError:
            return False  # the loop is closed: the server is gone and so is everybody who waited
        return True
