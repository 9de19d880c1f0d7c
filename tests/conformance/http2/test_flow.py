"""Windows and settings that change while an answer is on its way (RFC 9113 §5.2, §6.5, §6.9)."""

from __future__ import annotations

import pytest

from tests.conformance.http2.client import DEFAULT_WINDOW_BYTES, Client
from tests.conformance.http2.frames import (
    LEAST_MAX_FRAME_BYTES,
    Error,
    Flag,
    Setting,
    Type,
    data,
    reset,
    settings,
    window_update,
)
from tests.conformance.http2.requests import BODY, echo, get, post, post_head
from tests.support.server import Server

CONTENT = bytes(range(256)) * 1024
LARGE_WINDOW = 1 << 24


def ask(client: Client, stream: int = 1, content: bytes = CONTENT) -> None:
    """Send a request whose answer is large, and wait for the beginning of it."""
    head, body = echo(stream, content)
    client.send(head)
    client.send_body(stream, body)
    client.read_until(lambda: client.streams[stream].status == 200, "the head of an answer")


def body_frames(client: Client) -> list[int]:
    """The sizes of the DATA frames that have come."""
    return [len(frame.payload) for frame in client.frames if frame.type == Type.DATA]


def test_an_answer_waits_for_its_streams_window(server: Server) -> None:
    with Client(server.http_port) as client:
        client.greet((Setting.INITIAL_WINDOW_SIZE, 0))
        ask(client)
        client.catch_up()
        assert client.streams[1].body == b""
        client.send(window_update(1, 10))
        client.read_until(lambda: len(client.streams[1].body) >= 10, "ten bytes")
        client.catch_up()
        assert len(client.streams[1].body) == 10
        client.send(window_update(0, LARGE_WINDOW), window_update(1, LARGE_WINDOW))
        assert client.read_stream(1).body.endswith(CONTENT)


def test_an_answer_comes_byte_by_byte(server: Server) -> None:
    with Client(server.http_port) as client:
        client.greet((Setting.INITIAL_WINDOW_SIZE, 1))
        client.send(*post())
        client.read_body(1)
        while not client.streams[1].ended:
            client.send(window_update(1, 1))
            client.catch_up()
        assert set(body_frames(client)) <= {0, 1}
        assert b'"outputs"' in client.streams[1].body


def test_answers_share_the_connections_window(server: Server) -> None:
    with Client(server.http_port) as client:
        client.greet((Setting.INITIAL_WINDOW_SIZE, LARGE_WINDOW))
        ask(client, 1)
        ask(client, 3)
        client.catch_up()
        assert sum(body_frames(client)) == DEFAULT_WINDOW_BYTES
        client.send(window_update(0, 1))
        client.catch_up()
        assert sum(body_frames(client)) == DEFAULT_WINDOW_BYTES + 1
        client.send(window_update(0, LARGE_WINDOW))
        for stream in (1, 3):
            assert client.read_stream(stream).body.endswith(CONTENT)


def test_a_stream_without_a_window_holds_up_no_other(server: Server) -> None:
    with Client(server.http_port) as client:
        client.greet((Setting.INITIAL_WINDOW_SIZE, 0))
        ask(client, 1)
        client.send(settings((Setting.INITIAL_WINDOW_SIZE, 0)), *post(3), window_update(3, DEFAULT_WINDOW_BYTES))
        assert client.read_stream(3).status == 200
        assert client.streams[1].body == b""


def test_a_window_that_shrinks_below_nothing(server: Server) -> None:
    with Client(server.http_port) as client:
        client.greet((Setting.INITIAL_WINDOW_SIZE, 1000))
        ask(client)
        client.catch_up()
        assert len(client.streams[1].body) == 1000
        client.send(settings((Setting.INITIAL_WINDOW_SIZE, 0)), window_update(1, 1000))
        client.catch_up()
        assert len(client.streams[1].body) == 1000, "the window is at 0 now"
        client.send(window_update(1, 5))
        client.catch_up()
        assert len(client.streams[1].body) == 1005
        client.send(window_update(0, LARGE_WINDOW), window_update(1, LARGE_WINDOW))
        assert client.read_stream(1).body.endswith(CONTENT)


def test_a_window_that_grows_by_settings(server: Server) -> None:
    with Client(server.http_port) as client:
        client.greet((Setting.INITIAL_WINDOW_SIZE, 10))
        ask(client)
        client.send(settings((Setting.INITIAL_WINDOW_SIZE, 100)))
        client.catch_up()
        assert len(client.streams[1].body) == 100
        client.send(window_update(0, LARGE_WINDOW), settings((Setting.INITIAL_WINDOW_SIZE, LARGE_WINDOW)))
        assert client.read_stream(1).body.endswith(CONTENT)


@pytest.mark.parametrize("largest", [LEAST_MAX_FRAME_BYTES, 20_000, (1 << 24) - 1])
def test_no_frame_is_larger_than_the_client_takes(server: Server, largest: int) -> None:
    with Client(server.http_port) as client:
        client.greet((Setting.INITIAL_WINDOW_SIZE, LARGE_WINDOW), (Setting.MAX_FRAME_SIZE, largest))
        client.send(window_update(0, LARGE_WINDOW))
        ask(client)
        assert client.read_stream(1).body.endswith(CONTENT)
        assert max(body_frames(client)) <= largest


def test_frames_become_larger_only_when_the_client_says_so(server: Server) -> None:
    with Client(server.http_port) as client:
        client.greet((Setting.MAX_FRAME_SIZE, LARGE_WINDOW - 1), (Setting.INITIAL_WINDOW_SIZE, LARGE_WINDOW))
        ask(client)
        client.send(settings((Setting.MAX_FRAME_SIZE, LEAST_MAX_FRAME_BYTES)))
        client.catch_up()
        known = len(body_frames(client))
        client.send(window_update(0, LARGE_WINDOW))
        assert client.read_stream(1).body.endswith(CONTENT)
        assert max(body_frames(client)[known:]) <= LEAST_MAX_FRAME_BYTES


def test_answers_without_a_header_table(server: Server) -> None:
    with Client(server.http_port) as client:
        client.decoder.max_allowed_table_size = 0
        client.decoder.header_table_size = 0
        client.greet((Setting.HEADER_TABLE_SIZE, 0))
        for stream in (1, 3, 5):
            client.send(*post(stream))
            assert client.read_stream(stream).status == 200


def test_every_settings_frame_is_acknowledged(server: Server) -> None:
    with Client(server.http_port) as client:
        client.greet()
        client.send(*[settings((Setting.INITIAL_WINDOW_SIZE, size)) for size in range(100, 110)])
        client.catch_up()
        assert sum(frame.type == Type.SETTINGS and bool(frame.flags & Flag.ACK) for frame in client.frames) == 11


def test_a_large_body_gets_room_as_it_is_taken_in(server: Server) -> None:
    content = CONTENT * 40
    with Client(server.http_port) as client:
        client.greet((Setting.INITIAL_WINDOW_SIZE, LARGE_WINDOW))
        client.send(window_update(0, LARGE_WINDOW))
        ask(client, 1, content)
        assert client.read_stream(1).body.endswith(content)


def test_room_that_was_taken_by_streams_that_are_gone_is_given_back(server: Server) -> None:
    """Else the connection's window would be used up by bodies that are never whole."""
    with Client(server.http_port) as client:
        client.greet()
        client.catch_up()
        for stream in range(1, 1201, 2):
            client.send(post_head(stream))
            client.send_body(stream, bytes(32_000), end=False)
            client.send(reset(stream))
        client.send(*post(1201))
        assert client.read_stream(1201).status == 200


def test_more_than_the_window_is_refused(server: Server) -> None:
    """Whoever sends more than was granted by then is told so, on the stream or on the connection."""
    with Client(server.http_port) as client:
        client.greet()
        client.catch_up()
        client.send(post_head(1))
        room = client.room(1)
        pieces = [data(1, bytes(LEAST_MAX_FRAME_BYTES)) for _ in range(2 * room // LEAST_MAX_FRAME_BYTES + 2)]
        client.send(*pieces)
        client.send(get(3))
        while not (client.goaway or client.streams[3].settled):
            assert client.read_frame() is not None
        excess = len(pieces) * LEAST_MAX_FRAME_BYTES - room - client.granted_bytes[1]
        assert excess <= 0 or Error.FLOW_CONTROL_ERROR in (client.goaway, client.streams[1].error)


def test_bodies_of_many_streams_come_in_turns(server: Server) -> None:
    streams = range(1, 41, 2)
    with Client(server.http_port) as client:
        client.greet()
        client.send(*[post_head(stream) for stream in streams])
        for place in range(0, len(BODY), 7):
            client.send(*[data(stream, BODY[place : place + 7]) for stream in streams])
        client.send(*[data(stream, end=True) for stream in streams])
        for stream in streams:
            assert client.read_stream(stream).status == 200
