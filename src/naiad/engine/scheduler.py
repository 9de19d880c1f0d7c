"""Drives one model version: requests in, batches to the loop or to instance threads, answers out.

Run to completion: `enqueue` only queues and asks the loop for a turn; when that turn comes, every socket that was
readable has been parsed, so the batch is as large as the traffic makes it (DESIGN §3.1–3.3).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from naiad.engine.dynamic_batcher import DynamicBatcher
from naiad.engine.execution import Batch, Executor, clock_ns
from naiad.engine.instance import InstanceThread
from naiad.engine.pace import Pace
from naiad.engine.request import InferRequest
from naiad.engine.request_trace import TracedSink
from naiad.engine.statistics import FailureReason, ModelStatistics
from naiad.errors import CancelledError, NaiadError, UnavailableError

logger = logging.getLogger(__name__)


class Scheduler:
    """The queue and the instances of one model version. Everything here runs on the event loop.

    Args:
        loop: the event loop.
        batcher: decides what runs together.
        executor: runs a batch.
        instances: names of the instances; as many batches run at a time.
        pace: where a batch runs.
        statistics: counted here.
        preserve_ordering: answers leave in arrival order.

    Attributes:
        traced: how many of the requests in here are traced.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        batcher: DynamicBatcher,
        executor: Executor,
        instances: Sequence[str],
        pace: Pace,
        statistics: ModelStatistics,
        preserve_ordering: bool,
    ) -> None:
        self._loop = loop
        self._batcher = batcher
        self._executor = executor
        self._pace = pace
        self._statistics = statistics
        self._threads: dict[str, InstanceThread] = {}
        self._idle: list[InstanceThread] = []
        self._turn_asked = False
        self._running: deque[Batch] | None = deque() if preserve_ordering else None
        self._finished: set[Batch] = set()
        self._working: set[Batch] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        self._stopped: asyncio.Future[None] | None = None
        self.traced = 0
        self.resize(instances)

    def enqueue(self, request: InferRequest) -> None:
        """Queue a request; its sink hears of it later.

        Raises:
            UnavailableError: the queue is full, or the scheduler is stopping.
        """
        if self._stopped is not None:
            raise UnavailableError(
                f"{request.log_prefix}Server is stopping, scheduler for model has stopped accepting new "
                "inference requests"
            )
        try:
            self._batcher.enqueue(request)
        except UnavailableError:
            self._statistics.count_failure(FailureReason.REJECTED, 0)
            raise
        if not self._turn_asked and self._idle:
            self._turn_asked = True
            self._loop.call_soon(self._turn)
        elif request.deadline_ns:
            self._arm(request.deadline_ns)

    def resize(self, instances: Sequence[str]) -> None:
        """Have these instances from now on; one that is dropped finishes its batch first."""
        for name in self._threads.keys() - set(instances):
            dropped = self._threads.pop(name)
            dropped.stop()
            if dropped in self._idle:
                self._idle.remove(dropped)
        for name in reversed(instances):
            if name not in self._threads:
                added = InstanceThread(name, self._executor, self._loop, self._thread_done)
                self._threads[name] = added
                self._idle.append(added)
        if self._batcher and not self._turn_asked:
            self._turn_asked = True
            self._loop.call_soon(self._turn)

    def cancel(self, request: InferRequest) -> None:
        """Nobody waits for this request any more: it is skipped if it still queues, and counted as cancelled."""
        if not request.cancelled:
            request.cancelled = True
            if isinstance(request.sink, TracedSink):
                request.sink.cancelled()
            self._statistics.count_failure(FailureReason.CANCELED, clock_ns() - request.arrived_ns)

    async def stop(self) -> None:
        """Take no more requests, finish those that are queued or running, and end the threads."""
        if self._stopped is None:
            self._stopped = self._loop.create_future()
            self._settle()
        await self._stopped

    @property
    def pending(self) -> int:
        """Requests that wait to be executed."""
        return len(self._batcher)

    @property
    def is_busy(self) -> bool:
        """Whether anything is queued or running."""
        return bool(self._batcher) or bool(self._working)

    def _turn(self) -> None:
        self._turn_asked = False
        while self._idle:
            decided = self._batcher.next_batch(clock_ns())
            if self._batcher.expired:
                self._refuse_expired()
            if isinstance(decided, int):
                deadline_ns = self._batcher.earliest_deadline_ns()
                if wake_ns := min(decided or deadline_ns, deadline_ns or decided):
                    self._arm(wake_ns)
                break
            batch = Batch(decided)
            if self._running is not None:
                self._running.append(batch)
            if self._pace.is_inline(batch.rows):
                self._run_inline(batch)
                break
            self._statistics.threaded_count += 1
            self._working.add(batch)
            self._idle.pop().submit(batch)
        else:
            if deadline_ns := self._batcher.earliest_deadline_ns():
                self._arm(deadline_ns)
        self._settle()

    def _run_inline(self, batch: Batch) -> None:
        """One batch per turn, so that sockets are read between two."""
        self._statistics.inline_count += 1
        self._executor.run(batch)
        self._pace.record(batch.rows, clock_ns() - batch.started_ns)
        self._complete(batch)
        if self._batcher and not self._turn_asked:
            self._turn_asked = True
            self._loop.call_soon(self._turn)

    def _thread_done(self, instance: InstanceThread, batch: Batch, busy_ns: int) -> None:
        self._working.remove(batch)
        if self._threads.get(instance.name) is instance:
            self._idle.append(instance)
        self._pace.record(batch.rows, busy_ns)
        self._complete(batch)
        if self._batcher and not self._turn_asked:
            self._turn()
        else:
            self._settle()

    def _complete(self, batch: Batch) -> None:
        if self._running is None:
            self._answer(batch)
            return
        self._finished.add(batch)
        while self._running and self._running[0] in self._finished:
            oldest = self._running.popleft()
            self._finished.remove(oldest)
            self._answer(oldest)

    def _answer(self, batch: Batch) -> None:
        statistics, requests = self._statistics, batch.requests
        if batch.parts:
            for part in batch.parts:
                self._answer(part)
            return
        if self.traced:
            _note_computed(batch)
        if batch.error is not None:
            for request in requests:
                self._fail(request, batch.error, FailureReason.BACKEND)
            return
        arrivals = [request.arrived_ns for request in requests if not request.cancelled]
        count, arrived_ns = len(arrivals), sum(arrivals)
        statistics.count_batch(
            requests=count,
            rows=batch.rows,
            queue_ns=count * batch.started_ns - arrived_ns,
            input_ns=batch.input_ns,
            infer_ns=batch.infer_ns,
        )
        began_ns = clock_ns()
        if len(requests) == 1:
            if count:
                requests[0].sink.respond(requests[0], batch.outputs)
        else:
            row = 0
            for request in requests:
                end = row + request.batch_size
                if not request.cancelled:
                    request.sink.respond(request, [output[row:end] for output in batch.outputs])
                row = end
        ended_ns = clock_ns()
        statistics.count_answers(
            requests=count, rows=batch.rows, output_ns=ended_ns - began_ns, request_ns=count * ended_ns - arrived_ns
        )

    def _fail(self, request: InferRequest, error: NaiadError, reason: FailureReason) -> None:
        if not request.cancelled:
            self._statistics.count_failure(reason, clock_ns() - request.arrived_ns)
            request.sink.fail(request, error)

    def _refuse_expired(self) -> None:
        expired, self._batcher.expired = self._batcher.expired, []
        for request in expired:
            self._fail(request, UnavailableError("Request timeout expired"), FailureReason.REJECTED)

    def _arm(self, wake_ns: int) -> None:
        if self._timer is not None:
            if self._timer_ns <= wake_ns:
                return
            self._timer.cancel()
        self._timer_ns = wake_ns
        self._timer = self._loop.call_later(max(0, wake_ns - clock_ns()) / 1e9, self._wake)

    def _wake(self) -> None:
        self._timer = None
        if not self._idle:
            # No instance is free to run a batch, but requests whose time is over are told so promptly.
            self._batcher.expire(clock_ns())
            self._refuse_expired()
            if deadline_ns := self._batcher.earliest_deadline_ns():
                self._arm(deadline_ns)
        elif not self._turn_asked:
            self._turn()

    def _settle(self) -> None:
        if self._stopped is not None and not self._stopped.done() and not self.is_busy:
            if self._timer is not None:
                self._timer.cancel()
            for thread in self._threads.values():
                thread.stop()
            # They refer back to here: without them the model goes as soon as nobody needs it any more.
            self._threads.clear()
            self._idle.clear()
            self._stopped.set_result(None)

    def abandon(self) -> None:
        """Refuse everything that still queues or runs: the time to drain is over."""
        running = [request for batch in self._working for request in batch.requests]
        for request in running + self._batcher.drain():
            self._fail(request, CancelledError("Exit timeout expired. Exiting immediately."), FailureReason.CANCELED)
            request.cancelled = True


def _note_computed(batch: Batch) -> None:
    for request in batch.requests:
        if isinstance(request.sink, TracedSink):
            request.sink.computed(batch)
