"""Clients that send too much of something, or nothing more: the server stays small and quick, and serves the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.conformance.http2.client import DEFAULT_WINDOW_BYTES, TIMEOUT_S, Client
from tests.conformance.http2.frames import (
    MAX_WINDOW,
    PREFACE,
    Frame,
    Setting,
    Type,
    block,
    continuation,
    data,
    headers,
    integer,
    ping,
    priority,
    reset,
    settings,
    window_update,
)
from tests.conformance.http2.requests import BODY, GET, POST, echo, post, post_head
from tests.support.server import Server, running

MIB = 1 << 20
MAX_GROWTH_BYTES = 24 * MIB
MAX_GROWTH_OF_LARGE_BYTES = 240 * MIB
"""Freed memory that lay between large buffers does not all go back to the system at once."""
CHUNK_FRAMES = 500
MAX_ANSWER_S = 2.0
"""How long another client may have to wait meanwhile."""


@pytest.fixture(scope="module")
def hasty(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without patience."""
    flags = ("--http-receive-timeout-secs=1", "--http-idle-timeout-secs=1.5")
    with running(models, *flags, directory=tmp_path_factory.mktemp("hasty")) as started:
        yield started
        assert "Traceback" not in started.log


@pytest.fixture(scope="module")
def frugal(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that keeps little of what clients send and do not read."""
    flag = f"--http-max-receiving-size={8 * MIB}"
    with running(models, flag, directory=tmp_path_factory.mktemp("frugal")) as started:
        yield started
        assert "Traceback" not in started.log


@contextmanager
def unharmed(server: Server, *, growth_bytes: int = MAX_GROWTH_BYTES) -> Iterator[None]:
    """Meanwhile another client is answered soon, again and again, and afterwards the server is as small as before."""
    process = psutil.Process(server.process.pid)
    stop = threading.Event()
    failures: list[object] = []
    answered = [0]

    def ask() -> None:
        try:
            with Client(server.http_port) as client:
                client.greet()
                client.send(window_update(0, MAX_WINDOW - DEFAULT_WINDOW_BYTES))
                for stream in range(1, 1 << 30, 2):
                    began = time.monotonic()
                    client.send(*post(stream))
                    assert client.read_stream(stream).status == 200
                    assert time.monotonic() - began < MAX_ANSWER_S
                    client.streams.clear()
                    client.frames.clear()
                    answered[0] += 1
                    if stop.wait(0.005):
                        return
        except Exception as error:
            failures.append(error)

    ask_thread = threading.Thread(target=ask)
    ask_thread.start()
    before = process.memory_info().rss
    try:
        yield
        assert process.memory_info().rss - before < growth_bytes
    finally:
        stop.set()
        ask_thread.join()
    assert not failures
    assert answered[0]


def pour(client: Client, frames: Sequence[Frame], *, times: int) -> None:
    """Send frames again and again without reading, until the server has had enough."""
    content = b"".join(frame.encode() for frame in frames)
    client.socket.settimeout(0.5)
    try:
        for _ in range(times):
            client.send(content)
            if client.closed:
                return
    except TimeoutError:
        return  # the server reads no more of them
    finally:
        client.socket.settimeout(TIMEOUT_S)


def is_ended(client: Client) -> bool:
    """Read what is there; whether the server has ended the connection."""
    client.socket.settimeout(0.5)
    try:
        while client.read_frame() is not None:
            pass
    except TimeoutError:
        return False
    return True


def test_rapid_reset(server: Server) -> None:
    with unharmed(server), Client(server.http_port) as client:
        client.greet()
        for number in range(0, 20_000, CHUNK_FRAMES):
            streams = range(2 * number + 1, 2 * (number + CHUNK_FRAMES), 2)
            client.send(*[frame for stream in streams for frame in (*post(stream), reset(stream))])
        assert is_ended(client)
        assert client.goaway


def test_resets_that_the_server_is_made_to_send(server: Server) -> None:
    """Streams that a mistake of the client's ends are no cheaper for the server than those it resets itself."""
    with unharmed(server), Client(server.http_port) as client:
        client.greet()
        for number in range(0, 20_000, CHUNK_FRAMES):
            streams = range(2 * number + 1, 2 * (number + CHUNK_FRAMES), 2)
            client.send(*[frame for stream in streams for frame in (post_head(stream), window_update(stream, 0))])
        assert is_ended(client)


@pytest.mark.parametrize("piece", [b"", b"\0\x01a\x01b"], ids=["empty", "fields"])
def test_continuation_without_an_end(server: Server, piece: bytes) -> None:
    with unharmed(server), Client(server.http_port) as client:
        client.greet()
        client.send(headers(1, block(GET), end=True, whole=False))
        pour(client, [continuation(1, piece)] * CHUNK_FRAMES, times=200)
        assert is_ended(client)


def test_a_header_block_that_is_small_only_on_the_wire(server: Server) -> None:
    """Four kilobytes in the table, named four thousand times: sixteen megabytes of fields."""
    field = b"\x40\x01x" + integer(3900, prefix_bits=7) + bytes(b"y" * 3900)
    with unharmed(server), Client(server.http_port) as client:
        client.greet()
        client.send(headers(1, block(GET) + field, end=True))
        for stream in range(3, 103, 2):
            client.send(headers(stream, block(GET) + b"\xbe" * 4000, end=True))
        assert is_ended(client)


@pytest.mark.parametrize(
    "frame",
    [
        ping(),
        settings(),
        settings(*[(Setting.INITIAL_WINDOW_SIZE, size) for size in range(30)]),
        settings(ack=True),
        priority(1),
        window_update(0, 1),
        Frame(Type.UNKNOWN),
        Frame(Type.UNKNOWN, 0, 0, bytes(16_000)),
    ],
    ids=[
        "PING",
        "SETTINGS",
        "full SETTINGS",
        "acknowledgement",
        "PRIORITY",
        "WINDOW_UPDATE",
        "unknown",
        "large unknown",
    ],
)
def test_frames_without_a_request(server: Server, frame: Frame) -> None:
    with unharmed(server), Client(server.http_port, receive_buffer_bytes=4096) as client:
        client.greet()
        pour(client, [frame] * CHUNK_FRAMES, times=100)


@pytest.mark.parametrize(
    "frame",
    [data(1), data(1, padding=255), data(1, b" "), window_update(1, 1), priority(1)],
    ids=["empty DATA", "padding", "one byte", "WINDOW_UPDATE", "PRIORITY"],
)
def test_frames_of_a_request_that_never_ends(server: Server, frame: Frame) -> None:
    with unharmed(server), Client(server.http_port) as client:
        client.greet()
        client.send(post_head(1))
        pour(client, [frame] * CHUNK_FRAMES, times=100)


def test_settings_of_a_thousand_entries(server: Server) -> None:
    with unharmed(server), Client(server.http_port) as client:
        client.greet()
        client.send(settings(*[(Setting.UNKNOWN, number) for number in range(1000)]))
        pour(client, [settings(*[(Setting.UNKNOWN, number) for number in range(1000)])], times=200)


def test_windows_that_change_under_many_answers(server: Server) -> None:
    """Each SETTINGS touches every stream's window."""
    with unharmed(server), Client(server.http_port) as client:
        client.greet((Setting.INITIAL_WINDOW_SIZE, 0))
        for stream in range(1, 201, 2):
            client.send(*post(stream))
        frames = [settings((Setting.INITIAL_WINDOW_SIZE, size % 2)) for size in range(CHUNK_FRAMES)]
        pour(client, frames, times=20)


@pytest.mark.parametrize("window_bytes", [0, 1 << 24], ids=["no window", "no reading"])
def test_answers_that_nobody_reads(frugal: Server, window_bytes: int) -> None:
    """One hundred answers of 400 kB for each of twelve connections would be 480 MB."""
    head, body = echo(1, bytes(400_000))
    with unharmed(frugal, growth_bytes=MAX_GROWTH_OF_LARGE_BYTES), ExitStack() as stack:
        for _ in range(12):
            client = stack.enter_context(Client(frugal.http_port, receive_buffer_bytes=4096))
            client.greet((Setting.INITIAL_WINDOW_SIZE, window_bytes))
            client.send(window_update(0, 1 << 24))
            client.catch_up()
            client.socket.settimeout(0.5)
            try:
                for stream in range(1, 201, 2):
                    client.send(headers(stream, head.payload))
                    for place in range(0, len(body), 16_000):
                        client.send(data(stream, body[place : place + 16_000], end=place + 16_000 >= len(body)))
            except TimeoutError:
                continue  # the server takes no more requests of a client that does not read


def test_bodies_that_never_end(frugal: Server) -> None:
    """Two hundred bodies of which 320 kB have come would be 64 MB."""
    with unharmed(frugal), ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(Client(frugal.http_port))
            client.greet()
            client.catch_up()
            for stream in range(1, 21, 2):
                client.send(echo(stream, bytes(400_000))[0])
                for _ in range(20):
                    client.send(data(stream, bytes(16_000)))


BEGUN = PREFACE + settings().encode()


def test_what_never_goes_on_is_ended(hasty: Server) -> None:
    contents = {
        "preface": PREFACE[:10],
        "SETTINGS": PREFACE,
        "frame": BEGUN[:-4],
        "header block": BEGUN + headers(1, block(POST), whole=False).encode(),
        "body": BEGUN + post_head().encode() + data(1, BODY[:5]).encode(),
        "DATA": BEGUN + post_head().encode() + Frame(Type.DATA, 0, 1, b"x", 5000).encode(),
        "nothing asked": BEGUN,
    }
    with unharmed(hasty), ExitStack() as stack:
        clients = {name: stack.enter_context(Client(hasty.http_port)) for name in contents}
        for name, client in clients.items():
            client.send(contents[name])
        for name, client in clients.items():
            received = b""
            while piece := client.socket.recv(1 << 16):
                received += piece
            assert len(received) < 1000, name


def test_a_byte_now_and_then_keeps_no_request(hasty: Server) -> None:
    with unharmed(hasty), Client(hasty.http_port) as client:
        client.greet()
        client.send(post_head())
        client.socket.settimeout(0.1)
        deadline = time.monotonic() + TIMEOUT_S
        while not (client.closed or client.streams[1].settled):
            assert time.monotonic() < deadline
            client.send(data(1, b" "))
            try:
                client.read_frame()
            except TimeoutError:
                continue
        assert client.closed or client.streams[1].status in (0, 408)


def test_pings_keep_no_request(hasty: Server) -> None:
    with unharmed(hasty), Client(hasty.http_port) as client:
        client.greet()
        client.send(post_head(), data(1, BODY[:5]))
        deadline = time.monotonic() + TIMEOUT_S
        while not (client.closed or client.streams[1].settled):
            assert time.monotonic() < deadline
            client.send(ping())
            client.read_frame()
        assert client.closed or client.streams[1].status in (0, 408)


def test_an_answer_that_nobody_reads_is_given_up(hasty: Server) -> None:
    with unharmed(hasty), Client(hasty.http_port) as client:
        client.greet((Setting.INITIAL_WINDOW_SIZE, 10))
        client.send(*post())
        deadline = time.monotonic() + TIMEOUT_S
        while not (client.closed or client.streams[1].settled):
            assert time.monotonic() < deadline
            client.send(ping())
            client.read_frame()


def test_no_more_connections_than_allowed(models: Path, tmp_path: Path) -> None:
    with running(models, "--http-max-connections=20", directory=tmp_path) as server, ExitStack() as stack:
        clients = [stack.enter_context(Client(server.http_port)) for _ in range(20)]
        for client in clients:
            client.greet()
            client.catch_up()
        with Client(server.http_port) as excess:
            excess.greet()
            assert is_ended_without_frames(excess)
        clients[0].send(*post())
        assert clients[0].read_stream(1).status == 200


def is_ended_without_frames(client: Client) -> bool:
    """Whether the server hangs up, with a word of HTTP/1.1 at most."""
    received = b""
    try:
        while piece := client.socket.recv(1 << 16):
            received += piece
    except ConnectionResetError:
        pass
    return not received or received.startswith(b"HTTP/1.1 503") or received[3] in (Type.SETTINGS, Type.GOAWAY)
