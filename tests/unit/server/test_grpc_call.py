"""RPCs over a connection driven with bytes: messages, status, deadlines, cancellation, back-pressure, drain."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import ngh2
import pytest

from naiad.backends.base import Array
from naiad.engine.request import InferRequest
from naiad.errors import InvalidArgumentError, NotFoundError, RestrictedError
from naiad.server.auth import KeyRing
from naiad.server.grpc_call import GrpcCall, Streaming, Unary
from naiad.server.http2 import Http2Connection
from naiad.server.http2_session import Http2Session
from naiad.server.http2_stream import HttpStream
from naiad.server.http_server import HttpServer, Limits
from tests.support.echo import Application
from tests.support.http2_client import Exchange, Http2Client, framed_message

SECOND_NS = 1_000_000_000
GZIP = (b"grpc-encoding", b"gzip")


class Handler:
    """Answers each message of a stream with itself, at once or when told to.

    Attributes:
        said: what it was told.
    """

    def __init__(self, call: GrpcCall, *, waits: bool = False) -> None:
        self.call = call
        self.said: list[object] = []
        self.waiting: list[bytes] = []
        self.waits = waits
        self.half_closed = False

    def message(self, data: bytes | memoryview, arrived_ns: int) -> None:
        self.said.append(bytes(data))
        if bytes(data) == b"error":
            raise InvalidArgumentError("not that")
        if bytes(data) == b"crash":
            raise RuntimeError("a bug")
        if self.waits:
            self.waiting.append(bytes(data))
        else:
            self.call.send([data])

    def half_close(self) -> None:
        self.said.append("half-close")
        self.half_closed = True
        if not self.waiting:
            self.call.finish()

    def cancel(self) -> None:
        self.said.append("cancel")

    def answer(self) -> None:
        self.call.send([self.waiting.pop(0)])
        if self.half_closed and not self.waiting:
            self.call.finish()


class Scheduler:
    """Notes what is cancelled."""

    def __init__(self) -> None:
        self.cancelled: list[object] = []

    def cancel(self, request: object) -> None:
        self.cancelled.append(request)


class Service:
    """Methods for tests, by their paths.

    Attributes:
        calls: of the methods that answer later.
        handlers: of streaming calls.
        asked: messages of unary calls.
    """

    def __init__(self) -> None:
        self.calls: list[GrpcCall] = []
        self.handlers: list[Handler] = []
        self.asked: list[bytes] = []
        self.restricted = False
        self.scheduler = Scheduler()

    def find(self, path: bytes) -> Unary | Streaming | None:
        methods: dict[bytes, Unary | Streaming] = {
            b"/s/Echo": Unary(self._echo),
            b"/s/Later": Unary(self._later),
            b"/s/Infer": Unary(self._infer),
            b"/s/Error": Unary(self._error),
            b"/s/Crash": Unary(self._crash),
            b"/s/Stream": Streaming(lambda call: self._stream(call, waits=False)),
            b"/s/StreamLater": Streaming(lambda call: self._stream(call, waits=True)),
            b"/s/StreamError": Streaming(self._no_stream),
            b"/s/StreamOver": Streaming(self._short_stream),
        }
        return methods.get(path)

    def authorize(self, path: bytes, metadata: Mapping[bytes, bytes]) -> None:
        if self.restricted and metadata.get(b"key") != b"value":
            raise RestrictedError("This protocol is restricted, expecting header 'key'")

    def _echo(self, call: GrpcCall, message: bytes | memoryview, arrived_ns: int) -> Sequence[bytes | memoryview]:
        self.asked.append(bytes(message))
        return [message]

    def _later(self, call: GrpcCall, message: bytes | memoryview, arrived_ns: int) -> None:
        self.calls.append(call)

    def _infer(self, call: GrpcCall, message: bytes | memoryview, arrived_ns: int) -> None:
        call.request = cast(
            InferRequest, SimpleNamespace(id="", model=SimpleNamespace(name="m", scheduler=self.scheduler))
        )
        self.calls.append(call)

    def _error(self, call: GrpcCall, message: bytes | memoryview, arrived_ns: int) -> None:
        raise NotFoundError("100 % absent: é", hint="look elsewhere")

    def _crash(self, call: GrpcCall, message: bytes | memoryview, arrived_ns: int) -> None:
        raise RuntimeError("a bug")

    def _stream(self, call: GrpcCall, *, waits: bool) -> Handler:
        self.handlers.append(Handler(call, waits=waits))
        return self.handlers[-1]

    def _short_stream(self, call: GrpcCall) -> Handler:
        call.finish()
        return self._stream(call, waits=False)

    def _no_stream(self, call: GrpcCall) -> Handler:
        raise NotFoundError("no such stream")


class Site:
    """A server and its methods."""

    def __init__(self, *, compression_level: int = 0, keys: KeyRing | None = None, **limits: Any) -> None:
        self.service = Service()
        self.server = HttpServer(
            Application().handle,
            limits=Limits(**limits),
            grpc=self.service,
            compression_level=compression_level,
            keys=keys,
        )
        self.client = Http2Client(self.server)

    def connection(self) -> Http2Connection:
        (connection,) = self.server.connections
        assert isinstance(connection, Http2Connection)
        return connection

    def reserved_bytes(self) -> int:
        return self.server._receiving_bytes


class TestUnary:
    @pytest.mark.parametrize("size", [0, 1, 1000, 100_000, 5_000_000])
    async def test_one_message_in_and_one_out(self, size: int) -> None:
        site = Site()
        message = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        answered = site.client.call(b"/s/Echo", message)
        assert (answered.grpc_status, answered.messages) == (0, [message])
        assert answered.headers == {
            b":status": b"200",
            b"content-type": b"application/grpc",
            b"grpc-accept-encoding": b"identity, deflate, gzip",
        }
        assert site.service.asked == [message]
        assert site.reserved_bytes() == 0

    @pytest.mark.parametrize("cut", [1, 5, 6, 50])
    async def test_a_message_in_pieces(self, cut: int) -> None:
        site = Site()
        sent = framed_message(b"x" * 100)
        started = site.client.call(b"/s/Echo", sent[:cut], ended=False, framed=True)
        site.client.send(started, sent[cut:])
        assert site.service.asked == []
        site.client.send(started, b"", ended=True)
        assert started.messages == [b"x" * 100]

    async def test_an_answer_that_comes_later(self) -> None:
        site = Site()
        started = site.client.call(b"/s/Later", b"a")
        site.service.calls[0].send([b"b", memoryview(b"c")])
        await site.client.until(lambda: started.messages)
        assert not started.ended
        site.service.calls[0].finish()
        site.service.calls[0].finish(NotFoundError("too late"))
        site.service.calls[0].send([b"too late"])
        await site.client.until(lambda: started.ended)
        assert (started.grpc_status, started.messages) == (0, [b"bc"])

    @pytest.mark.parametrize(
        ("path", "status", "message"),
        [
            (b"/s/Error", 5, "100 %25 absent: %C3%A9"),
            (b"/s/Crash", 13, "unexpected internal error, see the server's log"),
            (b"/s/None", 12, "there is no method /s/None"),
            (b"", 12, "there is no method "),
        ],
    )
    async def test_errors(self, path: bytes, status: int, message: str) -> None:
        answered = Site().client.call(path or b"/", b"a")
        assert (answered.status, answered.grpc_status, answered.trailers) == (200, status, {})
        assert answered.grpc_message == message or path == b""

    async def test_the_hint(self) -> None:
        assert Site().client.call(b"/s/Error", b"a").headers[b"hint"] == b"look elsewhere"

    @pytest.mark.parametrize(
        ("sent", "message"),
        [
            (b"", "Unable to parse request"),
            (framed_message(b"a") * 2, "a unary call has one message, and more were sent"),
            (framed_message(b"abc")[:-1], "the stream ended in the middle of a message"),
            (b"\x00\x00", "the stream ended in the middle of a message"),
            (b"\x01\x00\x00\x00\x00", "the message's compressed-flag is 1, and grpc-encoding names no compression"),
        ],
    )
    async def test_what_is_not_one_message(self, sent: bytes, message: str) -> None:
        site = Site()
        answered = site.client.call(b"/s/Echo", sent, framed=True)
        assert (answered.grpc_status, answered.grpc_message) == (13, message)
        assert site.service.asked == []

    async def test_a_message_that_is_too_long(self) -> None:
        site = Site(max_body_bytes=1000)
        answered = site.client.call(b"/s/Echo", b"x" * 1001, ended=False)
        assert (answered.grpc_status, answered.reset) == (8, ngh2.ErrorCode.NO_ERROR)
        assert site.client.call(b"/s/Echo", b"x" * 1000).grpc_status == 0

    async def test_more_than_the_server_holds(self) -> None:
        site = Site(max_receiving_bytes=100_000)
        first = site.client.call(b"/s/Later", framed_message(b"x" * 90_000)[:-1], ended=False, framed=True)
        second = site.client.call(b"/s/Echo", framed_message(b"x" * 90_000)[:-1], ended=False, framed=True)
        assert second.grpc_status == 14
        site.client.send(first, b"x", ended=True)
        assert len(site.service.calls) == 1

    async def test_answers_that_nobody_reads_count_and_end_the_connection(self) -> None:
        site = Site(max_receiving_bytes=100_000)
        client = Http2Client(site.server, window_bytes=0)
        for number in range(1, 10):
            assert not client.call(b"/s/Echo", bytes(10_000)).ended
            assert site.reserved_bytes() == number * 10_005
        client.call(b"/s/Echo", bytes(10_000))
        await client.until(lambda: client.transport.closed)
        (goaway,) = client.said(ngh2.GoAwayReceived)
        assert isinstance(goaway, ngh2.GoAwayReceived)
        assert (goaway.error_code, goaway.debug_data) == (ngh2.ErrorCode.ENHANCE_YOUR_CALM, b"answers are not read")
        for connection in tuple(site.server.connections):
            if isinstance(connection, Http2Connection):
                connection.connection_lost(None)
        assert site.reserved_bytes() == 0

    async def test_a_client_that_does_not_even_read_the_last_word(self) -> None:
        site = Site(max_receiving_bytes=100_000)
        site.client.exchange()
        connection = site.connection()
        connection.pause_writing()
        for _ in range(10):
            site.client.call(b"/s/Echo", bytes(10_000))
        assert not site.client.transport.closed
        connection.check_time(connection._now_ns)
        assert site.client.transport.aborted

    async def test_what_was_read_is_not_kept(self) -> None:
        site = Site()
        answered = site.client.call(b"/s/Echo", bytes(100_000))
        assert answered.ended
        assert site.reserved_bytes() == 0


class TestHeaders:
    async def test_metadata(self) -> None:
        site = Site()
        headers = [(b"a", b"1"), (b"a", b"2"), (b"b-bin", b"AAEC")]
        site.client.call(b"/s/Later", b"", headers=headers)
        (call,) = site.service.calls
        assert call.path == b"/s/Later"
        assert call.metadata == {
            b"content-type": b"application/grpc",
            b"te": b"trailers",
            b"a": b"2",
            b"b-bin": b"AAEC",
        }

    @pytest.mark.parametrize(
        ("header", "status"),
        [
            ((b"grpc-encoding", b"brotli"), 12),
            ((b"grpc-encoding", b"identity"), 0),
            ((b"grpc-timeout", b"1"), 3),
            ((b"grpc-timeout", b"1H"), 0),
        ],
    )
    async def test_those_that_mean_something(self, header: tuple[bytes, bytes], status: int) -> None:
        site = Site()
        for _ in range(2):
            assert site.client.call(b"/s/Echo", b"a", headers=[header]).grpc_status == status
        assert len(site.service.asked) == (0 if status else 2)

    async def test_those_that_are_too_long(self) -> None:
        site = Site(max_head_bytes=1000)
        answered = site.client.call(b"/s/Echo", b"a", headers=[(b"long", b"x" * 1000)])
        assert (answered.grpc_status, answered.grpc_message) == (8, "request head is larger than 1000 bytes")

    @pytest.mark.parametrize(
        ("content_type", "is_call"),
        [
            (b"application/grpc", True),
            (b"application/grpc+proto", True),
            (b"application/grpc;x=y", True),
            (b"application/grpc-web", False),
            (b"application/json", False),
        ],
    )
    async def test_what_is_a_call(self, content_type: bytes, is_call: bool) -> None:
        site = Site()
        headers = [(b"content-type", content_type)]
        answered = site.client.request(b"POST", b"/s/Echo", framed_message(b"a"), headers=headers)
        assert (answered.grpc_status == 0) is is_call
        assert (bytes(answered.body) == b"POST /s/Echo 6") is not is_call

    async def test_where_nothing_answers_calls(self) -> None:
        client = Http2Client(HttpServer(Application().handle, limits=Limits()))
        assert bytes(client.call(b"/s/Echo", b"a").body) == b"POST /s/Echo 6"


class TestAccess:
    async def test_keys(self, tmp_path: Path) -> None:
        path = tmp_path / "keys.json"
        path.write_text(json.dumps({"primaryKey": "one"}), encoding="utf-8")
        path.chmod(0o600)
        site = Site(keys=KeyRing(path))
        for call in (b"/s/Echo", b"/s/Stream"):
            assert site.client.call(call, b"a").grpc_status == 16
            assert site.client.call(call, b"a", headers=[(b"authorization", b"Bearer two")]).grpc_status == 16
            assert site.client.call(call, b"a", headers=[(b"authorization", b"Bearer one")]).grpc_status == 0
        assert len(site.service.asked) == len(site.service.handlers) == 1

    async def test_restrictions(self) -> None:
        site = Site()
        site.service.restricted = True
        assert site.client.call(b"/s/Echo", b"a").grpc_status == 14
        assert site.client.call(b"/s/Echo", b"a", headers=[(b"key", b"value")]).grpc_status == 0


class TestCompression:
    @pytest.mark.parametrize(
        ("encoding", "compress"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)], ids=["gzip", "deflate"]
    )
    async def test_messages_to_the_server(self, encoding: bytes, compress: Any) -> None:
        site = Site()
        sent = framed_message(compress(b"x" * 1000), compressed=True)
        answered = site.client.call(b"/s/Echo", sent, headers=[(b"grpc-encoding", encoding)], framed=True)
        assert (answered.grpc_status, answered.messages) == (0, [b"x" * 1000])
        assert b"grpc-encoding" not in answered.headers

    async def test_a_message_that_is_not_compressed_where_it_could_be(self) -> None:
        assert Site().client.call(b"/s/Echo", b"abc", headers=[GZIP]).messages == [b"abc"]

    @pytest.mark.parametrize(
        ("accepted", "encoding"),
        [
            (b"identity,deflate,gzip", b"gzip"),
            (b"identity, deflate", b"deflate"),
            (b"identity", b""),
            (b"snappy", b""),
            (b"", b""),
        ],
    )
    async def test_messages_to_the_client(self, accepted: bytes, encoding: bytes) -> None:
        site = Site(compression_level=6)
        headers = [(b"grpc-accept-encoding", accepted)] if accepted else []
        answered = site.client.call(b"/s/Echo", bytes(10_000), headers=headers)
        assert answered.headers.get(b"grpc-encoding", b"") == encoding
        assert (answered.body[0], len(answered.body) < 200) == (bool(encoding), bool(encoding))
        (message,) = answered.messages
        undo: dict[bytes, Any] = {b"gzip": gzip.decompress, b"deflate": zlib.decompress, b"": bytes}
        assert undo[encoding](message) == bytes(10_000)

    async def test_not_without_the_setting(self) -> None:
        answered = Site().client.call(b"/s/Echo", bytes(10_000), headers=[(b"grpc-accept-encoding", b"gzip")])
        assert answered.messages == [bytes(10_000)]


class TestCancellation:
    async def test_a_client_that_waits_no_more(self) -> None:
        site = Site()
        started = site.client.call(b"/s/Infer", b"a")
        (call,) = site.service.calls
        request = call.request
        site.client.reset(started)
        assert site.service.scheduler.cancelled == [request]
        assert call.is_finished
        call.fail(cast(InferRequest, request), NotFoundError("late"))
        call.respond(cast(InferRequest, request), ())
        assert site.client.call(b"/s/Echo", b"a").grpc_status == 0

    async def test_a_connection_that_is_lost(self) -> None:
        site = Site()
        site.client.call(b"/s/Infer", b"a")
        site.client.call(b"/s/StreamLater", b"a", ended=False)
        site.connection().connection_lost(None)
        assert len(site.service.scheduler.cancelled) == 1
        assert site.service.handlers[0].said == [b"a", "cancel"]
        assert site.reserved_bytes() == 0

    async def test_a_deadline(self) -> None:
        site = Site()
        started = site.client.call(b"/s/Infer", b"a", headers=[(b"grpc-timeout", b"20m")])
        (call,) = site.service.calls
        request = call.request
        async with asyncio.timeout(5):
            while not started.ended:
                site.client.exchange()
                await asyncio.sleep(0)
        assert (started.grpc_status, started.grpc_message) == (4, "Deadline Exceeded")
        assert site.service.scheduler.cancelled == [request]

    async def test_the_deadline_of_a_stream(self) -> None:
        site = Site()
        headers = [(b"grpc-timeout", b"20m")]
        started = site.client.call(b"/s/StreamLater", b"a", headers=headers, ended=False)
        async with asyncio.timeout(5):
            while not started.ended:
                site.client.exchange()
                await asyncio.sleep(0)
        assert started.grpc_status == 4
        assert site.service.handlers[0].said == [b"a", "cancel"]

    async def test_a_deadline_that_is_met_leaves_nothing(self) -> None:
        site = Site()
        for _ in range(3):
            assert site.client.call(b"/s/Echo", b"a", headers=[(b"grpc-timeout", b"1H")]).grpc_status == 0
        started = site.client.call(b"/s/Infer", b"a", headers=[(b"grpc-timeout", b"1H")])
        site.client.reset(started)
        assert not site.server.deadlines._slots
        site.server.close()

    async def test_a_deadline_before_the_message_is_whole(self) -> None:
        site = Site()
        started = site.client.call(b"/s/Echo", headers=[(b"grpc-timeout", b"1n")], ended=False)
        async with asyncio.timeout(5):
            while not started.ended:
                site.client.exchange()
                await asyncio.sleep(0)
        assert started.grpc_status == 4
        assert started.reset == ngh2.ErrorCode.NO_ERROR

    async def test_calls_that_end_in_the_middle_of_a_frame_do_not_close_the_connections_window(self) -> None:
        site = Site()
        client = site.client
        half = framed_message(bytes(15_000))
        for number in range(2000):
            started = client.call(b"/s/Echo", ended=False)
            client.h2.send_data(client.stream_id(started), half)
            sent = client.h2.data_to_send()
            client.transport.deliver(sent[:10_000])
            site.connection()._streams[client.stream_id(started)].expire()  # type: ignore[union-attr]
            await asyncio.sleep(0)
            client.exchange()
            client.transport.deliver(sent[10_000:])
            client.exchanges.clear()
            if number % 500 == 499:  # some 5 MB are lost, of the window's 16
                site.connection().check_time(site.connection()._now_ns)
                await asyncio.sleep(0)
        client.exchange()
        assert client.h2.remote_window_size > 7_000_000
        assert client.call(b"/s/Echo", bytes(1_000_000)).grpc_status == 0
        assert client.h2.remote_window_size <= site.server.session_limits.window_bytes

    @pytest.mark.parametrize("how", ["lost", "reset", "answered"])
    async def test_what_is_over_is_gone_before_the_collector_comes(self, how: str) -> None:
        gc.collect()
        gc.disable()
        try:
            site = Site()
            started = [site.client.call(b"/s/Infer", b"a"), site.client.call(b"/s/StreamLater", b"a", ended=False)]
            started.append(site.client.request(b"GET", b"/later"))
            site.service.handlers[0].call.on_writable = site.service.handlers[0].answer
            site.service.handlers[0].call.pause()
            site.client.send(started[1], framed_message(b"b"))
            for exchange in started if how == "reset" else ():
                site.client.reset(exchange)
            if how == "answered":
                site.service.calls[0].finish()
                site.service.handlers[0].call.finish()
                await asyncio.sleep(0)
            connection = site.connection()
            connection.connection_lost(None)
            site.client.transport.protocol = asyncio.Protocol()
            site.service.calls.clear()
            site.service.handlers.clear()
            del connection
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            kinds = (GrpcCall, Handler, Http2Connection, Http2Session, HttpStream)
            assert [item for item in gc.garbage if isinstance(item, kinds)] == []
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()


class TestStreaming:
    async def test_messages_both_ways(self) -> None:
        site = Site()
        stream = site.client.call(b"/s/Stream", b"a", b"b", ended=False)
        assert stream.messages == [b"a", b"b"]
        site.client.send(stream, framed_message(b"c" * 100_000)[:50_000])
        assert len(stream.messages) == 2
        site.client.send(stream, framed_message(b"c" * 100_000)[50_000:])
        assert stream.messages[2:] == [b"c" * 100_000]
        site.client.send(stream, framed_message(b"d"), ended=True)
        assert (stream.grpc_status, stream.messages[3:]) == (0, [b"d"])
        assert site.service.handlers[0].said[-1] == "half-close"

    async def test_a_stream_without_messages(self) -> None:
        answered = Site().client.call(b"/s/Stream")
        assert (answered.grpc_status, answered.messages) == (0, [])

    async def test_answers_after_the_half_close(self) -> None:
        site = Site()
        stream = site.client.call(b"/s/StreamLater", b"a", b"b")
        (handler,) = site.service.handlers
        handler.answer()
        await site.client.until(lambda: len(stream.messages) == 1)
        assert not stream.ended
        handler.answer()
        await site.client.until(lambda: stream.ended)
        assert (stream.grpc_status, stream.messages) == (0, [b"a", b"b"])

    @pytest.mark.parametrize(("message", "status"), [(b"error", 3), (b"crash", 13)])
    async def test_errors_end_it(self, message: bytes, status: int) -> None:
        site = Site()
        stream = site.client.call(b"/s/Stream", b"a", message, b"b", ended=False)
        assert (stream.grpc_status, stream.messages) == (status, [b"a"])
        assert stream.reset == ngh2.ErrorCode.NO_ERROR
        assert site.service.handlers[0].said == [b"a", message]

    async def test_one_that_does_not_begin(self) -> None:
        assert Site().client.call(b"/s/StreamError", b"a").grpc_status == 5

    async def test_one_that_is_over_before_it_has_begun(self) -> None:
        site = Site()
        stream = site.client.call(b"/s/StreamOver", b"a", b"b", ended=False)
        assert (stream.grpc_status, stream.messages) == (0, [])
        assert site.service.handlers[0].said == []

    async def test_one_that_ends_in_the_middle_of_a_message(self) -> None:
        site = Site()
        stream = site.client.call(b"/s/Stream", framed_message(b"abc")[:-1], framed=True)
        assert stream.grpc_status == 13

    async def test_a_paused_handler_gets_nothing_and_the_client_sends_no_more_than_its_window(self) -> None:
        site = Site()
        stream = site.client.call(b"/s/StreamLater", b"first", ended=False)
        (handler,) = site.service.handlers
        handler.call.pause()
        for _ in range(100):
            site.client.send(stream, framed_message(b"x" * 100_000))
        assert handler.said == [b"first"]
        unsent = site.client.h2.queued_body_size()
        assert 10_000_000 - unsent <= site.server.session_limits.stream_window_bytes
        handler.call.resume()
        await site.client.until(lambda: len(handler.said) == 101)
        assert site.reserved_bytes() == 0

    @pytest.mark.parametrize("how", ["reset", "deadline", "finish"])
    async def test_what_a_paused_handler_never_got_does_not_close_the_window(self, how: str) -> None:
        site = Site()
        for _ in range(30):
            stream = site.client.call(b"/s/StreamLater", b"first", ended=False)
            call = site.service.handlers[-1].call
            call.pause()
            site.client.send(stream, bytes(1_000_000))
            if how == "reset":
                site.client.reset(stream)
            elif how == "deadline":
                call.expire()
            else:
                call.finish()
            assert call.is_finished
            await asyncio.sleep(0)
            site.client.exchange()
        assert site.client.h2.remote_window_size > 7_000_000

    async def test_a_handler_that_pauses_again_in_a_message(self) -> None:
        site = Site()
        stream = site.client.call(b"/s/StreamLater", b"a", ended=False)
        (handler,) = site.service.handlers
        handler.call.pause()
        site.client.send(stream, framed_message(b"b"))
        site.client.send(stream, framed_message(b"c"), ended=True)
        message = handler.message

        def once(data: bytes | memoryview, arrived_ns: int) -> None:
            message(data, arrived_ns)
            handler.call.pause()

        handler.message = once  # type: ignore[method-assign]
        handler.call.resume()
        assert handler.said == [b"a", b"b"]
        handler.call.resume()
        assert handler.said == [b"a", b"b", b"c", "half-close"]

    async def test_a_client_that_does_not_read(self) -> None:
        site = Site()
        client = Http2Client(site.server, window_bytes=1000, reads=False)
        stream = client.call(b"/s/StreamLater", b"a", ended=False)
        (handler,) = site.service.handlers
        told: list[bool] = []
        handler.call.on_writable = lambda: told.append(True)
        sent = 0
        while handler.call.writable:
            handler.call.send([bytes(100_000)])
            sent += 1
        assert sent == 11
        await asyncio.sleep(0)
        client.exchange()
        assert told == []
        for _ in range(200):
            client.read(stream, 1000)
        assert told == [True]
        assert handler.call.writable

    async def test_one_that_goes_without_having_read(self) -> None:
        site = Site()
        client = Http2Client(site.server, window_bytes=1000, reads=False)
        stream = client.call(b"/s/StreamLater", b"a", ended=False)
        (handler,) = site.service.handlers
        while handler.call.writable:
            handler.call.send([bytes(100_000)])
        await asyncio.sleep(0)
        client.reset(stream)
        assert site.reserved_bytes() == 0
        assert handler.said == [b"a", "cancel"]


class TestTime:
    async def test_a_message_that_does_not_arrive(self) -> None:
        site = Site()
        unary = site.client.call(b"/s/Echo", ended=False)
        stream = site.client.call(b"/s/Stream", framed_message(b"abc")[:-1], ended=False, framed=True)
        silent = site.client.call(b"/s/Stream", b"a", ended=False)
        connection = site.connection()
        connection.check_time(connection._now_ns + 59 * SECOND_NS)
        site.client.exchange()
        assert not unary.ended
        assert not stream.ended
        connection.check_time(connection._now_ns + 61 * SECOND_NS)
        await site.client.until(lambda: unary.ended and stream.ended)
        assert (unary.grpc_status, stream.grpc_status) == (4, 4)
        assert unary.grpc_message == "the request did not arrive in time"
        assert not silent.ended


class TestDrain:
    async def test_streams_end_when_they_have_answered_what_they_took(self) -> None:
        site = Site()
        stream = site.client.call(b"/s/StreamLater", b"a", ended=False)
        site.server.stop_accepting()
        (handler,) = site.service.handlers
        await site.client.until(lambda: handler.half_closed)
        assert not stream.ended
        handler.answer()
        await site.client.until(lambda: stream.ended)
        assert (stream.grpc_status, stream.messages) == (14, [b"a"])
        assert stream.grpc_message == "GRPC server is shutting down and has stopped accepting new requests."
        await site.client.until(lambda: site.client.transport.closed)

    async def test_one_that_the_client_had_ended_ends_well(self) -> None:
        site = Site()
        stream = site.client.call(b"/s/StreamLater", b"a")
        site.server.stop_accepting()
        await site.client.until(lambda: len(site.client.said(ngh2.GoAwayReceived)) == 2)
        site.service.handlers[0].answer()
        await site.client.until(lambda: stream.ended)
        assert (stream.grpc_status, stream.messages) == (0, [b"a"])

    async def test_a_unary_call_is_answered(self) -> None:
        site = Site()
        started = site.client.call(b"/s/Later", b"a")
        site.server.stop_accepting()
        await site.client.until(lambda: len(site.client.said(ngh2.GoAwayReceived)) == 2)
        site.service.calls[0].send([b"b"])
        site.service.calls[0].finish()
        await site.client.until(lambda: started.ended)
        assert started.grpc_status == 0


class TestSink:
    @staticmethod
    def request(encode: Any) -> InferRequest:
        model = SimpleNamespace(name="m")
        return cast(InferRequest, SimpleNamespace(id="7", model=model, plan=SimpleNamespace(encode=encode)))

    async def answered(self, encode: Any) -> Exchange:
        site = Site()
        started = site.client.call(b"/s/Later", b"a")
        (call,) = site.service.calls
        outputs: Sequence[Array] = ()
        call.respond(self.request(encode), outputs)
        await site.client.until(lambda: started.ended)
        return started

    async def test_outputs(self) -> None:
        answered = await self.answered(lambda name, outputs: [name.encode(), b"!"])
        assert (answered.grpc_status, answered.messages) == (0, [b"7!"])

    async def test_outputs_that_cannot_be_written(self) -> None:
        def refuse(name: str, outputs: object) -> list[bytes]:
            raise InvalidArgumentError("no")

        assert (await self.answered(refuse)).grpc_status == 3

    async def test_a_bug_in_writing_them(self) -> None:
        def crash(name: str, outputs: object) -> list[bytes]:
            raise RuntimeError("bug")

        assert (await self.answered(crash)).grpc_status == 13

    async def test_none(self) -> None:
        site = Site()
        started = site.client.call(b"/s/Later", b"a")
        (call,) = site.service.calls
        call.fail(self.request(None), NotFoundError("gone"))
        await site.client.until(lambda: started.ended)
        assert (started.grpc_status, started.grpc_message) == (5, "gone")

    async def test_when_the_message_began_to_come(self) -> None:
        site = Site()
        site.client.call(b"/s/Later", b"a")
        started = site.client.call(b"/s/Later", framed_message(b"a")[:-1], ended=False, framed=True)
        site.client.send(started, b"a", ended=True)
        whole, pieces = site.service.calls
        assert whole.receiving_since_ns == 0
        assert pieces.receiving_since_ns > 0
        assert whole.transport == "GRPC"
