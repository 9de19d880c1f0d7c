"""Cases about requests: header blocks, pseudo-headers, lengths, trailers (RFC 9113 §8, RFC 7541)."""

from __future__ import annotations

from tests.conformance.http2.case import Case, case
from tests.conformance.http2.expectation import MALFORMED, Expectation, answered, connection_fails, fails, stream_fails
from tests.conformance.http2.frames import Error, Field, block, continuation, data, headers, integer, reset
from tests.conformance.http2.requests import (
    BODY,
    GET,
    POST,
    changed,
    get,
    post_head,
    with_length,
    without,
)

BROKEN = connection_fails(Error.COMPRESSION_ERROR)
GET_BLOCK = block(GET)
TRAILER = block([(b"x-trailer", b"1")])


def asked(section: str, name: str, expected: Expectation, fields: list[Field]) -> Case:
    """A request without a body."""
    return case(section, name, expected, headers(1, block(fields), end=True))


HPACK_CASES = (
    case("HPACK 2.3.3", "index 0", BROKEN, headers(1, GET_BLOCK + b"\x80", end=True)),
    case("HPACK 2.3.3", "index beyond the tables", BROKEN, headers(1, GET_BLOCK + b"\xff\x80\x01", end=True)),
    case("HPACK 2.3.3", "name beyond the tables", BROKEN, headers(1, GET_BLOCK + b"\x7f\x80\x01\x01a", end=True)),
    case("HPACK 4.2", "table size above the limit", BROKEN, headers(1, integer(1 << 20, prefix_bits=5, first=0x20))),
    case("HPACK 4.2", "table size behind a field", BROKEN, headers(1, GET_BLOCK + b"\x20", end=True)),
    case("HPACK 4.2", "table size of nothing", answered(), headers(1, b"\x20" + GET_BLOCK, end=True)),
    case("HPACK 5.1", "integer without an end", BROKEN, headers(1, b"\x7f" + b"\xff" * 20)),
    case("HPACK 5.2", "literal cut short", BROKEN, headers(1, GET_BLOCK + b"\0\x05abc", end=True)),
    case("HPACK 5.2", "literal longer than memory", BROKEN, headers(1, b"\0\x7f" + b"\xff" * 8 + b"\x7f")),
    case("HPACK 5.2", "Huffman padding of a whole byte", BROKEN, headers(1, b"\0\x82\x1f\xff\x01a")),
    case("HPACK 5.2", "Huffman padding that is not ones", BROKEN, headers(1, b"\0\x81\x00\x01a")),
    case("HPACK 5.2", "Huffman end of string", BROKEN, headers(1, b"\0\x84\xff\xff\xff\xff\x01a")),
    case(
        "HPACK 6.1",
        "the static table",
        answered(),
        headers(1, b"\x82\x86\x01\x09localhost" + b"\x04\x0f/v2/health/live", end=True),
    ),
    case(
        "HPACK 4.3",
        "the dynamic table",
        answered(),
        headers(1, b"\x82\x86\x44\x0f/v2/health/live\x41\x01a", end=True),
        headers(3, b"\x82\x86\xbf\xbe", end=True),
    ),
    case(
        "HPACK 4.4",
        "entries that were evicted",
        BROKEN,
        headers(1, b"\x82\x86\x44\x0f/v2/health/live\x41\x01a", end=True),
        headers(3, b"\x20\x82\x86\xbf\xbe", end=True),
    ),
    case(
        "HPACK 6.2.3", "a field that is never indexed", answered(), headers(1, GET_BLOCK + b"\x10\x01x\x01y", end=True)
    ),
    case(
        "4.3", "a broken block on a stream that was reset", BROKEN, post_head(), reset(1), headers(3, b"\xff", end=True)
    ),
)
NAME_CASES = (
    *(
        asked("8.2.1", f"{what} in a name", MALFORMED, [*GET, (name, b"1")])
        for what, name in (
            ("a capital", b"X-Name"),
            ("a space", b"x name"),
            ("NUL", b"x\0name"),
            ("a colon", b"x:name"),
            ("nothing", b""),
            ("a line end", b"x\r\nname"),
            ("DEL", b"x\x7f"),
            ("a byte above ASCII", b"x\xe9"),
        )
    ),
    *(
        asked("8.2.1", f"{what} in a value", MALFORMED, [*GET, (b"x", value)])
        for what, value in (
            ("NUL", b"a\0b"),
            ("LF", b"a\nb"),
            ("CR", b"a\rb"),
            ("request splitting", b"a\r\n\r\nGET / HTTP/1.1"),
        )
    ),
    asked("8.2.1", "space around a value", MALFORMED | answered(), [*GET, (b"x", b" a\t")]),
    asked("8.2.1", "an empty value", answered(), [*GET, (b"x", b"")]),
    asked("8.2.1", "a value above ASCII", answered(), [*GET, (b"x", "ü☃".encode())]),
    *(
        asked("8.2.2", f"{name.decode()}: {value.decode()}", MALFORMED, [*GET, (name, value)])
        for name, value in (
            (b"connection", b"keep-alive"),
            (b"keep-alive", b"timeout=5"),
            (b"proxy-connection", b"close"),
            (b"transfer-encoding", b"chunked"),
            (b"upgrade", b"h2c"),
            (b"te", b"gzip"),
        )
    ),
    asked("8.2.2", "te: trailers", answered(), [*GET, (b"te", b"trailers")]),
    asked("8.2.3", "cookies in pieces", answered(), [*GET, (b"cookie", b"a=1"), (b"cookie", b"b=2")]),
)
PSEUDO_CASES = (
    asked("8.3", "behind a field", MALFORMED, [GET[0], (b"x", b"1"), *GET[1:]]),
    asked("8.3", "an unknown one", MALFORMED, [*GET, (b":unknown", b"1")]),
    asked("8.3", ":status in a request", MALFORMED, [*GET, (b":status", b"200")]),
    *(
        asked("8.3.1", f"no {name.decode()}", MALFORMED, without(GET, name))
        for name in (b":method", b":scheme", b":path")
    ),
    *(asked("8.3.1", f"{name.decode()} twice", MALFORMED, [*GET, (name, value)]) for name, value in GET),
    asked("8.3.1", "an empty :path", MALFORMED, changed(GET, b":path", b"")),
    asked("8.3.1", "a :path without a slash", MALFORMED | answered(404), changed(GET, b":path", b"v2/health/live")),
    asked(
        "8.3.1", "a :path with a space", MALFORMED | answered(404), changed(GET, b":path", b"/v2/health/live HTTP/1.1")
    ),
    asked("8.3.1", "a :path with a line end", MALFORMED, changed(GET, b":path", b"/v2/health/live\r\nx: y")),
    asked("8.3.1", "an empty :method", MALFORMED | answered(405), changed(GET, b":method", b"")),
    asked("8.3.1", "a :method with a space", MALFORMED | answered(405), changed(GET, b":method", b"GET /v2")),
    asked("8.3.1", "an unknown :method", answered(400, 404, 405, 501), changed(GET, b":method", b"BREW")),
    asked("8.3.1", "no :authority and no host", answered() | MALFORMED, without(GET, b":authority")),
    asked("8.3.1", "host instead of :authority", answered(), [*without(GET, b":authority"), (b"host", b"localhost")]),
    asked("8.3.1", "another host than :authority", answered() | MALFORMED, [*GET, (b"host", b"elsewhere")]),
    asked("8.3.1", "an :authority with a user", answered() | MALFORMED, changed(GET, b":authority", b"a@localhost")),
    asked("8.5", "CONNECT with a :path", MALFORMED | answered(405), changed(GET, b":method", b"CONNECT")),
    asked(
        "8.5",
        "CONNECT",
        MALFORMED | answered(404, 405, 501) | stream_fails(Error.REFUSED_STREAM, Error.CONNECT_ERROR),
        [(b":method", b"CONNECT"), (b":authority", b"localhost:80")],
    ),
)
LENGTH_CASES = (
    case(
        "8.1.1",
        "content-length, and so many bytes",
        answered(),
        post_head(1, with_length(len(BODY))),
        data(1, BODY, end=True),
    ),
    case(
        "8.1.1",
        "content-length, and padding besides",
        answered(),
        post_head(1, with_length(len(BODY))),
        data(1, BODY, end=True, padding=9),
    ),
    case(
        "8.1.1",
        "fewer bytes than content-length",
        MALFORMED,
        post_head(1, with_length(len(BODY) + 1)),
        data(1, BODY, end=True),
    ),
    case(
        "8.1.1",
        "more bytes than content-length",
        MALFORMED,
        post_head(1, with_length(len(BODY) - 1)),
        data(1, BODY, end=True),
    ),
    case(
        "8.1.1",
        "more bytes in another frame",
        MALFORMED | fails(Error.PROTOCOL_ERROR, Error.STREAM_CLOSED),
        post_head(1, with_length(len(BODY))),
        data(1, BODY),
        data(1, b" ", end=True),
    ),
    case("8.1.1", "content-length without a body", MALFORMED, get(1, with_length(1))),
    case("8.1.1", "content-length of nothing", answered(), get(1, with_length(0))),
    *(
        case(
            "8.1.1",
            f"content-length {value!r}",
            MALFORMED,
            post_head(1, (b"content-length", value)),
            data(1, BODY, end=True),
        )
        for value in (b"", b"-1", b"+1", b"1e3", b"0x10", b"12 ", b"99999999999999999999999")
    ),
    case(
        "8.1.1",
        "content-length twice, differing",
        MALFORMED,
        post_head(1, with_length(len(BODY)), with_length(1)),
        data(1, BODY, end=True),
    ),
    case("8.1", "a body where none is used", answered(), headers(1, GET_BLOCK), data(1, b"x" * 100, end=True)),
)
TRAILER_CASES = (
    case("8.1", "trailers", answered(), post_head(), data(1, BODY), headers(1, TRAILER, end=True)),
    case(
        "8.1",
        "trailers in pieces",
        answered(),
        post_head(),
        data(1, BODY),
        headers(1, TRAILER[:3], end=True, whole=False),
        continuation(1, TRAILER[3:], whole=True),
    ),
    case("8.1", "trailers without a body", answered(), headers(1, GET_BLOCK), headers(1, TRAILER, end=True)),
    case(
        "8.1",
        "trailers that do not end the stream",
        fails(Error.PROTOCOL_ERROR),
        post_head(),
        data(1, BODY),
        headers(1, TRAILER),
    ),
    case(
        "8.1",
        "a second request on the stream",
        MALFORMED | fails(Error.PROTOCOL_ERROR, Error.STREAM_CLOSED),
        post_head(),
        get(),
    ),
    case(
        "8.1",
        "pseudo-headers in trailers",
        MALFORMED,
        post_head(),
        data(1, BODY),
        headers(1, block([(b":path", b"/")]), end=True),
    ),
    case(
        "8.1",
        "a connection field in trailers",
        MALFORMED,
        post_head(),
        data(1, BODY),
        headers(1, block([(b"connection", b"close")]), end=True),
    ),
    case(
        "8.1",
        "a capital in trailers",
        MALFORMED,
        post_head(),
        data(1, BODY),
        headers(1, block([(b"X", b"1")]), end=True),
    ),
    case(
        "8.1",
        "DATA behind trailers",
        answered() | fails(Error.STREAM_CLOSED),
        post_head(),
        data(1, BODY),
        headers(1, TRAILER, end=True),
        data(1, b"x"),
    ),
    case(
        "8.1.1",
        "trailers too early for content-length",
        MALFORMED,
        post_head(1, with_length(len(BODY) + 1)),
        data(1, BODY),
        headers(1, TRAILER, end=True),
    ),
)
MEANING_CASES = (
    asked("8.3.1", "an unknown path", answered(404), changed(GET, b":path", b"/nothing")),
    asked("8.3.1", "OPTIONS *", answered(400, 404, 405), changed(changed(GET, b":method", b"OPTIONS"), b":path", b"*")),
    case("8.1", "a body that is no JSON", answered(500, 400), post_head(), data(1, b"{", end=True)),
    case("8.1", "POST without a body", answered(400), headers(1, block(POST), end=True)),
    case(
        "8.1", "expect: 100-continue", answered(), post_head(1, (b"expect", b"100-continue")), data(1, BODY, end=True)
    ),
)
REQUEST_CASES = (*HPACK_CASES, *NAME_CASES, *PSEUDO_CASES, *LENGTH_CASES, *TRAILER_CASES, *MEANING_CASES)
