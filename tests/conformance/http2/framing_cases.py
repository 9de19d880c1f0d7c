"""Cases about frames: their size, their stream, their place among others (RFC 9113 §3.4–6.10)."""

from __future__ import annotations

from tests.conformance.http2.case import case
from tests.conformance.http2.expectation import IGNORED, MALFORMED, answered, connection_fails, fails
from tests.conformance.http2.frames import (
    LEAST_MAX_FRAME_BYTES,
    MAX_WINDOW,
    PREFACE,
    Error,
    Flag,
    Frame,
    Setting,
    Type,
    block,
    continuation,
    data,
    goaway,
    headers,
    ping,
    priority,
    reset,
    settings,
    window_update,
)
from tests.conformance.http2.requests import BODY, GET, POST, get, post, post_head, with_length

PROTOCOL, SIZE, FLOW = (
    connection_fails(Error.PROTOCOL_ERROR),
    connection_fails(Error.FRAME_SIZE_ERROR),
    connection_fails(Error.FLOW_CONTROL_ERROR),
)
TOO_LARGE = (1 << 24) - 1
"""A length that no server here offers to take."""
RESERVED = 1 << 31
GET_BLOCK, POST_BLOCK = block(GET), block(POST)
ODD = headers(1, GET_BLOCK[:20], end=True, whole=False)
"""A request that has only begun."""

PREFACE_CASES = (
    case("3.4", "the preface twice", connection_fails(Error.PROTOCOL_ERROR, Error.FRAME_SIZE_ERROR), PREFACE),
)
FRAME_CASES = (
    case("4.1", "unknown type on the connection", IGNORED, Frame(Type.UNKNOWN, 0xFF, 0, b"any")),
    case("4.1", "unknown type on an idle stream", IGNORED, Frame(Type.UNKNOWN, 0, 5, b"any")),
    case(
        "4.1",
        "unknown type on an open stream",
        answered(),
        post_head(),
        Frame(Type.UNKNOWN, 0, 1, b"any"),
        data(1, BODY, end=True),
    ),
    case("4.1", "unknown type without payload, many", IGNORED, [Frame(Type.UNKNOWN, 0, 0)] * 50),
    case(
        "4.1",
        "undefined flags",
        answered(),
        Frame(Type.PING, 0xFE & ~Flag.ACK, 0, b"12345678"),
        Frame(Type.HEADERS, Flag.END_STREAM | Flag.END_HEADERS | 0xD2, 1, GET_BLOCK),
    ),
    case(
        "4.1",
        "reserved bit of the stream",
        answered(),
        Frame(Type.HEADERS, Flag.END_STREAM | Flag.END_HEADERS, 1 | RESERVED, GET_BLOCK),
    ),
    case(
        "4.2", "DATA of the largest size", answered(), post_head(), data(1, BODY.ljust(LEAST_MAX_FRAME_BYTES), end=True)
    ),
    case("4.2", "DATA too large", SIZE, post_head(), Frame(Type.DATA, 0, 1, b"x", TOO_LARGE)),
    case("4.2", "HEADERS too large", SIZE, Frame(Type.HEADERS, Flag.END_HEADERS, 1, GET_BLOCK, TOO_LARGE)),
    case("4.2", "SETTINGS too large", SIZE, Frame(Type.SETTINGS, 0, 0, b"x", TOO_LARGE)),
    case("4.2", "PING too large", SIZE, Frame(Type.PING, 0, 0, b"x" * 9)),
    case("4.2", "unknown type too large", SIZE, Frame(Type.UNKNOWN, 0, 0, b"x", TOO_LARGE)),
)
STATE_CASES = (
    case("5.1", "idle: DATA", PROTOCOL, data(1, b"x")),
    case("5.1", "idle: RST_STREAM", PROTOCOL, reset(1)),
    case("5.1", "idle: WINDOW_UPDATE", PROTOCOL, window_update(1, 1)),
    case("5.1", "idle: CONTINUATION", PROTOCOL, continuation(1, GET_BLOCK, whole=True)),
    case("5.1", "idle: PRIORITY", IGNORED, priority(1)),
    # What is sent at once may find the stream half-closed or closed, as fast as the server is.
    case("5.1", "half-closed: DATA", answered() | fails(Error.STREAM_CLOSED), get(), data(1, b"x")),
    case("5.1", "half-closed: HEADERS", answered() | fails(Error.STREAM_CLOSED), get(), get()),
    case(
        "5.1",
        "half-closed: CONTINUATION",
        connection_fails(Error.PROTOCOL_ERROR, Error.STREAM_CLOSED),
        get(),
        continuation(1, GET_BLOCK, whole=True),
    ),
    case("5.1", "half-closed: WINDOW_UPDATE, PRIORITY", answered(), get(), window_update(1, 1), priority(1)),
    case("5.1", "closed: DATA", IGNORED | fails(Error.STREAM_CLOSED), post_head(), reset(1), data(1, b"x")),
    case(
        "5.1",
        "closed: HEADERS",
        IGNORED | fails(Error.STREAM_CLOSED, Error.PROTOCOL_ERROR),
        post_head(),
        reset(1),
        get(),
    ),
    case(
        "5.1",
        "closed: RST_STREAM, WINDOW_UPDATE, PRIORITY",
        IGNORED,
        post_head(),
        reset(1),
        reset(1),
        window_update(1, 1),
        priority(1),
    ),
    case("5.1.1", "even stream", PROTOCOL, get(2)),
    # Streams that were passed over are closed, and what comes on closed ones may be an error (§5.1).
    case(
        "5.1.1",
        "smaller stream than before",
        IGNORED | connection_fails(Error.PROTOCOL_ERROR, Error.STREAM_CLOSED),
        get(3),
        get(1),
    ),
    case(
        "5.1.1",
        "DATA on a stream that was passed over",
        IGNORED | connection_fails(Error.PROTOCOL_ERROR, Error.STREAM_CLOSED),
        get(5),
        data(3, b"x"),
    ),
    case("5.1.1", "streams far apart", answered(), get(1), get(999)),
    case("5.5", "unknown type inside a header block", PROTOCOL, ODD, Frame(Type.UNKNOWN, 0, 0, b"any")),
)
DATA_CASES = (
    case("6.1", "DATA on the connection", PROTOCOL, data(0, b"x")),
    case("6.1", "padding as long as the payload", PROTOCOL, post_head(), Frame(Type.DATA, Flag.PADDED, 1, b"\x04abc")),
    case("6.1", "padding longer than the payload", PROTOCOL, post_head(), Frame(Type.DATA, Flag.PADDED, 1, b"\xffabc")),
    case(
        "6.1",
        "padded without a length",
        connection_fails(Error.PROTOCOL_ERROR, Error.FRAME_SIZE_ERROR),
        post_head(),
        Frame(Type.DATA, Flag.PADDED, 1),
    ),
    case(
        "6.1",
        "padding that is not zero",
        answered() | PROTOCOL,
        post_head(),
        Frame(Type.DATA, Flag.PADDED | Flag.END_STREAM, 1, b"\x03" + BODY + b"abc"),
    ),
    case(
        "6.1",
        "much padding",
        answered(),
        post_head(),
        [data(1, b"", padding=255)] * 20,
        data(1, BODY, end=True, padding=255),
    ),
    case("6.1", "padding of no length", answered(), post_head(), data(1, BODY, end=True, padding=0)),
    case(
        "6.1",
        "one byte in each frame",
        answered(),
        post_head(1, with_length(len(BODY))),
        [data(1, BODY[place : place + 1]) for place in range(len(BODY))],
        data(1, end=True),
    ),
)
HEADERS_CASES = (
    case("6.2", "HEADERS on the connection", PROTOCOL, get(0)),
    case(
        "6.2",
        "padding longer than the payload",
        PROTOCOL,
        Frame(Type.HEADERS, Flag.PADDED | Flag.END_HEADERS | Flag.END_STREAM, 1, b"\xff" + GET_BLOCK),
    ),
    case("6.2", "padded", answered(), headers(1, GET_BLOCK, end=True, padding=200)),
    case(
        "6.2",
        "with a priority, padded",
        answered(),
        headers(1, GET_BLOCK, end=True, padding=3, priority=b"\x80\0\0\x03\xff"),
    ),
    case(
        "6.2",
        "too short for its priority",
        connection_fails(Error.PROTOCOL_ERROR, Error.FRAME_SIZE_ERROR),
        Frame(Type.HEADERS, Flag.PRIORITY | Flag.END_HEADERS | Flag.END_STREAM, 1, b"\0\0\0"),
    ),
    case(
        "6.2",
        "depends on itself",
        answered() | fails(Error.PROTOCOL_ERROR),
        headers(1, GET_BLOCK, end=True, priority=b"\0\0\0\x01\xff"),
    ),
    case("6.2", "no fields at all", MALFORMED, headers(1, b"", end=True)),
)
CONTROL_CASES = (
    # nghttp2, to which priorities mean nothing any more, does not look where they belong.
    case("6.3", "PRIORITY on the connection", PROTOCOL | IGNORED, priority(0)),
    case(
        "6.3", "PRIORITY of four bytes", fails(Error.FRAME_SIZE_ERROR), post_head(), Frame(Type.PRIORITY, 0, 1, b"1234")
    ),
    case("6.4", "RST_STREAM on the connection", PROTOCOL, reset(0)),
    case("6.4", "RST_STREAM of three bytes", SIZE, post_head(), Frame(Type.RST_STREAM, 0, 1, b"123")),
    case("6.4", "RST_STREAM with an unknown code", IGNORED, post_head(), reset(1, 0xABCDEF)),
    case("6.5", "SETTINGS on a stream", PROTOCOL, Frame(Type.SETTINGS, 0, 1, b"")),
    case("6.5", "SETTINGS of five bytes", SIZE, Frame(Type.SETTINGS, 0, 0, b"12345")),
    case("6.5", "acknowledgement with a payload", SIZE, Frame(Type.SETTINGS, Flag.ACK, 0, b"\0\x03\0\0\0\x01")),
    case("6.5", "acknowledgement that nobody asked for", IGNORED | PROTOCOL, [settings(ack=True)] * 3),
    case("6.5.2", "ENABLE_PUSH 2", PROTOCOL, settings((Setting.ENABLE_PUSH, 2))),
    case("6.5.2", "INITIAL_WINDOW_SIZE too large", FLOW, settings((Setting.INITIAL_WINDOW_SIZE, 1 << 31))),
    case("6.5.2", "MAX_FRAME_SIZE too small", PROTOCOL, settings((Setting.MAX_FRAME_SIZE, 16383))),
    case("6.5.2", "MAX_FRAME_SIZE too large", PROTOCOL, settings((Setting.MAX_FRAME_SIZE, 1 << 24))),
    case("6.5.2", "unknown setting", IGNORED, settings((Setting.UNKNOWN, 7), (0, 0), (0xFFFF, 0xFFFFFFFF))),
    case(
        "6.5.2",
        "every setting, twice",
        answered(),
        settings(
            (Setting.HEADER_TABLE_SIZE, 0),
            (Setting.HEADER_TABLE_SIZE, 8192),
            (Setting.ENABLE_PUSH, 0),
            (Setting.MAX_CONCURRENT_STREAMS, 0),
            (Setting.INITIAL_WINDOW_SIZE, 1),
            (Setting.INITIAL_WINDOW_SIZE, 65535),
            (Setting.MAX_FRAME_SIZE, 1 << 20),
            (Setting.MAX_HEADER_LIST_SIZE, 1 << 20),
        ),
        post(),
    ),
    case(
        "6.6",
        "PUSH_PROMISE from a client",
        PROTOCOL,
        Frame(Type.PUSH_PROMISE, Flag.END_HEADERS, 1, b"\0\0\0\x02" + GET_BLOCK),
    ),
    case(
        "6.6",
        "PUSH_PROMISE on an open stream",
        PROTOCOL,
        post_head(),
        Frame(Type.PUSH_PROMISE, Flag.END_HEADERS, 1, b"\0\0\0\x02" + GET_BLOCK),
    ),
    case("6.7", "PING on a stream", PROTOCOL, Frame(Type.PING, 0, 1, b"12345678")),
    case("6.7", "PING of seven bytes", SIZE, Frame(Type.PING, 0, 0, b"1234567")),
    case("6.7", "acknowledgement that nobody asked for", IGNORED, ping(ack=True)),
    case("6.8", "GOAWAY on a stream", PROTOCOL, Frame(Type.GOAWAY, 0, 1, bytes(8))),
    case("6.8", "GOAWAY of seven bytes", SIZE, Frame(Type.GOAWAY, 0, 0, bytes(7))),
)
WINDOW_CASES = (
    case("6.9", "WINDOW_UPDATE of three bytes", SIZE, Frame(Type.WINDOW_UPDATE, 0, 0, b"123")),
    case("6.9", "no increment for the connection", PROTOCOL, window_update(0, 0)),
    case("6.9", "no increment for a stream", fails(Error.PROTOCOL_ERROR), post_head(), window_update(1, 0)),
    case("6.9", "reserved bit of the increment", answered(), window_update(0, 1 | RESERVED), post()),
    case("6.9.1", "the connection's window overflows", FLOW, window_update(0, MAX_WINDOW)),
    case(
        "6.9.1",
        "the connection's window overflows in two steps",
        FLOW,
        [window_update(0, MAX_WINDOW - 65535)],
        window_update(0, 1),
    ),
    case(
        "6.9.1",
        "a stream's window overflows",
        fails(Error.FLOW_CONTROL_ERROR),
        post_head(),
        window_update(1, MAX_WINDOW),
    ),
    case(
        "6.9.1",
        "the largest windows",
        answered(),
        window_update(0, MAX_WINDOW - 65535),
        post_head(),
        window_update(1, MAX_WINDOW - 65535),
        data(1, BODY, end=True),
    ),
    case(
        "6.9.2",
        "INITIAL_WINDOW_SIZE overflows a stream's window",
        fails(Error.FLOW_CONTROL_ERROR),
        post_head(),
        window_update(1, MAX_WINDOW - 65535),
        settings((Setting.INITIAL_WINDOW_SIZE, 65536)),
    ),
)
CONTINUATION_CASES = (
    case(
        "6.10",
        "three",
        answered(),
        headers(1, GET_BLOCK[:9], end=True, whole=False),
        continuation(1, GET_BLOCK[9:20]),
        continuation(1, b""),
        continuation(1, GET_BLOCK[20:], whole=True),
    ),
    case(
        "6.10",
        "HEADERS without fields, CONTINUATION with all",
        answered(),
        headers(1, b"", end=True, whole=False),
        continuation(1, GET_BLOCK, whole=True),
    ),
    case(
        "6.10",
        "body behind",
        answered(),
        headers(1, POST_BLOCK[:9], whole=False),
        continuation(1, POST_BLOCK[9:], whole=True),
        data(1, BODY, end=True),
    ),
    case("6.10", "on the connection", PROTOCOL, ODD, continuation(0, GET_BLOCK[20:], whole=True)),
    case("6.10", "on another stream", PROTOCOL, ODD, continuation(3, GET_BLOCK[20:], whole=True)),
    case(
        "6.10",
        "behind a whole block",
        connection_fails(Error.PROTOCOL_ERROR),
        post_head(),
        continuation(1, b"", whole=True),
    ),
    case("6.10", "behind DATA", PROTOCOL, post_head(), data(1, b"x"), continuation(1, b"", whole=True)),
    *(
        case("6.10", f"{Type(frame.type).name} in between", PROTOCOL, ODD, frame)
        for frame in (data(1, b"x"), get(3), priority(1), reset(1), settings(), ping(), goaway(), window_update(0, 1))
    ),
)
FRAMING_CASES = (
    *(*PREFACE_CASES, *FRAME_CASES, *STATE_CASES, *DATA_CASES, *HEADERS_CASES, *CONTROL_CASES, *WINDOW_CASES),
    *CONTINUATION_CASES,
)
