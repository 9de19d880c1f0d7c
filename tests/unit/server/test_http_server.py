"""The server around connections: ports, keys, housekeeping."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from naiad.errors import UnavailableError, UsageError
from naiad.server.auth import KeyRing
from naiad.server.http_server import HttpServer, Limits, adopt, bind
from naiad.server.metrics import MetricsRoutes
from naiad.server.request_head import RequestHead
from naiad.server.response import EMPTY, Response
from tests.support.http_client import request_bytes
from tests.support.transport import connect

LOCALHOST = "127.0.0.1"


def handle(connection: object, head: RequestHead, body: bytes | memoryview, arrived_ns: int) -> Response:
    return EMPTY


def on_a_loop(test: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(test(), 10))


class TestPorts:
    def test_zero_is_any_that_is_free(self) -> None:
        with bind(LOCALHOST, 0) as first, bind(LOCALHOST, 0) as second:
            assert first.getsockname()[1] != second.getsockname()[1] > 0

    def test_a_name_is_looked_up(self) -> None:
        with bind("localhost", 0) as bound:
            assert bound.getsockname()[1] > 0

    def test_one_that_somebody_listens_on(self) -> None:
        with socket.create_server((LOCALHOST, 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(UnavailableError) as caught:
                bind(LOCALHOST, port)
        assert caught.value.message == f"Socket '127.0.0.1:{port}' already in use"
        assert caught.value.hint == "choose another port, or stop the process that holds it"

    @pytest.mark.parametrize("address", ["192.0.2.1", "no such name", "256.0.0.1", ""])
    def test_an_address_of_another_machine(self, address: str) -> None:
        with pytest.raises(UnavailableError, match=f"unable to listen on '{address}:0': "):
            bind(address, 0)

    def test_one_that_another_server_took_while_models_were_loading(self) -> None:
        """A port that is bound and not listened on can be bound by somebody else, who then begins to listen."""

        async def test() -> None:
            slow, quick = bind(LOCALHOST, 0), socket.socket()
            port = slow.getsockname()[1]
            with slow, quick:
                quick.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                quick.bind((LOCALHOST, port))
                quick.listen()
                with pytest.raises(UnavailableError, match=f"Socket '127.0.0.1:{port}' already in use"):
                    await HttpServer(handle, limits=Limits()).listen(slow)

        on_a_loop(test)


class TestKeys:
    @pytest.fixture
    def server(self, tmp_path: Path) -> HttpServer:
        path = tmp_path / "keys.json"
        path.write_text(json.dumps({"primaryKey": "one", "secondaryKey": "two"}), encoding="utf-8")
        path.chmod(0o600)
        return HttpServer(handle, limits=Limits(), keys=KeyRing(path))

    @pytest.mark.parametrize("path", ["/v2", "/v2/health/live", "/v2/health/ready", "/metrics", "/nothing"])
    def test_everything_needs_one(self, server: HttpServer, path: str) -> None:
        _, transport = connect(server)
        transport.deliver(request_bytes("GET", path))
        head = transport.take()
        assert head.startswith(b"HTTP/1.1 401 Unauthorized\r\n")
        assert b"\r\nWWW-Authenticate: Bearer\r\n" in head
        assert not transport.closed
        transport.deliver(request_bytes("GET", path, headers=["Authorization: Bearer two"]))
        assert transport.take().startswith(b"HTTP/1.1 200 OK\r\n")

    @pytest.mark.parametrize("headers", [[], ["Expect: 100-continue"], ["Transfer-Encoding: chunked"]])
    def test_a_body_without_one_is_not_waited_for(self, server: HttpServer, headers: list[str]) -> None:
        _, transport = connect(server)
        lines = headers if "Transfer-Encoding: chunked" in headers else [*headers, "Content-Length: 1000000"]
        transport.deliver(request_bytes("POST", "/a", headers=lines))
        assert transport.take().startswith(b"HTTP/1.1 401 Unauthorized\r\n")
        assert transport.closed

    def test_chunks_behind_an_earlier_request_need_one_too(self, server: HttpServer) -> None:
        _, transport = connect(server)
        key = "Authorization: Bearer one"
        chunks = b"1\r\na\r\n0\r\n\r\n"
        transport.deliver(request_bytes("POST", "/a", chunks, headers=["Transfer-Encoding: chunked", key]))
        assert transport.take().startswith(b"HTTP/1.1 200 OK\r\n")
        transport.deliver(request_bytes("POST", "/a", headers=["Transfer-Encoding: chunked"]))
        assert transport.take().startswith(b"HTTP/1.1 401 Unauthorized\r\n")
        assert transport.closed

    def test_one_in_a_trailer_is_none(self, server: HttpServer) -> None:
        _, transport = connect(server)
        chunks = b"0\r\nAuthorization: Bearer one\r\n\r\n"
        transport.deliver(request_bytes("POST", "/a", chunks, headers=["Transfer-Encoding: chunked"]))
        assert transport.take().startswith(b"HTTP/1.1 401 Unauthorized\r\n")


class TestInheritedSockets:
    def test_one_that_listens_is_taken_over(self) -> None:
        with socket.create_server((LOCALHOST, 0)) as listening:
            copy = listening.dup().detach()
            with adopt(copy) as adopted:
                assert adopted.getsockname() == listening.getsockname()

    def test_anything_else_is_refused(self) -> None:
        with socket.socket() as unbound, pytest.raises(UsageError, match="is no socket that listens"):
            adopt(unbound.fileno())
        with Path("/dev/null").open("rb") as file, pytest.raises(UsageError, match="is no socket: "):
            adopt(file.fileno())


def test_drained_waits_for_the_last_connection() -> None:
    async def test() -> None:
        server = HttpServer(handle, limits=Limits())
        connection, _ = connect(server)
        waiting = asyncio.ensure_future(server.drained())
        await asyncio.sleep(0)
        assert not waiting.done()
        connection.connection_lost(None)
        await waiting
        await server.drained()

    on_a_loop(test)


def test_metrics_routes_take_nothing_but_get_metrics() -> None:
    engine = type("NoModels", (), {"ready_models": staticmethod(list)})()
    server = HttpServer(MetricsRoutes(engine).handle, limits=Limits())
    _, transport = connect(server)
    transport.deliver(request_bytes("GET", "/metrics"))
    assert transport.take().startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n")
    transport.deliver(request_bytes("POST", "/metrics", b""))
    assert transport.take().startswith(b"HTTP/1.1 405 Not Allowed\r\n")
    transport.deliver(request_bytes("GET", "/v2"))
    assert transport.take().startswith(b"HTTP/1.1 404 Not Found\r\n")
