"""The judge itself: a server that does something else than what is expected does not pass."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conformance.http2.client import Client
from tests.conformance.http2.expectation import IGNORED, PROBE, Expectation, answered, connection_fails, stream_fails
from tests.conformance.http2.frames import Error, Frame, goaway, headers, reset, settings

STATUS_200, STATUS_404 = b"\x88", b"\x8d"
PROBE_ANSWER = headers(PROBE, STATUS_200, end=True)
CLOSED_BY = goaway(0, Error.PROTOCOL_ERROR)
REFUSED_BY = reset(1, Error.PROTOCOL_ERROR)


@contextmanager
def server_that_sends(*frames: Frame) -> Iterator[Client]:
    """A connection to a server that says this, whatever it hears, and hangs up when the client does or it has said
    GOAWAY."""

    def serve() -> None:
        accepted, _ = listener.accept()
        with accepted:
            accepted.sendall(b"".join(frame.encode() for frame in (settings(), *frames)))
            if CLOSED_BY not in frames:
                while accepted.recv(1 << 16):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        with Client(listener.getsockname()[1]) as client:
            yield client
        thread.join()


@pytest.mark.parametrize(
    ("expected", "frames"),
    [
        (connection_fails(Error.PROTOCOL_ERROR), [CLOSED_BY]),
        (stream_fails(Error.PROTOCOL_ERROR), [REFUSED_BY, PROBE_ANSWER]),
        (answered(404), [headers(1, STATUS_404, end=True), PROBE_ANSWER]),
        (IGNORED, [PROBE_ANSWER]),
        (IGNORED | connection_fails(Error.PROTOCOL_ERROR), [CLOSED_BY]),
    ],
)
def test_what_is_expected_passes(expected: Expectation, frames: list[Frame]) -> None:
    with server_that_sends(*frames) as client:
        expected.check(client)


@pytest.mark.parametrize(
    ("expected", "frames"),
    [
        (connection_fails(Error.FRAME_SIZE_ERROR), [CLOSED_BY]),
        (stream_fails(Error.PROTOCOL_ERROR), [CLOSED_BY]),
        (stream_fails(Error.STREAM_CLOSED), [REFUSED_BY, PROBE_ANSWER]),
        (stream_fails(Error.PROTOCOL_ERROR), [headers(1, STATUS_200, end=True), PROBE_ANSWER]),
        (answered(), [headers(1, STATUS_404, end=True), PROBE_ANSWER]),
        (answered(), [REFUSED_BY, PROBE_ANSWER]),
        (IGNORED, [REFUSED_BY, PROBE_ANSWER]),
        (IGNORED, [headers(1, STATUS_200, end=True), PROBE_ANSWER]),
        (IGNORED, [headers(PROBE, STATUS_404, end=True)]),
        (IGNORED, [CLOSED_BY]),
    ],
)
def test_what_is_not_expected_fails(expected: Expectation, frames: list[Frame]) -> None:
    with server_that_sends(*frames) as client, pytest.raises(AssertionError):
        expected.check(client)
