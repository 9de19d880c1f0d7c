"""The requests of a worker that have not run yet: how many there may be, how long they may wait, and how long run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from naiad.engine.execution import clock_ns
from naiad.scoring.job import Job
from naiad.scoring.score_response import ScoreResponse, error_response

_INTERRUPT_AGAIN_NS: Final = 1_000_000_000
_SLOW_NS: Final = 5_000_000
_RUNS_REMEMBERED: Final = 8

logger = logging.getLogger("azmlinfsrv")


class Runner(Protocol):
    """Runs the script, in the order in which requests come."""

    def start(self, job: Job) -> None:
        """Run it, now or when it is its turn, unless it is answered by then; then call the queue's `finished`."""

    def interrupt(self, job: Job) -> None:
        """Its `run()` takes too long: end it if that can be done. Called again and again while it goes on."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """What is refused.

    Attributes:
        scoring_timeout_ms: how long `run()` may take; 0 for as long as it likes.
        in_flight: requests that do not count as waiting.
        max_wait_ms: how long the others may wait; None for as long as it takes.
        max_queued: how many may wait.
        timeout_status: of the answer to a request whose `run()` takes too long.
        is_shared: other workers could have run what waits here.
    """

    scoring_timeout_ms: int = 3_600_000
    in_flight: int = 1
    max_wait_ms: int | None = None
    max_queued: int = 10_000
    timeout_status: int = 500
    is_shared: bool = False


class ScoreQueue:
    """Takes requests, sees to it that each is answered in time, and lets a runner answer them.

    Lives on the loop.

    Args:
        runner: of the script.
        limits: what is refused.

    Attributes:
        on_idle: called when nothing is left to do.
    """

    def __init__(self, runner: Runner, limits: QueueLimits) -> None:
        self._runner = runner
        self._limits = limits
        self._timeout_ns = limits.scoring_timeout_ms * 1_000_000
        self._max_wait_ns = None if limits.max_wait_ms is None else limits.max_wait_ms * 1_000_000
        # Nothing that comes from now on can be too late before this has passed.
        self._period_ns = min(filter(None, (self._timeout_ns, self._max_wait_ns)), default=0)
        # In the order of arrival, which is that of running.
        self._jobs: dict[Job, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._run_ns = float(_SLOW_NS)  # until it is known better
        self._idle = asyncio.Event()
        self._closed = ""
        self.on_idle: Callable[[], None] | None = None

    def __len__(self) -> int:
        """How many requests run or wait to."""
        return len(self._jobs)

    @property
    def run_s(self) -> float:
        """How long a request takes lately; at least as long as the oldest has been running."""
        first = next(iter(self._jobs), None)
        running_ns = clock_ns() - first.started_ns if first is not None and first.started_ns else 0
        return max(self._run_ns, running_ns) / 1e9

    def submit(self, job: Job) -> None:
        """Take a request on, or refuse it."""
        limits, waiting = self._limits, len(self._jobs) - self._limits.in_flight
        if self._closed:
            self._answer(job, _refusal(503, self._closed))
            return
        if waiting >= limits.max_queued:
            self._answer(job, _refusal(429, f"Too many requests: {waiting} are waiting already."))
            return
        if waiting >= 0 and self._max_wait_ns == 0:
            self._answer(job, self._waited())
            return
        self._jobs[job] = None
        self._runner.start(job)
        if self._timer is None and self._period_ns:
            self._wake_in(self._period_ns)

    def finished(self, job: Job, response: ScoreResponse | None) -> None:
        """The runner is done with a request.

        Args:
            job: the request.
            response: its answer; None when it has been given already.
        """
        self._jobs.pop(job, None)
        self._run_ns += (clock_ns() - job.started_ns - self._run_ns) / _RUNS_REMEMBERED
        if response is not None:
            if self._limits.is_shared and self._jobs and self._run_ns > _SLOW_NS:
                job.reply.close_afterwards()  # the client's next request finds a worker that has time
            self._answer(job, response)
        if not self._jobs:
            self._idle.set()
            if self.on_idle is not None:
                self.on_idle()

    async def idle(self) -> None:
        """Wait until nothing is left to do."""
        while self._jobs:
            self._idle.clear()
            await self._idle.wait()

    def abandon(self, job: Job) -> None:
        """Its client is gone; it need not run if it does not yet."""
        job.is_answered = True
        if not job.started_ns:
            self._jobs.pop(job, None)

    def close(self, message: str) -> None:
        """Nothing runs any more: answer everything that is not answered, and what comes, with this reason."""
        self._closed = message
        for job in list(self._jobs):
            if job.started_ns:
                self._answer(job, error_response(500, message, run_function_failed=True))
            else:
                del self._jobs[job]
                self._answer(job, _refusal(503, message))

    def _answer(self, job: Job, response: ScoreResponse) -> None:
        if not job.is_answered:
            job.is_answered = True
            job.reply.answer(response)

    def _watch(self) -> None:
        """Answer what has taken too long, and come back before anything else can have: no timer for each request."""
        now_ns = clock_ns()
        next_ns = self._expire(now_ns)
        self._timer = None
        if self._jobs:
            self._wake_in(next_ns - now_ns)

    def _wake_in(self, delay_ns: int) -> None:
        self._timer = asyncio.get_running_loop().call_later(max(delay_ns, 1_000_000) / 1e9, self._watch)

    def _expire(self, now_ns: int) -> int:
        """Answer what has taken too long; the next moment at which something may have."""
        next_ns = now_ns + self._period_ns
        overdue: list[Job] = []
        late: list[Job] = []
        for position, job in enumerate(self._jobs):
            deadline_ns = self._deadline_ns(job, position)
            if deadline_ns is None:
                continue
            if deadline_ns > now_ns:
                next_ns = min(next_ns, deadline_ns)
            elif job.started_ns:
                overdue.append(job)
            else:
                late.append(job)
        for job in late:
            self._jobs.pop(job, None)
            self._answer(job, self._waited())
        for job in overdue:
            if not job.is_answered:
                logger.error("Scoring timeout after %d ms", self._limits.scoring_timeout_ms)
                self._answer(job, self._timed_out())
            self._runner.interrupt(job)
            next_ns = min(next_ns, now_ns + _INTERRUPT_AGAIN_NS)
        return next_ns

    def _deadline_ns(self, job: Job, position: int) -> int | None:
        if job.is_streaming:
            return None
        if job.started_ns:
            return job.started_ns + self._timeout_ns if self._timeout_ns else None
        if position < self._limits.in_flight or self._max_wait_ns is None:
            return None
        return job.arrived_ns + self._max_wait_ns

    def _timed_out(self) -> ScoreResponse:
        message = f"Scoring timeout after {self._limits.scoring_timeout_ms} ms"
        return error_response(self._limits.timeout_status, message, run_function_failed=True)

    def _waited(self) -> ScoreResponse:
        return _refusal(503, f"The service is busy: the request waited {self._limits.max_wait_ms} ms for its turn.")


def _refusal(status: int, message: str) -> ScoreResponse:
    response = error_response(status, message)
    response.headers.append(("Retry-After", "1"))
    return response
