"""The batching decision: which queued requests run together, and when. Pure: no clock, no loop, no threads.

Rules (triton.md §4.2), in the order in which they decide:

1. Only requests of the highest non-empty priority level are looked at; lower levels wait.
2. Requests join a batch in arrival order while their batch keys are equal and their rows fit into the largest
   preferred size. A request that is larger by itself runs alone.
3. If a preferred size was reached on the way, the largest such batch runs at once.
4. A batch that cannot grow (full, or the next request does not fit) runs at once.
5. Otherwise it runs when its oldest request has waited the queue delay; with no delay, at once.
6. A request whose time in the queue is over is refused, or set behind all others (DELAY).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from naiad.engine.request import InferRequest
from naiad.errors import UnavailableError


@dataclass(frozen=True, slots=True)
class QueuePolicy:
    """How one priority level treats those who wait (config: `ModelQueuePolicy`).

    Attributes:
        delay_expired: DELAY instead of REJECT when a request's time is over.
        timeout_ns: how long a request may queue; 0 for ever.
        allow_override: a request may ask for less than `timeout_ns`.
        max_size: requests in the queue; 0 for no limit.
    """

    delay_expired: bool = False
    timeout_ns: int = 0
    allow_override: bool = False
    max_size: int = 0


@dataclass(frozen=True, slots=True)
class BatchingPolicy:
    """What the configuration says about batching.

    Attributes:
        max_batch_size: rows that the model takes at once; at least 1.
        merges: whether requests may share an execution at all (`dynamic_batching` is present).
        preferred: batch sizes that run as soon as they are reached; empty means the largest only.
        delay_ns: how long an incomplete batch may wait for more.
        levels: number of priority levels; 0 and 1 mean one.
        default_level: level of a request that names none.
        default_policy, policies: queue policy of a level.
    """

    max_batch_size: int = 1
    merges: bool = False
    preferred: frozenset[int] = frozenset()
    delay_ns: int = 0
    levels: int = 0
    default_level: int = 0
    default_policy: QueuePolicy = field(default_factory=QueuePolicy)
    policies: Mapping[int, QueuePolicy] = field(default_factory=dict)


class DynamicBatcher:
    """The queue of one model version.

    Args:
        policy: what its configuration says.
    """

    def __init__(self, policy: BatchingPolicy) -> None:
        self._policy = policy
        self._limit = max(policy.preferred, default=policy.max_batch_size) if policy.merges else 0
        count = max(1, policy.levels)
        self._policies = [policy.policies.get(level + 1, policy.default_policy) for level in range(count)]
        self._queues: list[deque[InferRequest]] = [deque() for _ in range(count)]
        self._delayed: deque[InferRequest] = deque()
        self._in_order = (*self._queues, self._delayed)
        self._timed = any(level.timeout_ns for level in self._policies)
        self._default_index = (policy.default_level or (count + 1) // 2) - 1 if policy.levels else 0
        policed = self._timed or any(level.max_size for level in self._policies)
        self._plain = None if policed or count > 1 else self._queues[0]
        self.expired: list[InferRequest] = []
        """Requests that `next_batch` found to be over their time; the caller refuses them and empties the list."""

    def __len__(self) -> int:
        return sum(map(len, self._in_order))

    def __iter__(self) -> Iterator[InferRequest]:
        for queue in self._in_order:
            yield from queue

    def enqueue(self, request: InferRequest) -> None:
        """Add a request.

        Raises:
            UnavailableError: its queue is full.
        """
        if self._plain is not None:
            self._plain.append(request)
            return
        index = self._default_index
        if request.priority and 0 < request.priority <= self._policy.levels:
            index = request.priority - 1
        policy = self._policies[index]
        queue = self._queues[index]
        if policy.max_size and len(queue) >= policy.max_size:
            raise UnavailableError(f"{request.log_prefix}Exceeds maximum queue size")
        if policy.timeout_ns:
            timeout_ns = policy.timeout_ns
            asked_ns = request.timeout_us * 1000
            if policy.allow_override and 0 < asked_ns < timeout_ns:
                timeout_ns = asked_ns
            request.deadline_ns = request.arrived_ns + timeout_ns
        queue.append(request)

    def next_batch(self, now_ns: int) -> list[InferRequest] | int:
        """Take the requests that should run now.

        Args:
            now_ns: monotonic time.

        Returns:
            The batch; or when nothing should run yet, the monotonic time at which to ask again (0: not before
            another request comes).
        """
        if self._timed:
            self.expire(now_ns)
        for queue in self._in_order:
            while queue and queue[0].cancelled:
                queue.popleft()
            if queue:
                return self._form(queue, now_ns)
        return 0

    def earliest_deadline_ns(self) -> int:
        """When the first waiting request's time is over; 0 when none has a deadline."""
        if not self._timed:
            return 0
        deadlines = [request.deadline_ns for queue in self._queues for request in queue if request.deadline_ns]
        return min(deadlines, default=0)

    def drain(self) -> list[InferRequest]:
        """Take everything out."""
        waiting = list(self)
        for queue in self._in_order:
            queue.clear()
        return waiting

    def _form(self, queue: deque[InferRequest], now_ns: int) -> list[InferRequest] | int:
        """As `next_batch`, from a queue whose first request is not cancelled."""
        limit, preferred = self._limit, self._policy.preferred
        key = queue[0].batch_key
        rows = count = preferred_count = 0
        closed = False
        for position, request in enumerate(queue, 1):
            if request.cancelled:
                continue
            rows += request.batch_size
            if position > 1 and (rows > limit or request.batch_key != key):
                closed = True
                break
            count = position
            if rows in preferred:
                preferred_count = count
            if rows >= limit:
                closed = True
                break
        if preferred_count:
            count = preferred_count
        elif self._policy.delay_ns and not closed:
            due_ns = queue[0].arrived_ns + self._policy.delay_ns
            if now_ns < due_ns:
                return due_ns
        take = queue.popleft
        batch = [take() for _ in range(count)]
        return [request for request in batch if not request.cancelled]

    def expire(self, now_ns: int) -> None:
        """Move requests whose time is over into `expired`, or behind all others where the policy says DELAY."""
        for policy, queue in zip(self._policies, self._queues, strict=True):
            if not policy.timeout_ns or not any(0 < request.deadline_ns <= now_ns for request in queue):
                continue
            late = [request for request in queue if request.deadline_ns <= now_ns]
            kept = [request for request in queue if request.deadline_ns > now_ns]
            queue.clear()
            queue.extend(kept)
            if policy.delay_expired:
                self._delayed.extend(late)
            else:
                self.expired.extend(late)
