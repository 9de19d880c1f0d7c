"""Which worker takes a new connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from naiad.scoring.listener import Listener


class Worker:
    """A listener whose patience a test sets."""

    def __init__(self, listening: socket.socket) -> None:
        self.patience_s = 0.0
        self.pause_s = 0.0
        self.asked = 0
        self.taken: list[socket.socket] = []
        self.listener = Listener(
            listening.dup(), self.taken.append, patience_s=self._patience, pause_s=lambda: self.pause_s
        )

    def _patience(self) -> float:
        self.asked += 1
        return self.patience_s

    def drop(self) -> None:
        for one in self.taken:
            one.close()


class Place:
    """A listening socket, and clients of it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.listening.setblocking(False)

    def worker(self) -> Worker:
        worker = Worker(self.listening)
        self._stack.callback(worker.drop)
        return worker

    def connect(self) -> None:
        self._stack.enter_context(socket.create_connection(self.listening.getsockname()))


@pytest.fixture
def place() -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(stack)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_worker_with_time_takes_what_a_busy_one_leaves(place: Place) -> None:
    busy, idle = place.worker(), place.worker()
    busy.patience_s = 60
    for _ in range(3):
        place.connect()
    await until(lambda: len(idle.taken) == 3)
    assert busy.taken == []
    busy.listener.close(takes_last=False)
    idle.listener.close(takes_last=False)


async def test_a_busy_worker_takes_what_nobody_else_takes(place: Place) -> None:
    worker = place.worker()
    worker.patience_s = 0.01
    for _ in range(3):
        place.connect()
    await until(lambda: len(worker.taken) == 3)
    worker.listener.close(takes_last=False)


async def test_a_worker_that_has_time_again_does_not_wait_any_longer(place: Place) -> None:
    worker = place.worker()
    worker.patience_s = 60
    place.connect()
    await until(lambda: worker.asked)
    worker.patience_s = 0
    worker.listener.resume()
    await until(lambda: worker.taken)
    worker.listener.close(takes_last=False)


async def test_the_next_connection_is_left_to_others_for_a_moment(place: Place) -> None:
    first, second = place.worker(), place.worker()
    first.pause_s = second.pause_s = 60
    for _ in range(2):
        place.connect()
    await until(lambda: first.taken and second.taken)
    first.listener.close(takes_last=False)
    second.listener.close(takes_last=False)


@pytest.mark.parametrize("patience_s", [0, 60])
async def test_the_end_takes_what_is_there_and_time_means_nothing_afterwards(place: Place, patience_s: float) -> None:
    worker = place.worker()
    worker.patience_s = patience_s
    place.connect()
    await until(lambda: worker.asked)
    place.connect()
    worker.listener.close(takes_last=True)
    assert len(worker.taken) == 2
    worker.listener.resume()


async def test_a_worker_that_has_a_successor_leaves_the_rest_to_it(place: Place) -> None:
    old, new = place.worker(), place.worker()
    old.patience_s = new.patience_s = 60
    place.connect()
    await until(lambda: old.asked and new.asked)
    old.listener.close(takes_last=False)
    assert old.taken == []
    new.patience_s = 0
    new.listener.resume()
    await until(lambda: new.taken)
    new.listener.close(takes_last=False)
