"""A connection's life: who closes it and when, slow clients, the server's end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from naiad.engine.request import InferRequest
from naiad.server.http1 import HttpConnection
from tests.support.echo import CLOSE, LATER, Client, answer, error_of
from tests.support.http_client import request_bytes

CHUNKED = "Transfer-Encoding: chunked"
SECOND_NS = 1_000_000_000


class TestClosing:
    @pytest.mark.parametrize(
        ("version", "headers", "field", "closes"),
        [
            ("1.1", [], b"", False),
            ("1.1", ["Connection: close"], CLOSE, True),
            ("1.0", [], CLOSE, True),
            ("1.0", ["Connection: keep-alive"], b"Connection: keep-alive\r\n", False),
        ],
    )
    @pytest.mark.parametrize("path", ["/a", "/later"])
    def test_as_the_client_wishes(
        self, *, version: str, headers: list[str], field: bytes, closes: bool, path: str
    ) -> None:
        client = Client()
        client.transport.deliver(request_bytes("GET", path, headers=headers, version=version))
        if path == "/later":
            client.application.answer()
        assert client.transport.take() == answer("GET", path.encode(), field=field)
        assert client.transport.closed is closes

    @pytest.mark.parametrize("size", [10, 100_000, 300_000])
    @pytest.mark.parametrize("path", ["/a", "/later"])
    def test_what_follows_the_last_request_is_ignored(self, size: int, path: str) -> None:
        client = Client()
        client.transport.deliver(request_bytes("GET", path, headers=["Connection: close"]) + b"x" * size)
        if path == "/later":
            client.application.answer()
        assert client.transport.take() == answer("GET", path.encode(), field=CLOSE)
        assert client.transport.closed

    def test_a_client_that_goes_cancels_what_it_waited_for(self) -> None:
        client = Client()
        cancelled: list[object] = []
        scheduler = SimpleNamespace(cancel=cancelled.append)
        request = cast(InferRequest, SimpleNamespace(model=SimpleNamespace(scheduler=scheduler)))
        client.transport.deliver(request_bytes("GET", "/later"))
        client.connection.request = request
        client.connection.connection_lost(None)
        assert cancelled == [request]
        assert not client.server.connections

    def test_a_client_that_goes_while_sending_frees_what_was_reserved(self) -> None:
        client = Client(max_receiving_bytes=1_000_000)
        client.transport.deliver(request_bytes("POST", "/a", b"x" * 600_000)[:-1])
        protocol = client.transport.protocol
        assert isinstance(protocol, HttpConnection) is False
        cast(Any, protocol).connection_lost(None)
        assert not client.server.connections
        client.server.reserve(1_000_000)


class TestDraining:
    """A server that stops: whatever is on its way is answered, and told to be the last."""

    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("naiad.server.http_server._LAST_REQUESTS_S", 0.01)

    async def closed(self, client: Client) -> None:
        async with asyncio.timeout(5):
            while not client.transport.closed:
                await asyncio.sleep(0.001)

    async def test_an_idle_connection_is_closed_soon_and_without_a_word(self) -> None:
        client = Client()
        client.server.stop_accepting()
        assert not client.transport.closed
        await self.closed(client)
        assert client.transport.take() == b""

    async def test_a_request_that_was_on_its_way_is_answered(self) -> None:
        client = Client()
        client.server.stop_accepting()
        assert client.ask(request_bytes("GET", "/a")) == answer("GET", b"/a", field=CLOSE)
        assert client.transport.closed

    async def test_what_is_being_answered_is_answered_first(self) -> None:
        client = Client()
        client.transport.deliver(request_bytes("GET", "/later"))
        client.server.stop_accepting()
        await asyncio.sleep(0.05)
        assert not client.transport.closed
        client.application.answer()
        assert client.transport.take() == answer("GET", LATER, field=CLOSE)
        assert client.transport.closed

    async def test_what_is_being_received_is_received_first(self) -> None:
        client = Client()
        data = request_bytes("POST", "/a", b"0123456789")
        client.transport.deliver(data[:-1])
        client.server.stop_accepting()
        await asyncio.sleep(0.05)
        assert not client.transport.closed
        assert client.ask(data[-1:]) == answer("POST", b"/a", 10, CLOSE)
        assert client.transport.closed


class TestSlowReaders:
    def test_nothing_is_answered_while_answers_are_not_read(self) -> None:
        client = Client()
        client.connection.pause_writing()
        client.transport.deliver(request_bytes("GET", "/a") * 20_000)
        assert client.transport.take() == b""
        assert client.application.asked == []
        assert client.transport.unread_bytes > 0
        client.connection.resume_writing()
        client.transport.deliver()
        assert client.transport.take() == answer("GET", b"/a") * 20_000

    def test_a_later_answer_is_written_all_the_same(self) -> None:
        client = Client()
        client.transport.deliver(request_bytes("GET", "/later") + request_bytes("GET", "/a"))
        client.connection.pause_writing()
        client.application.answer()
        assert client.transport.take() == answer("GET", LATER)
        client.connection.resume_writing()
        assert client.transport.take() == answer("GET", b"/a")


class Clock:
    """The time as connections see it, moved by hand."""

    def __init__(self) -> None:
        self.now_ns = SECOND_NS

    def __call__(self) -> int:
        return self.now_ns


class TestTime:
    @pytest.fixture(autouse=True)
    def _clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        monkeypatch.setattr("naiad.server.http1.clock_ns", self.clock)
        self.client = Client(receive_timeout_s=10.0, idle_timeout_s=100.0)

    def after(self, seconds: float) -> None:
        """Let time pass and the server look at its connections."""
        self.clock.now_ns += int(seconds * SECOND_NS)
        self.client.connection.check_time(self.clock.now_ns)

    def closed(self) -> bool:
        return self.client.transport.closed

    def test_an_idle_connection_is_closed_without_a_word(self) -> None:
        self.after(99)
        assert not self.closed()
        self.after(2)
        assert self.closed()
        assert self.client.transport.take() == b""

    def test_every_request_starts_the_pause_anew(self) -> None:
        for _ in range(3):
            self.after(99)
            assert self.client.ask(request_bytes("GET", "/a")) == answer("GET", b"/a")
        assert not self.closed()

    @pytest.mark.parametrize(
        "data",
        [
            b"GET / HT",
            request_bytes("POST", "/", b"abc")[:-1],
            request_bytes("POST", "/", b"2\r\na", headers=[CHUNKED]),
        ],
        ids=["head", "body", "chunks"],
    )
    def test_a_request_that_does_not_arrive_is_refused(self, data: bytes) -> None:
        self.client.ask(data)
        self.after(9)
        assert not self.closed()
        self.after(2)
        assert error_of(self.client.transport.take(), 408) == "the request did not arrive in time"
        assert self.closed()

    @pytest.mark.parametrize(
        "data",
        [
            request_bytes("GET", "/abcdefghijklmnopqrstuvwxyz"),
            request_bytes("POST", "/", b"abcdefghijklmnopqrstuvwxyz"),
            request_bytes("POST", "/", b"1\r\na\r\n" * 20, headers=[CHUNKED]),
        ],
        ids=["head", "body", "chunks"],
    )
    def test_a_byte_now_and_then_does_not_help(self, data: bytes) -> None:
        self.client.transport.deliver(data[:-20])
        for byte in data[-20:-1]:
            if self.closed():
                break
            self.client.transport.deliver(bytes([byte]))
            self.after(1)
        assert error_of(self.client.transport.take(), 408)
        assert self.closed()

    def test_the_time_of_a_request_covers_its_head_and_its_body(self) -> None:
        data = request_bytes("POST", "/", b"abc")
        self.client.transport.deliver(data[:10])
        self.after(6)
        self.client.transport.deliver(data[10:-1])
        self.after(6)
        assert self.closed()

    def test_empty_lines_are_no_request_and_keep_nothing_open(self) -> None:
        for _ in range(50):
            self.client.transport.deliver(b"\r\n")
            self.after(1)
        assert not self.closed()
        for _ in range(51):
            if not self.closed():
                self.client.transport.deliver(b"\r\n")
            self.after(1)
        assert self.closed()
        assert self.client.transport.take() == b""

    def test_waiting_for_the_model_is_not_the_clients_fault(self) -> None:
        self.client.transport.deliver(request_bytes("GET", "/later"))
        self.after(10_000)
        assert not self.closed()
        self.client.application.answer()
        assert self.client.transport.take() == answer("GET", LATER)

    @pytest.mark.parametrize("path", ["/a", "/later"])
    def test_a_client_that_never_reads_is_dropped_in_the_end(self, path: str) -> None:
        """A polite close waits for the client to read; one that never does would keep its place for ever."""
        self.client.transport.deliver(request_bytes("GET", path, headers=["Connection: close"]))
        self.client.connection.pause_writing()
        if path == "/later":
            self.after(1000)
            self.client.application.answer()
        assert self.closed()
        self.after(9)
        assert not self.client.transport.aborted
        self.after(2)
        assert self.client.transport.aborted

    def test_one_that_keeps_its_connection_is_closed_before_that(self) -> None:
        self.client.transport.deliver(request_bytes("GET", "/a"))
        self.client.connection.pause_writing()
        self.after(101)
        assert self.closed()
        assert not self.client.transport.aborted
        self.after(11)
        assert self.client.transport.aborted


def test_a_transport_that_closes_by_itself_gets_no_more_answers() -> None:
    client = Client()
    client.transport.deliver(request_bytes("GET", "/later"))
    client.transport.close()
    client.application.answer()
    assert client.transport.take() == b""
