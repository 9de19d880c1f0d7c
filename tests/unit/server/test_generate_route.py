"""Generate over a connection: the bytes of the answers, and what becomes of requests whose client is gone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from naiad.engine.engine import Engine
from naiad.engine.model import Model
from naiad.engine.request import InferRequest
from naiad.errors import InternalError, NotFoundError, UnavailableError
from naiad.server.exchange import Exchange
from naiad.server.generate_route import GenerateRoute
from naiad.server.http_server import HttpServer, Limits
from naiad.server.request_head import RequestHead
from tests.support.engine import idle_model, spec
from tests.support.http_client import request_bytes
from tests.support.transport import connect

X = b'{"x":[1,2]}'
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
EVENT_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


class Client:
    """A connection to a server with one model `m` (x FP32[2] → y FP32[2], batched) that runs when it is told to.

    Attributes:
        requests: those that were queued.
        cancelled: those that nobody waits for any more.
        refusal: raised instead of queueing, when set.
    """

    def __init__(self, *, datatype: str = "FP32") -> None:
        self.model: Model = idle_model([spec("x")], [spec("y", datatype)])
        self.requests: list[InferRequest] = []
        self.cancelled: list[InferRequest] = []
        self.refusal: UnavailableError | None = None
        self.model.infer = self._infer
        self.model.scheduler = cast(Any, SimpleNamespace(cancel=self.cancelled.append))
        engine = cast(Engine, SimpleNamespace(model=self._find))

        def handle(connection: Exchange, head: RequestHead, body: bytes | memoryview, arrived_ns: int) -> None:
            name, operation = head.path.decode().split("/")[-2:]
            streams = operation == "generate_stream"
            route = GenerateRoute(engine, name, "", head, streams=streams, max_input_bytes=1000)
            route(connection, body, arrived_ns)

        self.server = HttpServer(handle, limits=Limits())
        self.connection, self.transport = connect(self.server)

    def _find(self, name: str, version: str) -> Model:
        if name != "m":
            raise NotFoundError(f"Request for unknown model: '{name}' is not found")
        return self.model

    def _infer(self, request: InferRequest) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.requests.append(request)

    def send(self, body: bytes = X, *, path: str = "/m/generate", headers: tuple[str, ...] = (), **more: Any) -> None:
        self.transport.deliver(request_bytes("POST", path, body, headers=headers, **more))

    def ask(self, body: bytes = X, **more: Any) -> bytes:
        """Send a request, run it as y = 2x, and take the answer."""
        self.send(body, **more)
        if self.requests:
            request = self.requests.pop()
            data: Any = request.inputs[0]
            array = np.frombuffer(data, np.float32).reshape(request.shapes[0])
            request.sink.respond(request, [(2 * array).astype(self.model.outputs[0].datatype.dtype)])
        return self.transport.take()


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def test_the_answer_is_one_chunk() -> None:
    client = Client()
    body = b'{"model_name":"m","model_version":"1","y":[2.0,4.0]}'
    assert client.ask() == JSON_HEAD + CHUNKED + b"\r\n" + chunked(body)
    assert client.ask() == JSON_HEAD + CHUNKED + b"\r\n" + chunked(body)


def test_a_stream_is_one_event() -> None:
    client = Client()
    body = b'data: {"id":"q","model_name":"m","model_version":"1","y":[2.0,4.0]}\n\n'
    answer = client.ask(b'{"id":"q","x":[1,2]}', path="/m/generate_stream")
    assert answer == EVENT_HEAD + CHUNKED + b"\r\n" + chunked(body)


def test_a_client_of_http_1_0_gets_no_chunks() -> None:
    body = b'{"model_name":"m","model_version":"1","y":[2.0,4.0]}'
    length = b"Content-Length: %d\r\n" % len(body)
    client = Client()
    answer = client.ask(version="1.0", headers=("Connection: keep-alive",))
    assert answer == JSON_HEAD + length + b"Connection: keep-alive\r\n\r\n" + body
    assert client.ask(version="1.0") == JSON_HEAD + length + b"Connection: close\r\n\r\n" + body
    assert client.transport.closed


def test_connection_close() -> None:
    client = Client()
    head, _, _ = client.ask(headers=("Connection: close",)).partition(b"\r\n\r\n")
    assert head == JSON_HEAD + CHUNKED + b"Connection: close"
    assert client.transport.closed


def test_requests_behind_one_another_are_answered_in_order() -> None:
    client = Client()
    both = request_bytes("POST", "/m/generate", X) + request_bytes("POST", "/m/generate", b'{"x":[3,4]}')
    client.transport.deliver(both)
    assert len(client.requests) == 1
    for expected in (b"[0.0,0.0]", b"[1.0,1.0]"):
        request = client.requests.pop()
        request.sink.respond(request, [np.full((1, 2), expected[1] - ord("0"), np.float32)])
        assert expected in client.transport.take()


@pytest.mark.parametrize("path", ["/m/generate", "/m/generate_stream"])
def test_what_is_refused_is_answered_as_any_error(path: str) -> None:
    client = Client()
    client.refusal = UnavailableError("Exceeds maximum queue size")
    for body, status, sentence in (
        (b'{"x":[1]}', b"400 Bad Request", b"The schema can not convert input 'x' to tensor with proper shape"),
        (b"{}", b"400 Bad Request", b"expected 1 inputs but got 0 inputs"),
        (b"[]", b"500 Internal Server Error", b"attempt to get members for non-object"),
        (X, b"503 Service Unavailable", b"Exceeds maximum queue size"),
    ):
        answer = client.ask(body, path=path)
        assert answer.startswith(b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: " % status)
        assert sentence in answer
    assert b"404 Not Found" in client.ask(X, path=path.replace("/m/", "/other/"))
    assert client.connection.request is None


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_compressed_bodies_are_refused(encoding: str) -> None:
    client = Client()
    answer = client.ask(headers=(f"Content-Encoding: {encoding}",))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'{"error":"Unsupported content-encoding, only \'identity\' is supported."}' in answer
    assert b"404" in client.ask(path="/other/generate", headers=(f"Content-Encoding: {encoding}",))
    assert client.ask(headers=("Content-Encoding: Identity",)).startswith(JSON_HEAD)


@pytest.mark.parametrize(
    ("path", "content_type", "before", "after"),
    [
        ("/m/generate", b"application/json", b"", b""),
        ("/m/generate_stream", b"text/event-stream; charset=utf-8", b"data: ", b"\n\n"),
    ],
)
class TestFailuresAfterwards:
    """Whatever goes wrong once a request is queued is told in the answer's own form, with status 400."""

    def expected(self, content_type: bytes, body: bytes) -> bytes:
        return (
            b"HTTP/1.1 400 Bad Request\r\nContent-Type: " + content_type + b"\r\n" + CHUNKED + b"\r\n" + chunked(body)
        )

    def test_of_the_model(self, path: str, content_type: bytes, before: bytes, after: bytes) -> None:
        client = Client()
        client.send(path=path)
        request = client.requests.pop()
        request.sink.fail(request, InternalError("it broke"))
        assert client.transport.take() == self.expected(content_type, before + b'{"error":"it broke"}' + after)
        assert client.ask().startswith(JSON_HEAD)

    def test_of_an_output(self, path: str, content_type: bytes, before: bytes, after: bytes) -> None:
        body = b'{"error":"sending FP16 data via JSON is not supported. Please use the binary data format for output"}'
        assert Client(datatype="FP16").ask(path=path) == self.expected(content_type, before + body + after)

    def test_of_our_own(
        self, path: str, content_type: bytes, before: bytes, after: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = Client()
        client.send(path=path)
        request = client.requests.pop()
        request.sink.respond(request, [cast(Any, "no array")])
        body = b'{"error":"unexpected internal error, see the server\'s log"}'
        assert client.transport.take() == self.expected(content_type, before + body + after)
        assert "unexpected error while encoding outputs of 'm'" in caplog.text


def test_a_client_that_goes_away_cancels() -> None:
    client = Client()
    client.send()
    (request,) = client.requests
    client.connection.connection_lost(None)
    assert client.cancelled == [request]
