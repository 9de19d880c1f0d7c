"""One HTTP/2 connection: streams to calls and requests, what they answer into as few writes as can be.

Answers that come within one turn of the loop leave together (fast-path.md point 7). What a client may have open, send
and leave unread is limited; a client that goes beyond is told so, and its connection is closed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from naiad.engine.execution import clock_ns
from naiad.errors import NaiadError
from naiad.server.exchange import peer_address
from naiad.server.grpc_call import GrpcCall
from naiad.server.grpc_framing import error_trailers
from naiad.server.grpc_head import GrpcHead, is_grpc
from naiad.server.http2_session import ENHANCE_YOUR_CALM, REFUSED_STREAM, Header, Http2Session, SessionError
from naiad.server.http2_stream import HttpStream
from naiad.server.request_head import RequestHead

if TYPE_CHECKING:
    from naiad.server.http_server import HttpServer

logger = logging.getLogger(__name__)

_OUTPUT_BYTES: Final = 1 << 20
_MAX_UNSENT_BYTES: Final = 1 << 26
_MAX_CONTROL_FRAMES: Final = 1000  # between two sweeps
_DRAIN_NS: Final = 1_000_000_000
_PING_WITHOUT_CALLS_NS: Final = 7_200_000_000_000


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """How long connections live, and what pings say of them: gRPC's settings, in nanoseconds (triton.md §7).

    Attributes:
        ping_after_ns: of silence, the client is asked whether it is there.
        ping_timeout_ns: it must answer within that.
        without_calls: pings make sense on a connection without calls, too, either way.
        min_ping_interval_ns: between pings of the client's with nothing else between them.
        max_ping_strikes: pings that come earlier; 0 for any number.
        max_age_ns: connections end after that; 0 for never.
        max_age_grace_ns: what calls on such connections have left to end; 0 for as long as they take.
    """

    ping_after_ns: int = 7_200_000_000_000
    ping_timeout_ns: int = 20_000_000_000
    without_calls: bool = False
    min_ping_interval_ns: int = 300_000_000_000
    max_ping_strikes: int = 2
    max_age_ns: int = 0
    max_age_grace_ns: int = 0


class Http2Connection(asyncio.Protocol):
    """A client's connection.

    Args:
        server: limits, keys, routes and methods.
        transport: of the connection, which has sent HTTP/2's preface.

    Attributes:
        server: the same.
        session: the protocol's state.
    """

    __slots__ = (
        "_blocked",
        "_control_frames",
        "_draining_since_ns",
        "_end_by_ns",
        "_ending",
        "_heard_ns",
        "_last_ping_ns",
        "_now_ns",
        "_old_at_ns",
        "_over",
        "_pinged_ns",
        "_streams",
        "_strikes",
        "_to_flush",
        "_transport",
        "_unsent_bytes",
        "_writing_paused",
        "server",
        "session",
    )

    def __init__(self, server: HttpServer, transport: asyncio.Transport) -> None:
        self.server = server
        self.session = Http2Session(server.session_limits)
        self._transport = transport
        self._streams: dict[int, GrpcCall | HttpStream] = {}
        self._unsent_bytes = 0
        self._blocked: set[GrpcCall | HttpStream] = set()
        self._now_ns = self._heard_ns = clock_ns()
        max_age_ns = server.keep_alive.max_age_ns
        # Not all at once, where many clients came at once.
        self._old_at_ns = self._now_ns + int(max_age_ns * random.uniform(0.9, 1.1)) if max_age_ns else 0  # noqa: S311
        self._draining_since_ns = 0
        self._end_by_ns = 0
        self._ending = False
        self._over = False
        self._to_flush = False
        self._writing_paused = False
        self._control_frames = 0
        self._last_ping_ns = 0
        self._strikes = 0
        self._pinged_ns = 0

    @property
    def remote_address(self) -> str:
        """The client's address; empty when it is not known."""
        return peer_address(self._transport)

    # The transport's calls.

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._now_ns = self._heard_ns = clock_ns()
        self._to_flush = True  # what is answered at once leaves here
        try:
            self.session.receive(data, self)
        except SessionError as error:
            self._give_up(error)
            return
        self.flush()

    def eof_received(self) -> None:
        """The client has closed; the transport closes too."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone; whatever it waited for is not needed any more."""
        self._over = True
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.cancel()
        self.server.release(self._unsent_bytes)
        self._unsent_bytes = 0
        self._blocked.clear()
        self.server.forget(self)

    def pause_writing(self) -> None:
        """The client does not read what it is sent."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """It does again."""
        self._writing_paused = False
        self.flush()

    # What streams call.

    def flush_later(self) -> None:
        """Send what there is to send, with what else is going to be answered in this turn of the loop."""
        self._last_ping_ns = 0
        if not self._to_flush:
            self._to_flush = True
            self.server.flush_later(self)

    def flush(self) -> None:
        """Send what there is to send and the client takes."""
        self._to_flush = False
        if self._transport.is_closing():
            return
        try:
            while not self._writing_paused:
                data = self.session.output(_OUTPUT_BYTES, self)
                if data:
                    self._transport.write(data)
                if len(data) < _OUTPUT_BYTES:
                    break
        except SessionError as error:
            self._give_up(error)
            return
        if self._over:
            self._transport.close()
            return
        try:
            self._account_unsent()
        except NaiadError:
            self._throw_out(b"answers are not read")
        if self._blocked:
            self._tell_writable()

    def tell_when_writable(self, stream: GrpcCall | HttpStream) -> None:
        """Call a stream's `on_writable` when its client has read enough."""
        self._blocked.add(stream)

    # The session's calls.

    def request_received(self, stream_id: int, headers: tuple[Header, ...], ended: bool) -> None:
        """A request or a call begins."""
        if self.session.unsent_bytes() > _MAX_UNSENT_BYTES:
            self.session.reset(stream_id, REFUSED_STREAM)
            return
        try:
            head = self.server.http2_heads.read(headers)
        except NaiadError as error:
            self._refuse(stream_id, headers, error)
            return
        stream: GrpcCall | HttpStream
        if isinstance(head, GrpcHead):
            stream = GrpcCall(self, stream_id, head, self._now_ns)
        else:
            stream = HttpStream(self, stream_id, head, self._now_ns)
        self._streams[stream_id] = stream
        stream.open(ended=ended)

    def body_received(self, stream_id: int, data: bytes, ended: bool) -> None:
        """Part of a request's body, perhaps its end."""
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.receive(data, ended, self._now_ns)
        elif data:
            self.session.consume(stream_id, len(data))
        if not (data or ended):
            self._count_control_frame()

    def stream_closed(self, stream_id: int) -> None:
        """Nothing more will be said on a stream, for whatever reason."""
        stream = self._streams.pop(stream_id, None)
        if stream is None:
            return
        if not stream.is_finished:
            stream.cancel()
        self._blocked.discard(stream)

    def ping_received(self) -> None:
        """The client wants to know whether we are here; more often than agreed, it is told to stop (triton.md §7)."""
        self._count_control_frame()
        limits = self.server.keep_alive
        if not self._last_ping_ns:
            self._strikes = 0
        else:
            without_calls = bool(self._streams) or limits.without_calls
            least_ns = limits.min_ping_interval_ns if without_calls else _PING_WITHOUT_CALLS_NS
            if self._now_ns - self._last_ping_ns < least_ns:
                self._strikes += 1
        self._last_ping_ns = self._now_ns
        if limits.max_ping_strikes and self._strikes > limits.max_ping_strikes:
            self._throw_out(b"too_many_pings")

    def ping_acknowledged(self) -> None:
        """A ping of ours has been answered."""
        self._pinged_ns = 0
        if self._draining_since_ns:
            self.end_drain()

    def settings_received(self) -> None:
        """The client has changed its settings."""
        self._count_control_frame()

    def session_ended(self) -> None:
        """The last word has been said, when the output is sent."""
        self._over = True

    # Time.

    def drain(self) -> None:
        """Ask for no new streams; those that are on their way are taken until the client has heard of it."""
        if not self._draining_since_ns:
            self._draining_since_ns = clock_ns()
            self.session.announce_end()
            self.session.ping()
            self.flush_later()

    def end_drain(self) -> None:
        """Take no new streams; answer those there are, and close."""
        if not self._ending:
            self._ending = True
            self.session.end()
            for stream in tuple(self._streams.values()):
                stream.stop()
            self.flush_later()

    def check_time(self, now_ns: int) -> None:
        """End what takes too long: requests, answers that nobody reads, silence, and old age."""
        self._control_frames = 0
        server, limits = self.server, self.server.keep_alive
        for stream in tuple(self._streams.values()):
            stream.check_time(
                now_ns, receive_timeout_ns=server.receive_timeout_ns, read_timeout_ns=server.idle_timeout_ns
            )
        if self.session.mend_window(sum(stream.unconsumed_bytes for stream in self._streams.values())):
            self.flush_later()
        if self._over or (self._ending and not self._streams) or (self._end_by_ns and now_ns > self._end_by_ns):
            self._transport.abort()
        elif self._draining_since_ns:
            if now_ns - self._draining_since_ns > _DRAIN_NS:
                self.end_drain()
        elif now_ns > self._old_at_ns > 0:
            if limits.max_age_grace_ns:
                self._end_by_ns = now_ns + limits.max_age_grace_ns
            self.drain()
        elif not self._streams and now_ns - self._heard_ns > server.idle_timeout_ns:
            self.drain()
        elif self._pinged_ns:
            if now_ns - self._pinged_ns > limits.ping_timeout_ns:
                self._transport.abort()
        elif now_ns - self._heard_ns > limits.ping_after_ns and (self._streams or limits.without_calls):
            self._pinged_ns = now_ns
            self.session.ping()
            self.flush_later()

    # Refusing.

    def _refuse(self, stream_id: int, headers: tuple[Header, ...], error: NaiadError) -> None:
        """Answer a request whose headers are not read."""
        if is_grpc(dict(headers).get(b"content-type", b"")):
            answer = [(b":status", b"200"), (b"content-type", b"application/grpc"), *error_trailers(error)]
            self.session.send_headers(stream_id, answer, end_stream=True)
            self.session.reset_when_sent(stream_id)
            self.flush_later()
        else:
            head = RequestHead("", b"", {}, version="2", keep_alive=True)
            HttpStream(self, stream_id, head, self._now_ns).answer(self.server.describe(error))

    def _count_control_frame(self) -> None:
        self._control_frames += 1
        if self._control_frames > _MAX_CONTROL_FRAMES:
            self._throw_out(b"too many frames that ask for nothing")

    def _throw_out(self, reason: bytes) -> None:
        """Tell a client that it asks too much, and close."""
        if not self._over:
            self._over = True
            self.session.end(ENHANCE_YOUR_CALM, reason)
            self.flush_later()

    def _give_up(self, error: SessionError) -> None:
        """Close a connection on which there is no going on."""
        logger.debug("connection closed: %s", error)
        self._over = True
        if not self._transport.is_closing():
            self._transport.write(error.last_words)
            self._transport.close()

    def _account_unsent(self) -> None:
        """What waits for the client to read it counts as what is received from it does.

        Raises:
            UnavailableError: the server holds as many bytes as it may.
        """
        unsent_bytes = self.session.unsent_bytes()
        if unsent_bytes > self._unsent_bytes:
            self.server.reserve(unsent_bytes - self._unsent_bytes)
        elif unsent_bytes < self._unsent_bytes:
            self.server.release(self._unsent_bytes - unsent_bytes)
            self._last_ping_ns = 0  # clients ping while an answer comes, to know how fast it does
        self._unsent_bytes = unsent_bytes

    def _tell_writable(self) -> None:
        for stream in tuple(self._blocked):
            if stream.writable:
                self._blocked.discard(stream)
                if stream.on_writable is not None:
                    stream.on_writable()
