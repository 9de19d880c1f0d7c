"""Requests that end at every point of their lives: nothing of them stays, and the others are answered."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest

from tests.conformance.http2.client import Client
from tests.conformance.http2.frames import Setting, data, reset, window_update
from tests.conformance.http2.requests import BODY, call, echo, get, post, post_head, spin
from tests.support.server import Server
from tests.support.waiting import wait_for

CONTENT = bytes(400_000)
ROUNDS = 120
MAX_GROWTH_BYTES = 16 << 20
SLOW = 3_000
"""Steps that take some milliseconds."""

Begin = Callable[[Client, int], None]


def after_head(client: Client, stream: int) -> None:
    client.send(post_head(stream))


def amid_body(client: Client, stream: int) -> None:
    client.send(post_head(stream), data(stream, BODY[:50]))


def amid_large_body(client: Client, stream: int) -> None:
    head, body = echo(stream, CONTENT)
    client.send(head)
    client.send_body(stream, body[:-5], end=False)


def while_it_runs(client: Client, stream: int) -> None:
    client.send(*spin(stream, SLOW))


def while_it_queues(client: Client, stream: int) -> None:
    client.send(*spin(stream, SLOW), *spin(stream + 2, SLOW), *spin(stream + 4, 1))
    for number in (stream + 2, stream + 4):
        client.send(reset(number))


def amid_answer(client: Client, stream: int) -> None:
    head, body = echo(stream, CONTENT)
    client.send(head)
    client.send_body(stream, body)
    client.read_body(stream)


def behind_answer(client: Client, stream: int) -> None:
    client.send(*post(stream))
    client.read_stream(stream)


def amid_rpc(client: Client, stream: int) -> None:
    client.send(call(stream, b"ServerLive")[0], data(stream, b"\0\0\0"))


STAGES = (after_head, amid_body, amid_large_body, while_it_runs, while_it_queues, amid_answer, behind_answer, amid_rpc)


def resident(server: Server) -> int:
    """Bytes of memory that the server holds."""
    return int(psutil.Process(server.process.pid).memory_info().rss)


def greeted(server: Server) -> Client:
    client = Client(server.http_port)
    client.greet((Setting.INITIAL_WINDOW_SIZE, 1000))
    client.send(window_update(0, 1 << 24))
    return client


@pytest.mark.parametrize("begin", STAGES)
def test_streams_that_are_reset(server: Server, begin: Begin) -> None:
    with greeted(server) as client:
        first = 0
        for number in range(ROUNDS):
            stream = 1 + 8 * number
            begin(client, stream)
            client.send(reset(stream))
            if number % 20 == 19:
                client.send(get(stream + 6))
                assert client.read_stream(stream + 6).status == 200
            first = first or (resident(server) if number == ROUNDS // 4 else 0)
        assert resident(server) - first < MAX_GROWTH_BYTES
    assert_all_is_well(server)


@pytest.mark.parametrize("leave", [Client.close, Client.abort])
@pytest.mark.parametrize("begin", STAGES)
def test_connections_that_are_gone(server: Server, begin: Begin, leave: Callable[[Client], None]) -> None:
    process = psutil.Process(server.process.pid)
    server.ask("GET", "/v2/health/live")
    descriptors, memory = process.num_fds(), 0
    for number in range(ROUNDS // 4):
        client = greeted(server)
        begin(client, 1)
        leave(client)
        memory = memory or (resident(server) if number == ROUNDS // 8 else 0)
    assert resident(server) - memory < MAX_GROWTH_BYTES
    wait_for(lambda: process.num_fds() <= descriptors, "the server has let go of them")
    assert_all_is_well(server)


def assert_all_is_well(server: Server) -> None:
    """The models are free and answer."""
    with Client(server.http_port) as client:
        client.greet()
        client.send(*spin(1, 1), *post(3))
        assert (client.read_stream(1).status, client.read_stream(3).status) == (200, 200)
