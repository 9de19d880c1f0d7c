"""A connection driven with bytes: requests in however they are cut, answers out in order."""

from __future__ import annotations

import asyncio
import json
import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from naiad.engine.request import InferRequest
from naiad.errors import NotFoundError
from naiad.server.http1 import HttpConnection
from naiad.server.http_server import HttpServer, Limits
from naiad.server.request_head import RequestHead
from naiad.server.response import Response
from tests.support.http_client import request_bytes
from tests.support.transport import READ_BYTES, FakeTransport, connect

LATER = b"/later"
CHUNKED = "Transfer-Encoding: chunked"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SECOND_NS = 1_000_000_000
ADVICE = "Use --http-max-input-size to increase the limit."


class Application:
    """Echoes what it is asked, at once or (for the path `/later`) when told to.

    Attributes:
        waiting: connections whose answer is still to come, with that answer.
        asked: method, path and body of every request.
    """

    def __init__(self) -> None:
        self.waiting: list[tuple[HttpConnection, Response]] = []
        self.asked: list[tuple[str, bytes, bytes]] = []
        self.authorized = True

    def handle(
        self, connection: HttpConnection, head: RequestHead, body: bytes | memoryview, arrived_ns: int
    ) -> Response | None:
        self.asked.append((head.method, head.path, bytes(body)))
        if head.path == b"/error":
            raise NotFoundError("not here")
        if head.path == b"/crash":
            raise RuntimeError("a bug")
        response = Response(200, b"%b %b %d" % (head.method.encode(), head.path, len(body)))
        if head.path == LATER:
            self.waiting.append((connection, response))
            return None
        return response

    def answer(self) -> None:
        """Answer the oldest request that waits."""
        connection, response = self.waiting.pop(0)
        connection.answer(response)


class Client:
    """A connection, its application, and what came out."""

    def __init__(self, **limits: Any) -> None:
        self.application = Application()
        self.server = HttpServer(self.application.handle, limits=Limits(**limits))
        self.connection, self.transport = connect(self.server)

    def ask(self, data: bytes) -> bytes:
        """Send bytes; what came back."""
        self.transport.deliver(data)
        return self.transport.take()


def answer(method: str, path: bytes, size: int = 0, field: bytes = b"") -> bytes:
    body = b"%b %b %d" % (method.encode(), path, size)
    return Response(200, body).encode(field)[: -len(body) if method == "HEAD" else None]


def error_of(data: bytes, status: int) -> str:
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    return str(json.loads(body)["error"])


def refused(client: Client, data: bytes, status: int) -> str:
    """The error for these bytes, behind which the connection closes."""
    sent = client.ask(data)
    assert client.transport.closed
    assert b"\r\nConnection: close\r\n" in sent
    return error_of(sent, status)


CLOSE = b"Connection: close\r\n"
CONVERSATION = b"".join(
    (
        request_bytes("GET", "/a"),
        request_bytes("POST", "/b", b"0123456789"),
        request_bytes("POST", "/empty", b""),
        request_bytes("HEAD", "/c"),
        b"\r\n" + request_bytes("GET", "/d?x=1"),
        request_bytes("POST", "/e", b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n", headers=[CHUNKED]),
        request_bytes("POST", "/f", b"0123456789"),
        request_bytes("GET", "/g", headers=["Connection: close"]),
    )
)
ANSWERS = b"".join(
    (
        answer("GET", b"/a"),
        answer("POST", b"/b", 10),
        answer("POST", b"/empty"),
        answer("HEAD", b"/c"),
        answer("GET", b"/d"),
        answer("POST", b"/e", 5),
        answer("POST", b"/f", 10),
        answer("GET", b"/g", field=CLOSE),
    )
)


class TestCutting:
    def test_all_at_once(self) -> None:
        client = Client()
        assert client.ask(CONVERSATION) == ANSWERS
        assert client.transport.closed

    @pytest.mark.parametrize("step", [1, 2, 3, 7, 64])
    def test_in_pieces(self, step: int) -> None:
        client = Client()
        for start in range(0, len(CONVERSATION), step):
            client.transport.deliver(CONVERSATION[start : start + step])
        assert client.transport.take() == ANSWERS

    def test_in_two_pieces_with_the_border_anywhere(self) -> None:
        for border in range(1, len(CONVERSATION)):
            client = Client()
            client.transport.deliver(CONVERSATION[:border])
            client.transport.deliver(CONVERSATION[border:])
            assert client.transport.take() == ANSWERS, f"cut behind byte {border}"

    @pytest.mark.parametrize("size", [READ_BYTES - 100, READ_BYTES, 3 * READ_BYTES + 7])
    @pytest.mark.parametrize("step", [1000, 1 << 16, 1 << 30])
    def test_a_large_body(self, size: int, step: int) -> None:
        client = Client()
        body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        data = request_bytes("POST", "/a", body) + request_bytes("GET", "/b")
        for start in range(0, len(data), step):
            client.transport.deliver(data[start : start + step])
        assert client.transport.take() == answer("POST", b"/a", size) + answer("GET", b"/b")
        assert client.application.asked[0] == ("POST", b"/a", body)
        client.server.reserve(client.server._limits.max_receiving_bytes)

    def test_a_large_body_in_chunks(self) -> None:
        client = Client()
        body = b"x" * 1_000_000
        framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:1], body[1:])) + b"0\r\n\r\n"
        data = request_bytes("POST", "/a", framed, headers=[CHUNKED])
        assert client.ask(data) == answer("POST", b"/a", len(body))

    @pytest.mark.parametrize("lines", [1, 2, 3])
    def test_empty_lines_before_a_request_are_skipped(self, lines: int) -> None:
        client = Client()
        assert client.ask(b"\r\n" * lines + request_bytes("GET", "/a")) == answer("GET", b"/a")


class TestOrder:
    def test_a_later_answer_holds_up_those_behind_it(self) -> None:
        client = Client()
        data = request_bytes("GET", "/a") + request_bytes("GET", "/later") + request_bytes("GET", "/b")
        assert client.ask(data) == answer("GET", b"/a")
        assert len(client.application.asked) == 2
        client.application.answer()
        assert client.transport.take() == answer("GET", LATER) + answer("GET", b"/b")

    @pytest.mark.parametrize("headers", [(), (CHUNKED,)])
    def test_many_later_answers_in_one_read(self, headers: tuple[str, ...]) -> None:
        client = Client()
        body = b"2\r\nab\r\n0\r\n\r\n" if headers else b"ab"
        client.transport.deliver(request_bytes("POST", "/later", body, headers=headers) * 50)
        for _ in range(50):
            assert client.transport.take() == b""
            client.application.answer()
            assert client.transport.take() == answer("POST", LATER, 2)
        assert not client.application.waiting

    def test_a_body_comes_while_an_answer_is_awaited(self) -> None:
        client = Client()
        body = b"x" * 500_000
        client.transport.deliver(request_bytes("GET", "/later"))
        client.transport.deliver(request_bytes("POST", "/b", body))
        client.application.answer()
        client.transport.deliver()
        assert client.transport.take() == answer("GET", LATER) + answer("POST", b"/b", len(body))

    def test_what_a_busy_connection_is_sent_is_not_kept_without_bound(self) -> None:
        client = Client()
        client.transport.deliver(request_bytes("GET", "/later"))
        client.transport.deliver(request_bytes("POST", "/b", b"x" * 10_000_000))
        assert client.transport.unread_bytes > 9_000_000
        client.application.answer()
        client.transport.deliver()
        assert client.transport.unread_bytes == 0
        assert client.transport.take() == answer("GET", LATER) + answer("POST", b"/b", 10_000_000)


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


class TestContinue:
    DATA = request_bytes("POST", "/a", b"0123456789", headers=["Expect: 100-continue"])

    def test_a_client_that_waits_is_told_to_go_on(self) -> None:
        client = Client()
        assert client.ask(self.DATA[:-10]) == CONTINUE
        assert client.ask(self.DATA[-10:]) == answer("POST", b"/a", 10)

    def test_one_that_did_not_wait_is_not(self) -> None:
        assert Client().ask(self.DATA) == answer("POST", b"/a", 10)

    def test_before_chunks(self) -> None:
        client = Client()
        assert client.ask(request_bytes("POST", "/a", headers=["Expect: 100-continue", CHUNKED])) == CONTINUE
        assert client.ask(b"1\r\na\r\n0\r\n\r\n") == answer("POST", b"/a", 1)

    def test_on_a_connection_that_has_seen_chunks(self) -> None:
        client = Client()
        client.ask(request_bytes("POST", "/a", b"1\r\na\r\n0\r\n\r\n", headers=[CHUNKED]))
        assert client.ask(self.DATA[:-10]) == CONTINUE
        assert client.ask(self.DATA[-10:]) == answer("POST", b"/a", 10)

    def test_a_body_that_is_too_large_is_refused_instead(self) -> None:
        client = Client(max_input_bytes=9)
        assert refused(client, self.DATA[:-10], 400) == (
            f"request JSON size of 10 bytes exceeds the maximum allowed input size of 9 bytes. {ADVICE}"
        )


class TestRefusals:
    @pytest.mark.parametrize(
        "data",
        [
            b"GARBAGE / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            request_bytes("POST", "/", headers=["Content-Length: 1", CHUNKED]),
            request_bytes("POST", "/", b"zz\r\n", headers=[CHUNKED]),
        ],
        ids=repr,
    )
    def test_what_is_not_http(self, data: bytes) -> None:
        client = Client()
        assert refused(client, data, 400).startswith("malformed HTTP request: ")
        assert client.application.asked == []

    def test_answers_before_it_still_leave(self) -> None:
        client = Client()
        sent = client.ask(request_bytes("GET", "/a") + b"GARBAGE / HTTP/1.1\r\n\r\n")
        assert sent.startswith(answer("GET", b"/a") + b"HTTP/1.1 400 ")

    @pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
    @pytest.mark.parametrize("step", [100, 100_000])
    def test_a_head_that_is_too_long(self, end: bytes, step: int) -> None:
        client = Client(max_head_bytes=1000)
        data = b"GET /" + b"a" * 2000 + end
        for start in range(0, len(data), step):
            client.transport.deliver(data[start : start + step])
        assert error_of(client.transport.take(), 431) == "request head is larger than 1000 bytes"
        assert client.transport.closed

    @pytest.mark.parametrize("whole", [True, False])
    @pytest.mark.parametrize(
        ("headers", "limits", "size", "status", "error"),
        [
            (
                [],
                {"max_input_bytes": 99},
                100,
                400,
                f"request JSON size of 100 bytes exceeds the maximum allowed input size of 99 bytes. {ADVICE}",
            ),
            (
                ["Inference-Header-Content-Length: 0"],
                {"max_input_bytes": 99},
                100,
                400,
                f"Raw input has a byte_size (100 bytes) that exceeds the maximum allowed value of 99 bytes. {ADVICE}",
            ),
            (
                ["Inference-Header-Content-Length: 10"],
                {"max_body_bytes": 99},
                100,
                413,
                "request body of 100 bytes is larger than the 99 bytes that are allowed",
            ),
        ],
    )
    def test_a_body_that_is_too_large_however_it_comes(
        self, *, headers: list[str], limits: dict[str, int], size: int, status: int, error: str, whole: bool
    ) -> None:
        client = Client(**limits)
        data = request_bytes("POST", "/a", b"x" * size, headers=headers)
        assert refused(client, data if whole else data[:-size], status) == error

    @pytest.mark.parametrize("before", [b"", request_bytes("POST", "/", b"0\r\n\r\n", headers=[CHUNKED])])
    def test_a_binary_body_may_be_larger_than_json(self, before: bytes) -> None:
        client = Client(max_input_bytes=99)
        client.ask(before)
        data = request_bytes("POST", "/a", b"x" * 1000, headers=["Inference-Header-Content-Length: 10"])
        assert client.ask(data) == answer("POST", b"/a", 1000)

    def test_too_much_at_a_time(self) -> None:
        client = Client(max_receiving_bytes=1000)
        data = request_bytes("POST", "/a", b"x" * 600)
        client.transport.deliver(data[:-1])
        _, other = connect(client.server)
        other.deliver(data[:-1])
        assert error_of(other.take(), 503) == "the server is receiving as much as it may, try again later"
        assert other.closed
        client.transport.deliver(data[-1:])
        assert client.transport.take() == answer("POST", b"/a", 600)

    def test_too_many_connections(self) -> None:
        client = Client(max_connections=1)
        _, other = connect(client.server)
        assert error_of(other.take(), 503).startswith("the server has as many connections as it may have")
        assert other.closed
        assert client.ask(request_bytes("GET", "/a")) == answer("GET", b"/a")

    @pytest.mark.parametrize("path", ["/error", "/crash"])
    def test_an_error_of_the_application_keeps_the_connection(
        self, path: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = Client()
        caplog.set_level(logging.CRITICAL, "naiad.server.http1")
        status, text = (
            (404, "not here") if path == "/error" else (500, "unexpected internal error, see the server's log")
        )
        assert error_of(client.ask(request_bytes("GET", path)), status) == text
        assert client.ask(request_bytes("GET", "/a")) == answer("GET", b"/a")


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


def test_connections_do_not_share_anything() -> None:
    first = Client()
    _, second = connect(first.server)
    first.transport.deliver(request_bytes("POST", "/a", b"abc")[:-2])
    second.deliver(request_bytes("GET", "/b"))
    first.transport.deliver(b"bc")
    assert second.take() == answer("GET", b"/b")
    assert first.transport.take() == answer("POST", b"/a", 3)
    assert isinstance(second, FakeTransport)
