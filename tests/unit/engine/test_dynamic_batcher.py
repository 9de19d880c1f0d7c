"""The batching decision, with times that are told rather than taken (triton.md §4.1, §4.2)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.engine.dynamic_batcher import BatchingPolicy, DynamicBatcher, QueuePolicy
from naiad.engine.request import InferRequest
from naiad.errors import UnavailableError
from tests.support.engine import infer_request

US = 1_000


def batcher(**policy: Any) -> DynamicBatcher:
    return DynamicBatcher(BatchingPolicy(**{"max_batch_size": 8, "merges": True, **policy}))


def fill(queue: DynamicBatcher, *rows: int, **fields: Any) -> list[InferRequest]:
    requests = [infer_request(rows=count, **fields) for count in rows]
    for request in requests:
        queue.enqueue(request)
    return requests


def take(queue: DynamicBatcher, now_ns: int = 0) -> list[int]:
    """The rows of the requests in the next batch, which must be due."""
    batch = queue.next_batch(now_ns)
    assert isinstance(batch, list)
    return [request.batch_size for request in batch]


class TestNaturalBatching:
    @pytest.mark.parametrize(
        ("rows", "batches"),
        [
            ([1], [[1]]),
            ([1, 1, 1], [[1, 1, 1]]),
            ([4, 4, 4], [[4, 4], [4]]),
            ([5, 5], [[5], [5]]),
            ([1, 8, 1], [[1], [8], [1]]),
            ([1] * 20, [[1] * 8, [1] * 8, [1] * 4]),
            ([3, 3, 3, 1], [[3, 3], [3, 1]]),
        ],
    )
    def test_what_is_there_runs_at_once_up_to_the_limit(self, rows: list[int], batches: list[list[int]]) -> None:
        queue = batcher()
        fill(queue, *rows)
        assert [take(queue) for _ in batches] == batches
        assert queue.next_batch(0) == 0
        assert len(queue) == 0

    def test_without_dynamic_batching_every_request_runs_alone(self) -> None:
        queue = batcher(merges=False)
        fill(queue, 1, 8, 1)
        assert [take(queue), take(queue), take(queue)] == [[1], [8], [1]]

    def test_nothing_is_due_in_an_empty_queue(self) -> None:
        assert batcher().next_batch(5) == 0

    def test_only_equal_keys_share_a_batch_and_the_order_stays(self) -> None:
        queue = batcher()
        first = fill(queue, 1, 1, key="a") + fill(queue, 1, key="b") + fill(queue, 1, key="a")
        assert [queue.next_batch(0) for _ in range(3)] == [first[:2], first[2:3], first[3:]]


class TestPreferredSizes:
    @pytest.mark.parametrize(
        ("rows", "batches"),
        [
            ([1] * 5, [[1, 1, 1, 1], [1]]),
            ([1] * 6, [[1] * 6]),
            ([1] * 7, [[1] * 6, [1]]),
            ([2, 3], [[2, 3]]),
            ([2, 2, 3], [[2, 2], [3]]),
            ([7], [[7]]),
            ([1, 7], [[1], [7]]),
        ],
    )
    def test_the_largest_that_is_reached_runs(self, rows: list[int], batches: list[list[int]]) -> None:
        queue = batcher(preferred=frozenset({4, 6}))
        fill(queue, *rows)
        assert [take(queue) for _ in batches] == batches

    def test_one_that_is_reached_does_not_wait(self) -> None:
        queue = batcher(preferred=frozenset({4, 6}), delay_ns=100)
        fill(queue, 1, 1, 1)
        assert queue.next_batch(50) == 100
        fill(queue, 1)
        assert take(queue, 50) == [1, 1, 1, 1]


class TestDelay:
    def test_an_incomplete_batch_waits_for_its_oldest_request(self) -> None:
        queue = batcher(delay_ns=100)
        fill(queue, 1, arrived_ns=10)
        fill(queue, 1, arrived_ns=90)
        assert queue.next_batch(20) == 110
        assert queue.next_batch(109) == 110
        assert take(queue, 110) == [1, 1]

    def test_a_full_batch_does_not_wait(self) -> None:
        queue = batcher(delay_ns=100)
        fill(queue, 4, 4)
        assert take(queue, 0) == [4, 4]

    def test_a_batch_that_cannot_grow_does_not_wait(self) -> None:
        queue = batcher(delay_ns=100)
        fill(queue, 5, 5)
        assert take(queue, 0) == [5]
        assert queue.next_batch(0) == 100

    def test_another_key_behind_it_closes_a_batch(self) -> None:
        queue = batcher(delay_ns=100)
        fill(queue, 1, key="a")
        fill(queue, 1, key="b")
        assert take(queue, 0) == [1]
        assert queue.next_batch(0) == 100

    def test_a_request_beyond_the_largest_preferred_size_does_not_wait(self) -> None:
        queue = batcher(delay_ns=100, preferred=frozenset({4}))
        fill(queue, 7)
        assert take(queue, 0) == [7]


class TestPriorities:
    def test_the_highest_level_goes_first_and_alone(self) -> None:
        queue = batcher(levels=3)
        fill(queue, 1, 1, priority=3)
        fill(queue, 2, priority=2)
        fill(queue, 3, priority=1)
        assert [take(queue), take(queue), take(queue)] == [[3], [2], [1, 1]]

    @pytest.mark.parametrize(("default_level", "priority"), [(1, 0), (1, 4), (1, (1 << 64) - 1), (2, 0), (3, 9)])
    def test_no_level_or_an_unknown_one_is_the_default(self, default_level: int, priority: int) -> None:
        queue = batcher(levels=3, default_level=default_level)
        fill(queue, 7, priority=priority)
        for level in (1, 2, 3):
            fill(queue, 1, priority=level)
        batches = [take(queue) for _ in range(3)]
        assert batches[default_level - 1] == [7, 1]

    def test_without_levels_priorities_say_nothing(self) -> None:
        queue = batcher()
        first, second = fill(queue, 1, priority=5) + fill(queue, 1, priority=1)
        assert queue.next_batch(0) == [first, second]


def timed(*, delay_expired: bool = False, allow_override: bool = False, **policy: Any) -> DynamicBatcher:
    queue_policy = QueuePolicy(timeout_ns=100 * US, delay_expired=delay_expired, allow_override=allow_override)
    return batcher(default_policy=queue_policy, **policy)


class TestTimeouts:
    def test_a_late_request_is_set_aside(self) -> None:
        queue = timed()
        (late,) = fill(queue, 1)
        (early,) = fill(queue, 1, arrived_ns=50 * US)
        assert queue.next_batch(100 * US) == [early]
        assert queue.expired == [late]
        assert len(queue) == 0

    def test_it_runs_up_to_its_time(self) -> None:
        queue = timed()
        fill(queue, 1)
        assert take(queue, 100 * US - 1) == [1]
        assert queue.expired == []

    def test_the_earliest_deadline(self) -> None:
        queue = timed(allow_override=True)
        fill(queue, 1, arrived_ns=5)
        fill(queue, 1, arrived_ns=7, timeout_us=20)
        assert queue.earliest_deadline_ns() == 7 + 20 * US
        assert batcher().earliest_deadline_ns() == 0
        assert timed().earliest_deadline_ns() == 0

    def test_delayed_requests_run_when_nothing_else_waits(self) -> None:
        queue = timed(delay_expired=True)
        late = fill(queue, 1, 1)
        (early,) = fill(queue, 1, arrived_ns=50 * US)
        assert queue.next_batch(100 * US) == [early]
        assert queue.expired == []
        assert len(queue) == 2
        assert queue.next_batch(100 * US) == late
        assert queue.earliest_deadline_ns() == 0

    @pytest.mark.parametrize(
        ("allow_override", "timeout_us", "deadline_us"),
        [(True, 20, 20), (True, 100, 100), (True, 500, 100), (True, 0, 100), (False, 20, 100)],
    )
    def test_a_request_may_ask_for_less_where_that_is_allowed(
        self, *, allow_override: bool, timeout_us: int, deadline_us: int
    ) -> None:
        queue = timed(allow_override=allow_override)
        (request,) = fill(queue, 1, arrived_ns=3, timeout_us=timeout_us)
        assert request.deadline_ns == 3 + deadline_us * US

    def test_it_may_not_ask_where_there_is_no_timeout(self) -> None:
        queue = batcher(default_policy=QueuePolicy(allow_override=True))
        (request,) = fill(queue, 1, timeout_us=1)
        assert request.deadline_ns == 0
        assert take(queue, 1 << 60) == [1]

    def test_each_level_has_its_own_policy(self) -> None:
        queue = batcher(levels=2, policies={1: QueuePolicy(timeout_ns=10)})
        (timed_request,) = fill(queue, 1, priority=1)
        (other,) = fill(queue, 1, priority=2)
        assert queue.next_batch(10) == [other]
        assert queue.expired == [timed_request]

    def test_a_deadline_before_the_end_of_the_delay_is_no_later_than_it(self) -> None:
        queue = timed(delay_ns=1_000 * US)
        fill(queue, 1)
        assert queue.next_batch(0) == 1_000 * US
        assert queue.earliest_deadline_ns() == 100 * US


class TestQueueSize:
    def test_a_full_queue_refuses(self) -> None:
        queue = batcher(default_policy=QueuePolicy(max_size=2))
        fill(queue, 1, 1)
        with pytest.raises(UnavailableError) as caught:
            queue.enqueue(infer_request(identity="r7"))
        assert caught.value.message == "[request id: r7] Exceeds maximum queue size"
        assert take(queue) == [1, 1]
        fill(queue, 1)

    def test_each_level_has_its_own_room(self) -> None:
        queue = batcher(levels=2, default_policy=QueuePolicy(max_size=1))
        fill(queue, 1, priority=1)
        fill(queue, 1, priority=2)
        with pytest.raises(UnavailableError, match=r"\[request id: <id_unknown>\] Exceeds maximum queue size"):
            fill(queue, 1, priority=2)


class TestCancelled:
    @pytest.mark.parametrize("cancelled", [{0}, {1}, {2}, {0, 1}, {1, 2}, {0, 1, 2}, {0, 2}])
    def test_they_are_left_out(self, cancelled: set[int]) -> None:
        queue = batcher()
        requests = fill(queue, 1, 2, 3)
        for index in cancelled:
            requests[index].cancelled = True
        kept = [request for request in requests if not request.cancelled]
        assert queue.next_batch(0) == (kept or 0)
        assert queue.next_batch(0) == 0

    def test_late_and_delayed_ones_too(self) -> None:
        queue = timed(delay_expired=True)
        requests = fill(queue, 1, 1)
        queue.expire(1_000 * US)
        requests[0].cancelled = True
        assert queue.next_batch(1_000 * US) == [requests[1]]

    def test_they_take_no_room_in_a_batch(self) -> None:
        queue = batcher(preferred=frozenset({4, 6}), delay_ns=100)
        requests = fill(queue, 2, 6, 2, key="a")
        requests[1].cancelled = True
        assert queue.next_batch(0) == [requests[0], requests[2]]

    def test_thousands_of_them_are_no_trouble(self) -> None:
        queue = timed(delay_expired=True, merges=False)
        requests = fill(queue, *[1] * 5_000)
        queue.expire(1_000 * US)
        for request in requests:
            request.cancelled = True
        assert queue.next_batch(1_000 * US) == 0
        assert len(queue) == 0


def test_drain_takes_everything_out() -> None:
    queue = timed(delay_expired=True, levels=2)
    late = fill(queue, 1, priority=1)
    queue.expire(100 * US)
    early = fill(queue, 1, priority=1) + fill(queue, 1, priority=2)
    assert set(queue.drain()) == {*late, *early}
    assert len(queue) == 0
    assert queue.next_batch(0) == 0


REQUESTS = st.lists(st.tuples(st.integers(1, 8), st.sampled_from("ab"), st.integers(0, 3)), max_size=30)
POLICIES: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    merges=st.booleans(),
    preferred=st.frozensets(st.integers(1, 8), max_size=3),
    delay_ns=st.sampled_from([0, 50]),
    levels=st.integers(0, 3),
)


@given(POLICIES, REQUESTS, st.lists(st.integers(0, 29)), st.integers(1, 20))
def test_nothing_is_lost_doubled_reordered_or_too_large(
    policy: dict[str, Any], wanted: list[tuple[int, str, int]], cancelled: list[int], step_ns: int
) -> None:
    queue = batcher(**policy)
    requests = [
        infer_request(rows=rows, key=key, priority=priority, arrived_ns=index * step_ns)
        for index, (rows, key, priority) in enumerate(wanted)
    ]
    batches: list[list[InferRequest]] = []

    def run(now_ns: int) -> None:
        while isinstance(batch := queue.next_batch(now_ns), list):
            batches.append(batch)

    for index, request in enumerate(requests):
        queue.enqueue(request)
        request.cancelled = index in cancelled
        if index % 3 == 2:
            run(request.arrived_ns)
    run(1 << 60)

    assert len(queue) == 0
    assert all(batches)
    taken = [request for batch in batches for request in batch]
    assert len(taken) == len(set(taken))
    assert {request for request in requests if not request.cancelled} <= set(taken)
    for batch in batches:
        assert len({request.batch_key for request in batch}) == 1
        assert sum(request.batch_size for request in batch) <= 8
        assert len(batch) == 1 or policy["merges"]
    for level in range(4):
        same_level = [request for request in taken if request.priority == level]
        assert same_level == sorted(same_level, key=requests.index)
