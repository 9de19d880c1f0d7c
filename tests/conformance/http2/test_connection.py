"""The beginning of a connection, its pings, and its end (RFC 9113 §3.3, §3.4, §5.1.2, §6.7, §6.8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.http2.client import Client
from tests.conformance.http2.expectation import HEALTH, connection_fails
from tests.conformance.http2.frames import PREFACE, Error, Frame, Setting, Type, data, goaway, headers, ping, settings
from tests.conformance.http2.requests import BODY, get, post, post_head
from tests.support.http_client import Connection, request_bytes
from tests.support.server import Server, running


def test_the_server_begins_with_settings(server: Server) -> None:
    with Client(server.http_port) as client:
        client.greet()
        first = client.read_frame()
        assert first is not None
        assert (first.type, first.flags, first.stream) == (Type.SETTINGS, 0, 0)
        assert client.settings.get(Setting.ENABLE_PUSH, 0) == 0
        assert client.settings[Setting.MAX_CONCURRENT_STREAMS] >= 100


def test_a_preface_that_comes_byte_by_byte(server: Server) -> None:
    with Client(server.http_port) as client:
        for byte in PREFACE + settings().encode() + get().encode():
            client.send(bytes([byte]))
        assert client.read_stream(1).status == 200


def test_requests_need_not_wait_for_the_servers_settings(server: Server) -> None:
    with Client(server.http_port) as client:
        client.send(PREFACE, settings(), *post(1), get(3))
        assert (client.read_stream(1).status, client.read_stream(3).status) == (200, 200)


@pytest.mark.parametrize(
    "first",
    [ping(), settings(ack=True), headers(1, HEALTH, end=True), goaway(), data(1, b"x")],
    ids=["PING", "acknowledgement", "HEADERS", "GOAWAY", "DATA"],
)
def test_nothing_comes_before_the_clients_settings(server: Server, first: Frame) -> None:
    with Client(server.http_port) as client:
        client.send(PREFACE, first)
        connection_fails(Error.PROTOCOL_ERROR).check(client)


@pytest.mark.parametrize(
    "preface",
    [
        PREFACE[:-6] + b"XX\r\n\r\n",
        PREFACE.replace(b"2.0", b"2.1"),
        PREFACE.lower(),
        b"PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n",
        PREFACE[:-2] + settings().encode(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    ],
    ids=["last word", "version", "case", "target", "length", "TLS"],
)
def test_a_wrong_preface_ends_the_connection(server: Server, preface: bytes) -> None:
    with Connection(server.http_port) as connection:
        connection.send(preface + settings().encode() + b"\r\n\r\n")
        received = b"".join(iter(lambda: connection.socket.recv(1 << 16), b""))
    assert not received or received.startswith(b"HTTP/1.1 4") or received[3:4] == bytes([Type.GOAWAY])


def test_an_upgrade_from_http_1_is_passed_over(server: Server) -> None:
    fields = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"]
    with server.connect() as connection:
        answer = connection.ask(request_bytes("GET", "/v2/health/live", headers=fields))
        assert (answer.status, answer.headers.get("upgrade")) == (200, None)
        assert connection.ask(request_bytes("GET", "/v2/health/live")).status == 200


def test_http_2_only_where_a_connection_begins(server: Server) -> None:
    with server.connect() as connection:
        assert connection.ask(request_bytes("GET", "/v2/health/live")).status == 200
        connection.send(PREFACE + settings().encode())
        received = b"".join(iter(lambda: connection.socket.recv(1 << 16), b""))
    assert not received or received.startswith(b"HTTP/1.1 4")


def test_pings_are_answered_in_order_and_at_once(server: Server) -> None:
    payloads = [b"%08d" % number for number in range(100)]
    with Client(server.http_port) as client:
        client.greet()
        client.send(post_head(1), *map(ping, payloads), data(1, BODY, end=True))
        client.read_stream(1)
        client.catch_up()
        answers = [frame.payload for frame in client.frames if frame.type == Type.PING]
        assert answers[:100] == payloads


def test_pings_instead_of_requests_end_the_connection(models: Path, tmp_path: Path) -> None:
    """As gRPC's servers do, by the settings of triton.md §7."""
    with running(models, directory=tmp_path) as server, Client(server.http_port) as client:
        client.greet()
        client.send(*[ping()] * 4)
        connection_fails(Error.ENHANCE_YOUR_CALM).check(client)
        assert client.frames[-1].payload.endswith(b"too_many_pings")


def test_a_client_that_says_goodbye_still_gets_its_answers(server: Server) -> None:
    with Client(server.http_port) as client:
        client.greet()
        client.send(post_head(1), goaway(0, Error.NO_ERROR, b"that is all"), data(1, BODY, end=True))
        assert client.read_stream(1).status == 200
        client.read_to_end()
        assert not client.goaway


def test_a_client_that_says_goodbye_with_an_error(server: Server) -> None:
    with Client(server.http_port) as client:
        client.greet()
        client.send(post_head(1), goaway(0, Error.INTERNAL_ERROR))
        client.close()
    assert server.ask("GET", "/v2/health/live").status == 200


def test_more_streams_than_allowed(server: Server) -> None:
    """The stream too many is refused, or the connection: the client had been told the limit."""
    with Client(server.http_port) as client:
        client.greet()
        client.catch_up()
        limit = client.settings[Setting.MAX_CONCURRENT_STREAMS]
        client.send(*[post_head(1 + 2 * number) for number in range(limit)])
        client.catch_up()
        assert not client.goaway
        excess = 1 + 2 * limit
        client.send(post_head(excess), ping())
        refusals = (Error.PROTOCOL_ERROR, Error.REFUSED_STREAM)
        while client.streams[excess].error is None and not client.goaway:
            assert client.read_frame() is not None
        if client.goaway:
            assert client.goaway in refusals
        else:
            assert client.streams[excess].error in refusals
            client.send(data(1, BODY, end=True))
            assert client.read_stream(1).status == 200


def test_as_many_streams_as_allowed_again_and_again(server: Server) -> None:
    with Client(server.http_port) as client:
        client.greet()
        client.catch_up()
        limit = client.settings[Setting.MAX_CONCURRENT_STREAMS]
        for batch in range(3):
            streams = [1 + 2 * (number + batch * limit) for number in range(limit)]
            client.send(*[get(stream) for stream in streams])
            assert {client.read_stream(stream).status for stream in streams} == {200}
