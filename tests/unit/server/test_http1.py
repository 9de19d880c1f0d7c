"""A connection driven with bytes: requests in however they are cut, answers out in order."""

from __future__ import annotations

import logging

import pytest

from naiad.server.http2_session import PREFACE
from tests.support.echo import CLOSE, LATER, Client, answer, error_of
from tests.support.http_client import request_bytes
from tests.support.transport import READ_BYTES, FakeTransport, connect

CHUNKED = "Transfer-Encoding: chunked"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ADVICE = "Use --http-max-input-size to increase the limit."


def refused(client: Client, data: bytes, status: int) -> str:
    """The error for these bytes, behind which the connection closes."""
    sent = client.ask(data)
    assert client.transport.closed
    assert b"\r\nConnection: close\r\n" in sent
    return error_of(sent, status)


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
            request_bytes("POST", "/", headers=["Content-Length: 1", CHUNKED]),
            request_bytes("POST", "/", b"zz\r\n", headers=[CHUNKED]),
        ],
        ids=repr,
    )
    def test_what_is_not_http(self, data: bytes) -> None:
        client = Client()
        assert refused(client, data, 400).startswith("malformed HTTP request: ")
        assert client.application.asked == []

    @pytest.mark.parametrize("data", [b"GARBAGE / HTTP/1.1\r\n\r\n", PREFACE])
    def test_answers_before_it_still_leave(self, data: bytes) -> None:
        client = Client()
        sent = client.ask(request_bytes("GET", "/a") + data)
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
        assert error_of(other.take(), 503) == "the server holds as many bytes of requests as it may, try again later"
        assert other.closed
        client.transport.deliver(data[-1:])
        assert client.transport.take() == answer("POST", b"/a", 600)

    def test_a_body_counts_until_its_request_is_answered(self) -> None:
        client = Client(max_receiving_bytes=1000)
        data = request_bytes("POST", "/later", b"x" * 600)
        client.transport.deliver(data[:-1])
        client.transport.deliver(data[-1:])
        _, other = connect(client.server)
        other.deliver(data[:-1])
        assert error_of(other.take(), 503).startswith("the server holds as many bytes")
        client.application.answer()
        _, third = connect(client.server)
        third.deliver(data[:-1])
        assert third.take() == b""

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


def test_connections_do_not_share_anything() -> None:
    first = Client()
    _, second = connect(first.server)
    first.transport.deliver(request_bytes("POST", "/a", b"abc")[:-2])
    second.deliver(request_bytes("GET", "/b"))
    first.transport.deliver(b"bc")
    assert second.take() == answer("GET", b"/b")
    assert first.transport.take() == answer("POST", b"/a", 3)
    assert isinstance(second, FakeTransport)
