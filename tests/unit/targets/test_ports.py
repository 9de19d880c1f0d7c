from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from naiad.targets.ports import holder, is_taken


@pytest.fixture(params=["127.0.0.1", "::1", "0.0.0.0"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    address: str = request.param
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listening = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no {address}")
    with listening:
        yield listening


def test_a_listener_takes_its_port_and_is_found(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert is_taken(port)
    process = holder(port)
    assert process is not None
    assert process.pid == os.getpid()
    listener.close()
    assert not is_taken(port)
    assert holder(port) is None


def test_a_port_whose_connections_linger_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            server, _ = listening.accept()
            server.close()
            assert client.recv(1) == b""
    assert not is_taken(port)
