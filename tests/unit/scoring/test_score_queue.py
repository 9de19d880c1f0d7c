"""The queue of a worker: what it refuses, what it answers in the script's stead, and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from naiad.scoring.job import Job
from naiad.scoring.score_queue import QueueLimits, ScoreQueue
from naiad.scoring.score_request import ScoreRequest
from naiad.scoring.score_response import ScoreResponse

OK = ScoreResponse(200, b"ok", [])


class Reply:
    def __init__(self) -> None:
        self.responses: list[ScoreResponse] = []
        self.closes = False

    def watch(self, *, lost: Callable[[], Any], writable: Callable[[], Any] | None = None) -> None: ...

    def close_afterwards(self) -> None:
        self.closes = True

    def answer(self, response: ScoreResponse) -> None:
        self.responses.append(response)

    def begin(self, response: ScoreResponse) -> None: ...

    def send(self, piece: bytes) -> bool:
        return True

    def end(self) -> None: ...

    def abort(self) -> None: ...

    @property
    def statuses(self) -> list[int]:
        return [response.status for response in self.responses]


class Runner:
    def __init__(self) -> None:
        self.started: list[Job] = []
        self.interrupted: list[Job] = []

    def start(self, job: Job) -> None:
        self.started.append(job)

    def interrupt(self, job: Job) -> None:
        self.interrupted.append(job)


class Worker:
    """A queue, its runner, and jobs for it."""

    def __init__(self, **limits: Any) -> None:
        self.runner = Runner()
        self.queue = ScoreQueue(self.runner, QueueLimits(**limits))
        self.idle = 0
        self.queue.on_idle = self._count

    def _count(self) -> None:
        self.idle += 1

    def submit(self, *, started: bool = False) -> tuple[Job, Reply]:
        reply = Reply()
        job = Job(ScoreRequest("POST", "/score", b"", [], b""), reply, time.monotonic_ns())
        self.queue.submit(job)
        if started:
            job.started_ns = time.monotonic_ns()
        return job, reply


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_job_is_started_and_its_answer_given_once() -> None:
    worker = Worker()
    job, reply = worker.submit(started=True)
    assert worker.runner.started == [job]
    worker.queue.finished(job, OK)
    worker.queue.finished(job, OK)
    assert reply.responses == [OK]
    assert len(worker.queue) == 0
    assert worker.idle == 2


async def test_one_more_than_may_wait_is_429() -> None:
    worker = Worker(max_queued=2)
    replies = [worker.submit()[1] for _ in range(4)]
    assert [reply.statuses for reply in replies] == [[], [], [], [429]]
    assert ("Retry-After", "1") in replies[3].responses[0].headers
    assert len(worker.runner.started) == 3


async def test_nobody_waits_where_waiting_is_not_allowed() -> None:
    worker = Worker(max_wait_ms=0, in_flight=2)
    replies = [worker.submit()[1] for _ in range(3)]
    assert [reply.statuses for reply in replies] == [[], [], [503]]


async def test_only_those_that_wait_are_refused_when_they_wait_too_long() -> None:
    worker = Worker(max_wait_ms=20, in_flight=2)
    running, reply = worker.submit(started=True)
    (_, next_reply), (_, late_reply), (_, gone_reply) = (worker.submit() for _ in range(3))
    worker.queue.abandon(worker.runner.started[3])
    await until(lambda: late_reply.responses)
    assert late_reply.statuses == [503]
    assert (reply.statuses, next_reply.statuses, gone_reply.statuses) == ([], [], [])
    worker.queue.finished(running, OK)
    assert len(worker.queue) == 1


@pytest.mark.parametrize("status", [500, 504])
async def test_a_run_that_takes_too_long_is_answered_and_interrupted(status: int) -> None:
    worker = Worker(scoring_timeout_ms=20, timeout_status=status)
    job, reply = worker.submit(started=True)
    waiting, waiting_reply = worker.submit()
    await until(lambda: reply.responses)
    assert reply.statuses == [status]
    assert b"Scoring timeout after 20 ms" in bytes(reply.responses[0].body)  # type: ignore[arg-type]
    assert worker.runner.interrupted == [job]
    worker.queue.finished(job, OK)
    assert reply.statuses == [status]
    assert waiting_reply.statuses == []
    worker.queue.finished(waiting, OK)
    assert waiting_reply.statuses == [200]


async def test_a_stream_may_take_as_long_as_it_likes() -> None:
    worker = Worker(scoring_timeout_ms=5)
    job, reply = worker.submit(started=True)
    job.is_answered = job.is_streaming = True
    other, other_reply = worker.submit(started=True)
    await until(lambda: other_reply.responses)
    assert worker.runner.interrupted == [other]
    assert reply.statuses == []


async def test_a_queue_that_is_closed_answers_everybody() -> None:
    worker = Worker()
    (job, running), (_, waiting) = worker.submit(started=True), worker.submit()
    worker.queue.close("Over.")
    assert (running.statuses, waiting.statuses) == ([500], [503])
    assert worker.submit()[1].statuses == [503]
    assert len(worker.runner.started) == 2
    idle = asyncio.ensure_future(worker.queue.idle())
    await asyncio.sleep(0)
    assert not idle.done()
    worker.queue.finished(job, OK)
    await idle
    assert running.statuses == [500]


@pytest.mark.parametrize(("shared", "run_ms", "closes"), [(True, 40, True), (True, 0, False), (False, 40, False)])
async def test_a_slow_crowded_worker_sends_its_clients_to_others(shared: bool, run_ms: int, closes: bool) -> None:
    worker = Worker(is_shared=shared)
    for _ in range(40):
        job, _ = worker.submit(started=True)
        job.started_ns -= run_ms * 1_000_000
        worker.queue.finished(job, OK)
    job, reply = worker.submit(started=True)
    job.started_ns -= run_ms * 1_000_000
    worker.submit()
    worker.queue.finished(job, OK)
    assert reply.closes is closes
