"""The scheduler on a real event loop, with a runtime that waits at a gate."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import uvloop

from naiad.backends.base import Array
from naiad.engine.dynamic_batcher import BatchingPolicy, DynamicBatcher, QueuePolicy
from naiad.engine.execution import Executor, clock_ns
from naiad.engine.pace import ALWAYS_NS, NEVER_NS, Pace
from naiad.engine.request import InferRequest
from naiad.engine.scheduler import Scheduler
from naiad.engine.statistics import FailureReason, ModelStatistics
from naiad.errors import InternalError, InvalidArgumentError, UnavailableError
from tests.support.engine import GatedRuntime, RecordingSink, infer_request, spec

MS = 1_000_000
DEADLINE_S = 10.0


class Bench:
    """A scheduler, its runtime, and what became of the requests it was given."""

    def __init__(self, *, inline: bool = True, instances: int = 1, preserve_ordering: bool = False, **policy: Any):
        self.runtime = GatedRuntime()
        self.sink = RecordingSink()
        self.statistics = ModelStatistics()
        tensors = [spec("x", "INT64", (1,))]
        self.scheduler = Scheduler(
            asyncio.get_running_loop(),
            batcher=DynamicBatcher(BatchingPolicy(**{"max_batch_size": 8, "merges": True, **policy})),
            executor=Executor(tensors, tensors, batched=True, execute=self.runtime),
            instances=[f"m_{index}" for index in range(instances)],
            pace=Pace(ALWAYS_NS if inline else NEVER_NS),
            statistics=self.statistics,
            preserve_ordering=preserve_ordering,
        )

    def enqueue(self, *values: int, **fields: Any) -> InferRequest:
        """Queue a request of one row per value."""
        request = infer_request(
            np.array(values, np.int64).tobytes(),
            sink=self.sink,
            shapes=[(len(values), 1)],
            rows=len(values),
            arrived_ns=clock_ns(),
            **fields,
        )
        self.scheduler.enqueue(request)
        return request

    async def told(self, count: int) -> None:
        """Wait until so many requests have heard how they ended."""
        await until(lambda: len(self.sink.order) >= count)

    @contextmanager
    def shut_gate(self) -> Iterator[None]:
        """The runtime waits inside."""
        self.runtime.gate.clear()
        try:
            yield
        finally:
            self.runtime.gate.set()

    def values(self, request: InferRequest) -> list[int]:
        """The answer of a request."""
        (output,) = self.sink.answers[request]
        return [int(value) for value in output.ravel()]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # instances report from threads
            await asyncio.sleep(0.001)


def on_a_loop(test: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(test(), DEADLINE_S))


@pytest.mark.parametrize("inline", [True, False])
def test_what_comes_in_one_turn_of_the_loop_runs_together(*, inline: bool) -> None:
    async def test() -> None:
        bench = Bench(inline=inline)
        requests = [bench.enqueue(1), bench.enqueue(2, 3), bench.enqueue(4)]
        await bench.told(3)
        assert bench.runtime.batches == [4]
        assert [bench.values(request) for request in requests] == [[1], [2, 3], [4]]
        assert (bench.statistics.inline_count, bench.statistics.threaded_count) == (int(inline), int(not inline))
        await bench.scheduler.stop()

    on_a_loop(test)


def test_nothing_runs_inside_enqueue() -> None:
    async def test() -> None:
        bench = Bench()
        bench.enqueue(1)
        assert bench.runtime.batches == []
        assert bench.scheduler.pending == 1
        await bench.told(1)
        assert bench.scheduler.pending == 0

    on_a_loop(test)


def test_while_all_instances_are_busy_the_next_batch_grows() -> None:
    async def test() -> None:
        bench = Bench(inline=False, instances=2)
        with bench.shut_gate():
            bench.enqueue(1)
            await until(lambda: bench.runtime.batches == [1])
            bench.enqueue(2)
            await until(lambda: bench.runtime.batches == [1, 1])
            for value in range(3, 8):
                bench.enqueue(value)
            await asyncio.sleep(0)
            assert bench.runtime.batches == [1, 1]
            assert bench.scheduler.pending == 5
        await bench.told(7)
        assert bench.runtime.batches == [1, 1, 5]
        await bench.scheduler.stop()

    on_a_loop(test)


def test_stop_finishes_what_is_queued_and_running_and_takes_no_more() -> None:
    async def test() -> None:
        bench = Bench(inline=False, delay_ns=20 * MS)
        with bench.shut_gate():
            bench.enqueue(*range(8))
            await until(lambda: bench.runtime.batches == [8])
            bench.enqueue(1)
            stopping = asyncio.ensure_future(bench.scheduler.stop())
            await asyncio.sleep(0)
            with pytest.raises(UnavailableError) as caught:
                bench.enqueue(2, identity="r")
            assert caught.value.message == (
                "[request id: r] Server is stopping, scheduler for model has stopped accepting new inference requests"
            )
            assert not stopping.done()
        await stopping
        assert len(bench.sink.answers) == 2
        assert not bench.scheduler.is_busy
        await until(lambda: not any(thread.name.startswith("m_") for thread in threading.enumerate()))

    on_a_loop(test)


def test_stop_of_an_idle_scheduler_is_immediate_and_may_be_repeated() -> None:
    async def test() -> None:
        bench = Bench()
        await bench.scheduler.stop()
        await bench.scheduler.stop()

    on_a_loop(test)


def test_a_cancelled_request_that_waits_is_not_run() -> None:
    async def test() -> None:
        bench = Bench(inline=False)
        with bench.shut_gate():
            bench.enqueue(1)
            await until(lambda: bench.runtime.batches == [1])
            waiting = bench.enqueue(2)
            bench.scheduler.cancel(waiting)
            bench.scheduler.cancel(waiting)
        await bench.scheduler.stop()
        assert bench.runtime.batches == [1]
        assert waiting not in bench.sink.order
        assert bench.statistics.failures[FailureReason.CANCELED] == 1
        assert (bench.statistics.success.count, bench.statistics.fail.count) == (1, 1)

    on_a_loop(test)


def test_a_request_that_is_cancelled_while_it_runs_is_not_told_and_the_others_are() -> None:
    async def test() -> None:
        bench = Bench(inline=False)
        with bench.shut_gate():
            kept, gone = bench.enqueue(1), bench.enqueue(2)
            await until(lambda: bench.runtime.batches == [2])
            bench.scheduler.cancel(gone)
        await bench.scheduler.stop()
        assert bench.sink.order == [kept]
        assert bench.values(kept) == [1]
        assert bench.statistics.success.count == 1
        assert bench.statistics.failures[FailureReason.CANCELED] == 1

    on_a_loop(test)


@pytest.mark.parametrize("inline", [True, False], ids=["inline", "thread"])
def test_one_bad_request_does_not_cost_the_others_of_its_batch_their_answers(inline: bool) -> None:
    async def test() -> None:
        bench = Bench(inline=inline)

        def picky(arrays: Sequence[Array | None]) -> list[Array]:
            (array,) = arrays
            assert array is not None
            if 13 in array:
                raise InvalidArgumentError("not that one")
            return [array]

        bench.runtime.transform = picky
        good, bad, better = bench.enqueue(1), bench.enqueue(13), bench.enqueue(2)
        await bench.scheduler.stop()
        assert bench.runtime.batches == [3, 1, 1, 1]
        assert [bench.values(good), bench.values(better)] == [[1], [2]]
        assert bench.sink.failures[bad].message == "not that one"
        assert (bench.statistics.success.count, bench.statistics.failures[FailureReason.BACKEND]) == (2, 1)

    on_a_loop(test)


def timed(**policy: Any) -> Bench:
    return Bench(inline=False, default_policy=QueuePolicy(timeout_ns=20 * MS), **policy)


def assert_expired(bench: Bench, request: InferRequest) -> None:
    error = bench.sink.failures[request]
    assert isinstance(error, UnavailableError)
    assert error.message == "Request timeout expired"


def test_late_requests_are_told_while_all_instances_are_busy() -> None:
    async def test() -> None:
        bench = timed()
        with bench.shut_gate():
            first = bench.enqueue(1)
            await until(lambda: bench.runtime.batches == [1])
            late = [bench.enqueue(2), bench.enqueue(3)]
            await bench.told(2)
            for request in late:
                assert_expired(bench, request)
            assert bench.statistics.failures[FailureReason.REJECTED] == 2
        await bench.told(3)
        assert bench.values(first) == [1]
        await bench.scheduler.stop()

    on_a_loop(test)


def test_late_requests_are_told_before_the_end_of_a_longer_delay() -> None:
    async def test() -> None:
        bench = timed(delay_ns=3_600_000 * MS)
        request = bench.enqueue(1)
        await bench.told(1)
        assert_expired(bench, request)
        assert bench.runtime.batches == []
        await bench.scheduler.stop()

    on_a_loop(test)


def test_a_full_queue_refuses_at_once_and_counts_it() -> None:
    async def test() -> None:
        bench = Bench(default_policy=QueuePolicy(max_size=1))
        bench.enqueue(1)
        with pytest.raises(UnavailableError, match="Exceeds maximum queue size"):
            bench.enqueue(2)
        assert bench.statistics.failures[FailureReason.REJECTED] == 1
        await bench.scheduler.stop()
        assert len(bench.sink.answers) == 1

    on_a_loop(test)


def test_an_error_goes_to_every_request_of_its_batch_and_to_no_other() -> None:
    async def test() -> None:
        bench = Bench()
        bench.runtime.error = InternalError("no")
        failed = [bench.enqueue(1), bench.enqueue(2)]
        await bench.told(2)
        bench.runtime.error = None
        answered = bench.enqueue(3)
        await bench.told(3)
        assert {bench.sink.failures[request].message for request in failed} == {"no"}
        assert bench.values(answered) == [3]
        assert bench.statistics.failures[FailureReason.BACKEND] == 2
        assert (bench.statistics.success.count, bench.statistics.fail.count) == (1, 2)
        assert bench.statistics.execution_count == 1

    on_a_loop(test)


@pytest.mark.parametrize("preserve_ordering", [True, False])
def test_answers_leave_in_order_of_arrival_only_where_that_is_asked(*, preserve_ordering: bool) -> None:
    async def test() -> None:
        bench = Bench(inline=False, instances=2, preserve_ordering=preserve_ordering, merges=False)
        slow_gate = threading.Event()
        plain = bench.runtime.__call__

        def by_value(arrays: Any) -> Any:
            if arrays[0][0, 0] == 0:
                assert slow_gate.wait(DEADLINE_S)
            return plain(arrays)

        bench.scheduler._executor._execute = by_value
        slow = bench.enqueue(0)
        quick = bench.enqueue(1)
        await until(lambda: 1 in bench.runtime.batches)
        await until(lambda: preserve_ordering or quick in bench.sink.order)
        if preserve_ordering:
            await asyncio.sleep(0.01)
            assert bench.sink.order == []
        slow_gate.set()
        await bench.told(2)
        assert bench.sink.order == ([slow, quick] if preserve_ordering else [quick, slow])
        await bench.scheduler.stop()

    on_a_loop(test)


def test_a_model_moves_to_the_loop_when_it_turns_out_to_be_quick() -> None:
    async def test() -> None:
        bench = Bench()
        bench.scheduler._pace = Pace(50 * MS)
        for value in range(5):
            bench.enqueue(value)
            await bench.told(value + 1)
        assert bench.statistics.threaded_count >= 1
        assert bench.statistics.inline_count >= 1
        await bench.scheduler.stop()

    on_a_loop(test)


def test_abandon_refuses_what_still_queues_and_runs() -> None:
    async def test() -> None:
        bench = Bench(inline=False)
        with bench.shut_gate():
            requests = [bench.enqueue(1)]
            await until(lambda: bench.runtime.batches == [1])
            requests += [bench.enqueue(2), bench.enqueue(3)]
            bench.scheduler.abandon()
            assert {bench.sink.failures[request].message for request in requests} == {
                "Exit timeout expired. Exiting immediately."
            }
        await bench.scheduler.stop()
        assert bench.statistics.failures[FailureReason.CANCELED] == 3
        assert not bench.sink.answers

    on_a_loop(test)


def test_what_is_counted() -> None:
    async def test() -> None:
        bench = Bench(inline=False)
        with bench.shut_gate():
            bench.enqueue(1)
            await until(lambda: bench.runtime.batches == [1])
            bench.enqueue(2, 3)
            bench.enqueue(4)
        await bench.told(3)
        await bench.scheduler.stop()
        numbers = bench.statistics
        assert (numbers.inference_count, numbers.execution_count) == (4, 2)
        assert (numbers.success.count, numbers.fail.count) == (3, 0)
        assert numbers.queue.count == numbers.compute_infer.count == numbers.compute_output.count == 3
        assert sorted(numbers.batches) == [1, 3]
        assert numbers.batches[3].compute_infer.count == 1
        assert numbers.success.ns >= numbers.queue.ns + numbers.compute_infer.ns > 0
        assert abs(numbers.last_inference_ms - time.time() * 1000) < 60_000

    on_a_loop(test)


def test_resizing_to_more_instances_runs_what_waits() -> None:
    async def test() -> None:
        bench = Bench(inline=False, merges=False)
        with bench.shut_gate():
            bench.enqueue(1)
            bench.enqueue(2)
            await until(lambda: bench.runtime.batches == [1])
            bench.scheduler.resize(["m_0", "m_1"])
            await until(lambda: bench.runtime.batches == [1, 1])
        await bench.told(2)
        await bench.scheduler.stop()

    on_a_loop(test)


def test_resizing_to_fewer_instances_lets_them_finish() -> None:
    async def test() -> None:
        bench = Bench(inline=False, instances=2, merges=False)
        with bench.shut_gate():
            for value in range(3):
                bench.enqueue(value)
            await until(lambda: bench.runtime.batches == [1, 1])
            bench.scheduler.resize(["m_0"])
        await bench.told(3)
        await until(lambda: [t.name for t in threading.enumerate() if t.name.startswith("m_")] == ["m_0"])
        await bench.scheduler.stop()

    on_a_loop(test)
