"""Request heads: what llhttp takes apart, and the shapes that smuggle a second request past somebody."""

from __future__ import annotations

import pytest

from naiad.errors import HeaderFieldsTooLargeError, InvalidArgumentError
from naiad.server.request_head import HeadCache, RequestHead

LIMIT = 4096


def parse(*lines: str, limit: int = LIMIT) -> RequestHead:
    return HeadCache(limit).parse("\r\n".join((*lines, "", "")).encode("latin-1"))


def is_refused(*lines: str) -> bool:
    with pytest.raises(InvalidArgumentError) as caught:
        parse(*lines)
    return caught.value.message.startswith("malformed HTTP request: ")


def test_a_request_line_and_headers() -> None:
    head = parse("POST /v2/models/m/infer HTTP/1.1", "Host: a", "Content-Length: 12", "X-Y: z")
    assert (head.method, head.path) == ("POST", b"/v2/models/m/infer")
    assert head.headers == {b"host": b"a", b"content-length": b"12", b"x-y": b"z"}
    assert (head.content_length, head.chunked, head.keep_alive) == (12, False, True)
    assert head.connection_field == b""


def test_the_query_and_the_headers_as_they_came() -> None:
    head = parse("GET /score?a=1&b=%20?#c HTTP/1.1", "Host: a", "X-Y: 1", "x-y: 2")
    assert (head.path, head.query) == (b"/score", b"a=1&b=%20?")
    assert head.fields == [(b"Host", b"a"), (b"X-Y", b"1"), (b"x-y", b"2")]
    assert head.headers[b"x-y"] == b"2"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/v2", b"/v2"),
        ("/v2?x=1", b"/v2"),
        ("/v2?x=/v3#y", b"/v2"),
        ("http://localhost/v2", b"/v2"),
        ("http://localhost:80/v2?x=1", b"/v2"),
        ("HTTP://localhost/v2", b"/v2"),
        ("http://localhost", b"/"),
        ("/v2/%2e%2e/x", b"/v2/%2e%2e/x"),
        ("//v2", b"//v2"),
        ("/a://b", b"/a://b"),
        ("*", b"*"),
    ],
)
def test_the_path(target: str, path: bytes) -> None:
    assert parse(f"OPTIONS {target} HTTP/1.1").path == path


@pytest.mark.parametrize(
    ("version", "connection", "keep_alive", "field"),
    [
        ("1.1", None, True, b""),
        ("1.1", "close", False, b"Connection: close\r\n"),
        ("1.1", "Close", False, b"Connection: close\r\n"),
        ("1.1", "keep-alive", True, b""),
        ("1.0", None, False, b"Connection: close\r\n"),
        ("1.0", "keep-alive", True, b"Connection: keep-alive\r\n"),
    ],
)
def test_how_long_the_connection_lives(*, version: str, connection: str | None, keep_alive: bool, field: bytes) -> None:
    head = parse(f"GET / HTTP/{version}", *([f"Connection: {connection}"] if connection else []))
    assert (head.keep_alive, head.connection_field) == (keep_alive, field)


@pytest.mark.parametrize("value", ["100-continue", "100-Continue"])
def test_a_client_that_waits_before_its_body(value: str) -> None:
    assert parse("POST / HTTP/1.1", f"Expect: {value}", "Content-Length: 5").expects_continue


def test_names_are_lower_case_and_the_last_value_counts() -> None:
    assert parse("GET / HTTP/1.1", "X-A: 1", "x-a: 2").headers == {b"x-a": b"2"}


def test_values_lose_the_space_around_them() -> None:
    assert parse("POST / HTTP/1.1", "Content-Length:  \t 7 \t").content_length == 7


class TestSmuggling:
    """A proxy in front may see other borders between requests than the server does: such heads are refused."""

    @pytest.mark.parametrize(
        "headers",
        [
            ("Content-Length: 5", "Transfer-Encoding: chunked"),
            ("Transfer-Encoding: chunked", "Content-Length: 5"),
            ("Content-Length: 5", "Content-Length: 6"),
            ("Content-Length: 5", "Content-Length: 5"),
            ("Content-Length: 5, 5",),
            ("Content-Length: +5",),
            ("Content-Length: -5",),
            ("Content-Length: 0x5",),
            ("Content-Length: 5 5",),
            ("Content-Length: 5_0",),
            ("Content-Length: abc",),
            ("Content-Length:",),
            ("Content-Length: 99999999999999999999999",),
            ("Transfer-Encoding: identity",),
            ("Transfer-Encoding: chunked, identity",),
            ("Transfer-Encoding: xchunked",),
            ("Transfer-Encoding: chunkedx",),
            ("Transfer-Encoding : chunked",),
            ("Content-Length : 5",),
            (" Content-Length: 5",),
            ("X-A: 1", " folded"),
            ("X-A: 1", "\tfolded"),
            ("X A: 1",),
            ("X-A: a\rb",),
            ("X-A: a\nContent-Length: 5",),
            ("X-A: a\0b",),
            ("(X): 1",),
            (": 1",),
            ("X-A",),
        ],
        ids=repr,
    )
    def test_headers(self, headers: tuple[str, ...]) -> None:
        assert is_refused("POST / HTTP/1.1", *headers)

    @pytest.mark.parametrize(
        "line",
        [
            "GARBAGE / HTTP/1.1",
            "get / HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET / HTTP/1.2",
            "GET / HTTP/11",
            "GET / http/1.1",
            "GET",
            "GET /a b HTTP/1.1",
            "GET /a\0b HTTP/1.1",
            "GET HTTP/1.1",
            "\x16\x03\x01\x02\x00\x01\x00\x01",
        ],
        ids=repr,
    )
    def test_request_lines(self, line: str) -> None:
        assert is_refused(line, "Host: a")

    def test_the_preface_of_http2(self) -> None:
        with pytest.raises(InvalidArgumentError):
            parse("PRI * HTTP/2.0")


class TestLimits:
    @pytest.mark.parametrize("line", ["GET /{} HTTP/1.1", "GET / HTTP/1.1\r\nX-A: {}", "GET / HTTP/1.1\r\nX-{}: a"])
    def test_a_head_that_is_too_long(self, line: str) -> None:
        assert parse(line.format("a" * (LIMIT - 100))).method == "GET"
        with pytest.raises(HeaderFieldsTooLargeError) as caught:
            parse(line.format("a" * (LIMIT + 1)))
        assert caught.value.message == f"request head is larger than {LIMIT} bytes"

    def test_many_short_headers_count_too(self) -> None:
        with pytest.raises(HeaderFieldsTooLargeError):
            parse("GET / HTTP/1.1", *["a:b"] * LIMIT)


class TestMemory:
    def test_the_same_bytes_are_the_same_head(self) -> None:
        cache = HeadCache(LIMIT)
        text = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
        assert cache.parse(text) is cache.parse(bytes(bytearray(text)))
        assert cache.parse(text.replace(b"/a", b"/b")) is not cache.parse(text)

    def test_a_refusal_is_not_remembered(self) -> None:
        cache = HeadCache(LIMIT)
        for _ in range(2):
            with pytest.raises(InvalidArgumentError):
                cache.parse(b"GARBAGE / HTTP/1.1\r\n\r\n")

    def test_it_does_not_grow_without_bound(self) -> None:
        cache = HeadCache(LIMIT)
        for index in range(5000):
            cache.parse(b"GET /%d HTTP/1.1\r\n\r\n" % index)
        assert len(cache._heads) <= 1024
