"""A client of HTTP/2 without a socket: nghttp2 on the other side of a `FakeTransport`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import ngh2

from naiad.server.http_server import HttpServer
from tests.support.transport import connect

Headers = Sequence[tuple[bytes, bytes]]

_MAX_TURNS = 100


@dataclass(slots=True)
class Exchange:
    """What came back on a stream.

    Attributes:
        headers: of the answer.
        trailers: behind its body.
        body: as far as it has come.
        ended: all of it is there.
        reset: the code with which the server has ended the stream before its time.
    """

    headers: dict[bytes, bytes] = field(default_factory=dict)
    trailers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        """Of HTTP; 0 before it has come."""
        return int(self.headers.get(b":status", b"0"))

    @property
    def grpc_status(self) -> int:
        """Of gRPC; -1 before it has come."""
        return int((self.trailers or self.headers).get(b"grpc-status", b"-1"))

    @property
    def grpc_message(self) -> str:
        """What is behind the status."""
        return (self.trailers or self.headers).get(b"grpc-message", b"").decode()

    @property
    def messages(self) -> list[bytes]:
        """Of gRPC, as they came."""
        found, data = [], bytes(self.body)
        while data:
            size = int.from_bytes(data[1:5])
            found.append(data[5 : 5 + size])
            data = data[5 + size :]
        return found


class Http2Client:
    """A connection to a server.

    Args:
        server: what answers.
        window_bytes: how much of an answer comes before the client asks for more, per stream.
        reads: asks for more by itself.

    Attributes:
        h2: the client's side of the protocol.
        transport: the server's side of the connection.
        exchanges: by stream.
        events: everything else that was said.
    """

    def __init__(self, server: HttpServer, *, window_bytes: int = 1 << 30, reads: bool = True) -> None:
        _, self.transport = connect(server)
        self.h2 = ngh2.Connection(ngh2.Role.CLIENT, ngh2.Configuration(auto_window_update=reads))
        self.h2.initiate_connection({ngh2.Setting.INITIAL_WINDOW_SIZE: window_bytes})
        self.h2.set_local_window_size((1 << 31) - 1)
        self.exchanges: dict[int, Exchange] = {}
        self.events: list[ngh2.Event] = []

    def start(self, headers: Headers, body: bytes = b"", *, ended: bool = True) -> Exchange:
        """Send a request, or its beginning."""
        stream_id = self.h2.send_request(headers, end_stream=ended and not body)
        if body:
            self.h2.send_data(stream_id, body, end_stream=ended)
        self.exchanges[stream_id] = exchange = Exchange()
        self.exchange()
        return exchange

    def request(
        self, method: bytes, path: bytes, body: bytes = b"", *, headers: Headers = (), ended: bool = True
    ) -> Exchange:
        """Send a request that is no call, or its beginning."""
        pseudo = [(b":method", method), (b":scheme", b"http"), (b":authority", b"localhost"), (b":path", path)]
        return self.start([*pseudo, *headers], body, ended=ended)

    def call(
        self, path: bytes, *messages: bytes, headers: Headers = (), ended: bool = True, framed: bool = False
    ) -> Exchange:
        """Begin a call.

        Args:
            path: of the method.
            messages: to send at once.
            headers: besides gRPC's own.
            ended: there will be no more messages.
            framed: the messages have their prefixes already.
        """
        own = [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
        body = b"".join(message if framed else framed_message(message) for message in messages)
        return self.request(b"POST", path, body, headers=[*own, *headers], ended=ended)

    def send(self, exchange: Exchange, data: bytes, *, ended: bool = False) -> None:
        """Go on with a request."""
        self.h2.send_data(self.stream_id(exchange), data, end_stream=ended)
        self.exchange()

    def reset(self, exchange: Exchange) -> None:
        """Wait no more."""
        self.h2.reset_stream(self.stream_id(exchange))
        self.exchange()

    def ping(self) -> None:
        """Ask whether the server is there."""
        self.h2.ping()
        self.exchange()

    def read(self, exchange: Exchange, size: int) -> None:
        """Ask for more, where the client does not by itself."""
        self.h2.acknowledge_received_data(size, self.stream_id(exchange))
        self.exchange()

    def stream_id(self, exchange: Exchange) -> int:
        """Of its stream."""
        return next(number for number, known in self.exchanges.items() if known is exchange)

    def exchange(self) -> None:
        """Carry bytes to and fro until there are none."""
        while True:
            sent = self.h2.data_to_send()
            if sent and not self.transport.closed:
                self.transport.deliver(sent)
            received = self.transport.take()
            if received:
                with suppress(ngh2.ConnectionStateError):  # the last word was said before
                    self.h2.receive_data(received)
                self._note()
            if not (sent or received):
                return

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the loop turn until something is so."""
        for _ in range(_MAX_TURNS):
            self.exchange()
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError("not in time")

    def said(self, kind: type[ngh2.Event]) -> list[ngh2.Event]:
        """What was said of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def _note(self) -> None:
        for event in self.h2.events():
            if isinstance(event, ngh2.ResponseReceived):
                exchange = self.exchanges[event.stream_id]
                exchange.headers = dict(event.headers)
                exchange.ended = event.end_stream
            elif isinstance(event, ngh2.DataReceived):
                self.exchanges[event.stream_id].body += event.data
                self.exchanges[event.stream_id].ended = event.end_stream
            elif isinstance(event, ngh2.TrailersReceived):
                self.exchanges[event.stream_id].trailers = dict(event.headers)
                self.exchanges[event.stream_id].ended = True
            elif isinstance(event, ngh2.StreamReset):
                self.exchanges[event.stream_id].reset = event.error_code
            else:
                self.events.append(event)


def framed_message(message: bytes, *, compressed: bool = False) -> bytes:
    """A message of gRPC behind its prefix."""
    return bytes([compressed]) + len(message).to_bytes(4) + message
