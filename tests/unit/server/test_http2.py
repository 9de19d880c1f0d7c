"""HTTP/2 connections driven with bytes: requests that are no calls, limits, time, the end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import ngh2
import pytest

from naiad.server.auth import KeyRing
from naiad.server.http2 import Http2Connection, KeepAlive
from naiad.server.http_server import HttpServer, Limits
from naiad.server.response import EMPTY
from tests.support.echo import Application
from tests.support.http2_client import Exchange, Http2Client
from tests.support.http_client import request_bytes
from tests.support.transport import connect

SECOND_NS = 1_000_000_000


class Site:
    """A server and a client of its own."""

    def __init__(self, *, keep_alive: KeepAlive | None = None, **limits: Any) -> None:
        self.application = Application()
        self.server = HttpServer(self.application.handle, limits=Limits(**limits), keep_alive=keep_alive)

    def client(self, **options: Any) -> Http2Client:
        return Http2Client(self.server, **options)

    def connection(self) -> Http2Connection:
        (connection,) = self.server.connections
        assert isinstance(connection, Http2Connection)
        return connection

    def reserved_bytes(self) -> int:
        return self.server._receiving_bytes


def error_of(exchange: Exchange, status: int) -> str:
    assert exchange.status == status
    assert exchange.ended
    return str(json.loads(exchange.body)["error"])


class TestRequests:
    async def test_answers_are_the_applications(self) -> None:
        client = Site().client()
        answered = client.request(b"GET", b"/a?x=1")
        assert (answered.status, bytes(answered.body), answered.ended) == (200, b"GET /a 0", True)
        assert answered.headers[b"content-type"] == b"text/plain"
        assert answered.headers[b"content-length"] == b"8"

    async def test_a_head_has_no_body(self) -> None:
        answered = Site().client().request(b"HEAD", b"/a")
        assert (answered.headers[b"content-length"], bytes(answered.body), answered.ended) == (b"9", b"", True)

    @pytest.mark.parametrize("size", [1, 1000, 100_000, 5_000_000])
    @pytest.mark.parametrize("told", [True, False])
    async def test_bodies(self, size: int, told: bool) -> None:
        site = Site()
        headers = [(b"content-length", b"%d" % size)] if told else []
        body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        answered = site.client().request(b"POST", b"/a", body, headers=headers)
        assert bytes(answered.body) == b"POST /a %d" % size
        assert site.application.asked == [("POST", b"/a", body)]
        assert site.reserved_bytes() == 0

    async def test_a_body_that_ends_with_trailers(self) -> None:
        site = Site()
        client = site.client()
        started = client.request(b"POST", b"/a", b"abc", ended=False)
        client.h2.send_trailers(client.stream_id(started), [(b"checksum", b"1")])
        client.exchange()
        assert bytes(started.body) == b"POST /a 3"

    async def test_later_answers_come_in_any_order(self) -> None:
        site = Site()
        client = site.client()
        first, second = client.request(b"GET", b"/later"), client.request(b"GET", b"/later")
        third = client.request(b"GET", b"/a")
        assert (first.status, second.status, third.status) == (0, 0, 200)
        site.application.waiting.reverse()
        site.application.answer()
        await client.until(lambda: second.ended)
        assert first.status == 0
        site.application.answer()
        await client.until(lambda: first.ended)

    async def test_answers_of_one_turn_leave_in_one_write(self) -> None:
        site = Site()
        client = site.client()
        exchanges = [client.request(b"GET", b"/later") for _ in range(10)]
        for _ in range(10):
            site.application.answer()
        writes: list[bytes] = []
        write = client.transport.write

        def noted(data: bytes) -> None:
            writes.append(data)
            write(data)

        client.transport.write = noted  # type: ignore[method-assign]
        await client.until(lambda: all(exchange.ended for exchange in exchanges))
        assert len([data for data in writes if len(data) > 100]) == 1

    @pytest.mark.parametrize(("path", "status"), [(b"/error", 404), (b"/crash", 500)])
    async def test_errors(self, path: bytes, status: int) -> None:
        assert error_of(Site().client().request(b"GET", path), status)

    async def test_a_client_that_goes_before_the_answer(self) -> None:
        site = Site()
        client = site.client()
        gone, stays = client.request(b"GET", b"/later"), client.request(b"GET", b"/later")
        client.reset(gone)
        site.application.answer()
        site.application.answer()
        await client.until(lambda: stays.ended)
        assert gone.status == 0

    async def test_bytes_cut_anyhow(self) -> None:
        site = Site()
        client = site.client()
        client.h2.send_request([(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"x"), (b":path", b"/a")])
        for byte in client.h2.data_to_send():
            client.transport.deliver(bytes([byte]))
        assert site.application.asked == []
        client.exchanges[1] = Exchange()
        client.h2.end_stream(1)
        client.exchange()
        assert client.exchanges[1].status == 200

    async def test_a_body_that_is_waited_for_is_asked_for(self) -> None:
        client = Site().client()
        started = client.request(b"POST", b"/a", headers=[(b"expect", b"100-continue")], ended=False)
        assert len(client.said(ngh2.InformationalResponseReceived)) == 1
        client.send(started, b"abc", ended=True)
        assert bytes(started.body) == b"POST /a 3"


class TestLimits:
    async def test_a_body_that_is_too_large_is_not_waited_for(self) -> None:
        site = Site(max_input_bytes=1000)
        client = site.client()
        headers = [(b"content-length", b"1001")]
        assert "exceeds the maximum allowed input size" in error_of(
            client.request(b"POST", b"/a", headers=headers, ended=False), 400
        )
        (exchange,) = client.exchanges.values()
        assert exchange.reset == ngh2.ErrorCode.NO_ERROR
        assert client.request(b"GET", b"/a").status == 200

    async def test_a_body_of_unknown_length(self) -> None:
        site = Site(max_input_bytes=1000)
        client = site.client()
        started = client.request(b"POST", b"/a", b"x" * 600, ended=False)
        client.send(started, b"x" * 600)
        assert error_of(started, 413) == (
            "request body exceeds the maximum allowed input size of 1000 bytes. "
            "Use --http-max-input-size to increase the limit."
        )
        assert site.reserved_bytes() == 0

    async def test_all_bodies_together(self) -> None:
        site = Site(max_receiving_bytes=100_000)
        client = site.client()
        first = client.request(b"POST", b"/a", b"x" * 60_000, ended=False)
        second = client.request(b"POST", b"/b", b"x" * 60_000, ended=False)
        assert error_of(second, 503)
        client.send(first, b"", ended=True)
        assert first.status == 200

    async def test_headers_that_are_too_long(self) -> None:
        site = Site(max_head_bytes=1000)
        client = site.client()
        headers = [(b"long", b"x" * 1000)]
        assert error_of(client.request(b"GET", b"/a", headers=headers), 431)
        assert client.request(b"GET", b"/a").status == 200
        assert [path for _, path, _ in site.application.asked] == [b"/a"]

    async def test_streams_at_a_time(self) -> None:
        site = Site(max_streams=3)
        client = site.client()
        exchanges = [client.request(b"GET", b"/later") for _ in range(4)]
        assert len(site.application.waiting) == 3
        site.application.answer()
        await client.until(lambda: exchanges[0].ended and len(site.application.waiting) == 3)

    async def test_a_window_that_is_never_opened_holds_up_one_stream_alone(self) -> None:
        site = Site()
        client = site.client(window_bytes=4, reads=False)
        stuck = client.request(b"GET", b"/a")
        assert (stuck.status, bytes(stuck.body), stuck.ended) == (200, b"GET ", False)
        assert client.request(b"HEAD", b"/b").ended
        client.read(stuck, 4)
        assert (bytes(stuck.body), stuck.ended) == (b"GET /a 0", True)

    async def test_what_a_client_does_not_read_is_not_kept_without_bound(self) -> None:
        site = Site()
        client = site.client(window_bytes=0)
        connection = site.connection
        client.request(b"GET", b"/a")
        held = [client.request(b"GET", b"/later") for _ in range(2)]
        stream = site.application.waiting[0][0]
        stream.begin(EMPTY)
        assert not stream.send(b"x" * (65 << 20))
        refused = client.request(b"GET", b"/b")
        assert refused.reset == ngh2.ErrorCode.REFUSED_STREAM
        client.reset(held[0])
        assert connection().session.unsent_bytes() < 100
        assert client.request(b"HEAD", b"/b").status == 200


class TestKeys:
    async def test_every_request_needs_one(self, tmp_path: Path) -> None:
        path = tmp_path / "keys.json"
        path.write_text(json.dumps({"primaryKey": "one"}), encoding="utf-8")
        path.chmod(0o600)
        server = HttpServer(Application().handle, limits=Limits(), keys=KeyRing(path))
        client = Http2Client(server)
        refused = client.request(b"GET", b"/a")
        assert (refused.status, refused.headers[b"www-authenticate"]) == (401, b"Bearer")
        assert client.request(b"GET", b"/a", headers=[(b"authorization", b"Bearer one")]).status == 200
        unread = client.request(b"POST", b"/a", headers=[(b"content-length", b"9")], ended=False)
        assert (unread.status, unread.reset) == (401, ngh2.ErrorCode.NO_ERROR)


class TestTime:
    async def test_a_request_that_does_not_arrive(self) -> None:
        site = Site()
        client = site.client()
        started = client.request(b"POST", b"/a", b"x" * 100_000, ended=False)
        connection = site.connection()
        connection.check_time(connection._now_ns + 59 * SECOND_NS)
        client.exchange()
        assert not started.ended
        connection.check_time(connection._now_ns + 61 * SECOND_NS)
        await client.until(lambda: started.ended)
        assert error_of(started, 408) == "the request did not arrive in time"
        assert site.reserved_bytes() == 0

    async def test_an_answer_that_is_not_read(self) -> None:
        site = Site()
        stuck = Http2Client(site.server, window_bytes=0)
        exchange = stuck.request(b"GET", b"/a")
        for connection in tuple(site.server.connections):
            connection.check_time(connection._now_ns + 601 * SECOND_NS)  # type: ignore[union-attr]
        await stuck.until(lambda: exchange.reset is not None)
        assert exchange.reset == ngh2.ErrorCode.CANCEL

    async def test_a_connection_on_which_nothing_happens(self) -> None:
        site = Site()
        client = site.client()
        client.request(b"GET", b"/a")
        connection = site.connection()
        connection.check_time(connection._now_ns + 599 * SECOND_NS)
        assert not client.said(ngh2.GoAwayReceived)
        connection.check_time(connection._now_ns + 601 * SECOND_NS)
        await client.until(lambda: client.transport.closed)
        assert not client.transport.aborted

    async def test_old_age(self) -> None:
        site = Site(keep_alive=KeepAlive(max_age_ns=SECOND_NS, max_age_grace_ns=SECOND_NS))
        client = site.client()
        waiting = client.request(b"GET", b"/later")
        connection = site.connection()
        connection.check_time(connection._now_ns + SECOND_NS // 2)
        assert not client.said(ngh2.GoAwayReceived)
        connection.check_time(connection._now_ns + 2 * SECOND_NS)
        await client.until(lambda: len(client.said(ngh2.GoAwayReceived)) == 2)
        assert not client.transport.closed
        site.application.answer()
        await client.until(lambda: waiting.ended and client.transport.closed)

    async def test_old_age_does_not_wait_for_ever(self) -> None:
        site = Site(keep_alive=KeepAlive(max_age_ns=SECOND_NS, max_age_grace_ns=SECOND_NS))
        client = site.client()
        client.request(b"GET", b"/later")
        connection = site.connection()
        connection.check_time(connection._now_ns + 2 * SECOND_NS)
        await client.until(lambda: len(client.said(ngh2.GoAwayReceived)) == 2)
        connection.check_time(connection._now_ns + 4 * SECOND_NS)
        assert client.transport.aborted

    async def test_a_client_that_is_gone_without_a_word(self) -> None:
        site = Site(keep_alive=KeepAlive(ping_after_ns=SECOND_NS, ping_timeout_ns=SECOND_NS))
        client = site.client()
        client.exchange()
        connection = site.connection()
        heard_ns = connection._now_ns
        connection.check_time(heard_ns + 2 * SECOND_NS)
        client.exchange()
        assert not client.said(ngh2.PingReceived)  # nobody waits for anything
        client.request(b"GET", b"/later")
        connection.check_time(connection._now_ns + 2 * SECOND_NS)
        await asyncio.sleep(0)
        assert client.transport.written
        connection.check_time(connection._now_ns + 4 * SECOND_NS)
        assert client.transport.aborted

    async def test_one_that_answers_stays(self) -> None:
        site = Site(keep_alive=KeepAlive(ping_after_ns=SECOND_NS, ping_timeout_ns=SECOND_NS, without_calls=True))
        client = site.client()
        client.exchange()
        connection = site.connection()
        connection.check_time(connection._now_ns + 2 * SECOND_NS)
        await client.until(lambda: client.said(ngh2.PingReceived))
        connection.check_time(connection._now_ns + SECOND_NS // 2)
        assert not client.transport.closed


class TestPings:
    async def test_more_often_than_agreed(self) -> None:
        client = Site().client()
        for _ in range(4):
            client.ping()
        (goaway,) = client.said(ngh2.GoAwayReceived)
        assert isinstance(goaway, ngh2.GoAwayReceived)
        assert (goaway.error_code, goaway.debug_data) == (ngh2.ErrorCode.ENHANCE_YOUR_CALM, b"too_many_pings")
        assert client.transport.closed

    async def test_with_something_to_say_between_them(self) -> None:
        client = Site().client()
        for _ in range(10):
            client.ping()
            client.request(b"GET", b"/a")
        assert len(client.said(ngh2.PingAcknowledged)) == 10
        assert not client.transport.closed

    async def test_while_an_answer_is_read(self) -> None:
        client = Site().client(window_bytes=100, reads=False)
        answered = client.request(b"GET", b"/" + b"x" * 1000)
        for _ in range(10):
            client.ping()
            client.read(answered, 90)
        assert not client.transport.closed
        assert len(client.said(ngh2.PingAcknowledged)) == 10
        assert not answered.ended

    async def test_as_many_as_a_client_likes(self) -> None:
        client = Site(keep_alive=KeepAlive(max_ping_strikes=0)).client()
        for _ in range(999):  # the preface has settings too
            client.ping()
        assert not client.transport.closed
        client.ping()
        assert client.transport.closed

    async def test_settings_again_and_again(self) -> None:
        client = Site().client()
        for size in range(1000):
            client.h2.update_settings({ngh2.Setting.INITIAL_WINDOW_SIZE: size})
            client.exchange()
        (goaway,) = client.said(ngh2.GoAwayReceived)
        assert isinstance(goaway, ngh2.GoAwayReceived)
        assert goaway.error_code == ngh2.ErrorCode.ENHANCE_YOUR_CALM


class TestDrain:
    async def test_two_steps_lose_nothing(self) -> None:
        site = Site()
        client = site.client()
        waiting = client.request(b"GET", b"/later")
        # A request that leaves before the client has heard of the end.
        site.server.stop_accepting()
        crossing = client.request(b"GET", b"/a")
        await client.until(lambda: len(client.said(ngh2.GoAwayReceived)) == 2)
        first, second = client.said(ngh2.GoAwayReceived)
        assert isinstance(first, ngh2.GoAwayReceived)
        assert isinstance(second, ngh2.GoAwayReceived)
        assert (first.last_stream_id, second.last_stream_id) == ((1 << 31) - 1, client.stream_id(crossing))
        assert crossing.status == 200
        assert not client.transport.closed
        site.application.answer()
        await client.until(lambda: waiting.ended and client.transport.closed)
        assert not client.transport.aborted

    async def test_one_that_comes_while_the_server_drains(self) -> None:
        site = Site()
        _, transport = connect(site.server)
        site.server.stop_accepting()
        client = ngh2.Connection(ngh2.Role.CLIENT)
        client.initiate_connection()
        transport.deliver(client.data_to_send())
        client.receive_data(transport.take())
        assert any(isinstance(event, ngh2.GoAwayReceived) for event in client.events())

    async def test_a_log_setting_that_changes_meanwhile_changes_nothing_else(self) -> None:
        site = Site()
        _, transport = connect(site.server)
        site.server.stop_accepting()
        site.server.log_requests(True)
        site.server.log_requests(False)
        transport.deliver(request_bytes("GET", "/a"))
        assert b"Connection: close" in transport.take()
        assert transport.closed


class TestEnd:
    async def test_a_client_that_is_gone(self) -> None:
        site = Site()
        client = site.client()
        lost: list[bool] = []
        client.request(b"POST", b"/a", b"x" * 100_000, ended=False)
        client.request(b"GET", b"/later")
        site.application.waiting[0][0].on_lost = lambda: lost.append(True)
        connection = site.connection()
        connection.connection_lost(None)
        assert lost == [True]
        assert site.reserved_bytes() == 0
        assert not site.server.connections
        site.application.answer()

    @pytest.mark.parametrize("data", [b"\xff" * 9, b"\x00" * 9, b"GET / HTTP/1.1\r\n\r\n" * 9])
    async def test_bytes_that_are_no_frames(self, data: bytes) -> None:
        site = Site()
        client = site.client()
        client.request(b"GET", b"/a")
        client.transport.deliver(data * 3)
        client.exchange()
        assert client.said(ngh2.GoAwayReceived)
        assert client.transport.closed

    async def test_one_who_does_not_take_the_last_word_is_cut_off(self) -> None:
        site = Site()
        client = site.client()
        client.request(b"GET", b"/later")
        connection = site.connection()
        client.transport.deliver(b"\xff" * 9)
        assert client.transport.closed
        assert not client.transport.aborted
        connection.check_time(connection._now_ns)
        assert client.transport.aborted

    async def test_what_goes_wrong_on_one_connection_stops_no_other(self, caplog: pytest.LogCaptureFixture) -> None:
        site = Site()
        first = site.client(window_bytes=0)
        stuck = first.request(b"GET", b"/later")
        connection = site.connection()
        second = site.client()
        waiting = second.request(b"GET", b"/later")
        stream = site.application.waiting.pop(0)[0]
        stream.begin(EMPTY)
        assert not stream.send(bytes(2 << 20))

        def crash() -> None:
            raise RuntimeError("a bug")

        stream.on_writable = crash
        await first.until(lambda: stuck.status)
        first.h2.update_settings({ngh2.Setting.INITIAL_WINDOW_SIZE: 8 << 20})
        sent = first.h2.data_to_send()
        connection._writing_paused = True
        first.transport.deliver(sent)
        connection._writing_paused = False
        stream.send(b"more")
        site.application.answer()
        await second.until(lambda: waiting.ended)
        assert "unexpected error while sending answers" in caplog.text

    async def test_a_second_half_of_the_preface_that_is_wrong(self) -> None:
        _, transport = connect(Site().server)
        transport.deliver(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")
        assert transport.closed
