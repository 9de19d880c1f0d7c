from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import pytest

from naiad.targets.health import ask_health


async def ask(answer: bytes | None, *, key: str | None = None) -> tuple[bool | None, bytes]:
    """What is said of an engine that answers so (None: never), and what it was asked."""
    asked = bytearray()
    done = asyncio.Event()

    async def engine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.extend(await reader.readuntil(b"\r\n\r\n"))
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        done.set()

    server = await asyncio.start_server(engine, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        healthy = await ask_health(
            address="127.0.0.1", port=port, path="/v2/health/ready", key=key, timeout_s=0.2 if answer is None else 10
        )
        await done.wait()
    return healthy, bytes(asked)


@pytest.mark.parametrize(
    ("answer", "healthy"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", True),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False),
        (b"", False),
        (b"\r\n", False),
        (None, None),
    ],
)
def test_what_an_answer_says(answer: bytes | None, healthy: bool | None) -> None:
    assert asyncio.run(ask(answer))[0] is healthy


def test_the_question_has_the_key_when_there_is_one() -> None:
    _, asked = asyncio.run(ask(b"HTTP/1.1 200 OK\r\n\r\n", key="of-mine"))
    assert asked.startswith(b"GET /v2/health/ready HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer of-mine\r\n" in asked
    assert b"Authorization" not in asyncio.run(ask(b"", key=None))[1]


def test_nobody_there_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert (
        asyncio.run(ask_health(address="127.0.0.1", port=port, path="/v2/health/ready", key=None, timeout_s=10)) is None
    )
