"""The protocol of one HTTP/2 connection, by nghttp2: bytes in, what they say to a listener; bytes out (DESIGN §3.4).

The only module that knows `ngh2`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import ngh2

Header = tuple[bytes, bytes]

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_ERROR: Final = 0
CANCEL: Final = 8
REFUSED_STREAM: Final = 7
ENHANCE_YOUR_CALM: Final = 11

_MAX_CONTINUATIONS: Final = 8
_RESETS_IN_A_ROW: Final = 1000
_RESETS_PER_S: Final = 33
_GOAWAY: Final = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x7f\xff\xff\xff"


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What the other side may do.

    Attributes:
        max_streams: at a time.
        max_headers_bytes: that it is told one request's headers may have.
        max_frame_bytes: of a frame.
        stream_window_bytes: of a stream's data that has not been consumed.
        window_bytes: of all streams' together.
    """

    max_streams: int = 1024
    max_headers_bytes: int = 1 << 14
    max_frame_bytes: int = 1 << 16
    stream_window_bytes: int = 1 << 22
    window_bytes: int = 1 << 24


class Listener(Protocol):
    """Who is told what the other side says."""

    def request_received(self, stream_id: int, headers: tuple[Header, ...], ended: bool) -> None:
        """A request begins; it may be all of it."""

    def body_received(self, stream_id: int, data: bytes, ended: bool) -> None:
        """Part of a request's body, perhaps its end."""

    def stream_closed(self, stream_id: int) -> None:
        """Nothing more will be said on a stream, for whatever reason."""

    def ping_received(self) -> None:
        """The other side wants to know whether we are here; it is answered already."""

    def ping_acknowledged(self) -> None:
        """A ping of ours has been answered."""

    def settings_received(self) -> None:
        """The other side has changed its settings."""

    def session_ended(self) -> None:
        """The last word has been said, when the output is sent."""


class SessionError(Exception):
    """The other side does not speak HTTP/2, or too much of it: there is no going on.

    Args:
        cause: what is wrong.

    Attributes:
        last_words: bytes to send before the connection is closed.
    """

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        code = ENHANCE_YOUR_CALM if isinstance(cause, ngh2.DenialOfServiceError) else 1
        self.last_words = _GOAWAY + code.to_bytes(4)


class Http2Session:
    """The server's side of a connection.

    What is submitted here is sent by the next `output`. What has become pointless because the stream has closed
    meanwhile is dropped.

    Args:
        limits: what may come.
    """

    __slots__ = ("_connection", "_limits", "_to_reset", "_window_bytes")

    def __init__(self, limits: SessionLimits) -> None:
        self._connection = ngh2.Connection(
            ngh2.Role.SERVER,
            ngh2.Configuration(
                auto_window_update=False,
                max_continuations=_MAX_CONTINUATIONS,
                stream_reset_rate_limit=(_RESETS_IN_A_ROW, _RESETS_PER_S),
                # Headers that are only somewhat too long are answered; these end the connection.
                max_inbound_header_list_size=4 * limits.max_headers_bytes,
            ),
        )
        self._connection.initiate_connection(
            {
                ngh2.Setting.MAX_CONCURRENT_STREAMS: limits.max_streams,
                ngh2.Setting.INITIAL_WINDOW_SIZE: limits.stream_window_bytes,
                ngh2.Setting.MAX_FRAME_SIZE: limits.max_frame_bytes,
                ngh2.Setting.MAX_HEADER_LIST_SIZE: limits.max_headers_bytes,
                ngh2.Setting.NO_RFC7540_PRIORITIES: 1,
            }
        )
        self._limits = limits
        self._window_bytes = limits.window_bytes
        self._connection.set_local_window_size(self._window_bytes)
        self._to_reset: list[int] = []

    # The listener is no attribute: a cycle would keep what is queued until the collector comes.

    def receive(self, data: bytes | memoryview, listener: Listener) -> None:
        """Take in bytes and tell the listener what they say.

        Raises:
            SessionError: the connection cannot go on.
        """
        try:
            self._connection.receive_data(data)
        except ngh2.NGH2Error as error:
            raise SessionError(error) from error
        self._tell(listener)

    def output(self, max_bytes: int, listener: Listener) -> bytes:
        """The bytes to send now; nothing when there are none. The listener is told what ends with them.

        Raises:
            SessionError: the connection cannot go on.
        """
        connection = self._connection
        try:
            if not (connection.want_write or self._to_reset):
                return b""
            data = connection.data_to_send(max_bytes)
            if self._to_reset and len(data) < max_bytes:
                self._reset_what_is_sent()
                data += connection.data_to_send()
        except ngh2.NGH2Error as error:
            raise SessionError(error) from error
        self._tell(listener)
        return data

    def send_headers(self, stream_id: int, headers: Sequence[Header], *, end_stream: bool = False) -> None:
        """Begin an answer."""
        try:
            self._connection.send_response(stream_id, headers, end_stream=end_stream)
        except ngh2.NGH2Error:
            return

    def send_continue(self, stream_id: int) -> None:
        """Tell a client that waits for it that its body is welcome."""
        try:
            self._connection.send_informational_response(stream_id, [(b":status", b"100")])
        except ngh2.NGH2Error:
            return

    def send_data(self, stream_id: int, data: bytes, *, end_stream: bool = False) -> None:
        """Go on with an answer."""
        try:
            self._connection.send_data(stream_id, data, end_stream=end_stream)
        except ngh2.NGH2Error:
            return

    def send_trailers(self, stream_id: int, trailers: Sequence[Header]) -> None:
        """End an answer with trailers."""
        try:
            self._connection.send_trailers(stream_id, trailers)
        except ngh2.NGH2Error:
            return

    def reset(self, stream_id: int, code: int = CANCEL) -> None:
        """End a stream here and now."""
        try:
            self._connection.reset_stream(stream_id, code)
        except ngh2.NGH2Error:
            return

    def reset_when_sent(self, stream_id: int) -> None:
        """Have the client send no more of its request as soon as all of the answer has left (RFC 9113 §8.1)."""
        self._to_reset.append(stream_id)

    def consume(self, stream_id: int, size: int) -> None:
        """That much of a stream's data has been taken in: as much more may come."""
        try:
            self._connection.acknowledge_received_data(size, stream_id)
        except ngh2.NGH2Error:
            return

    def mend_window(self, unconsumed_bytes: int) -> bool:
        """Open the connection's window again where it was lost for good: what had come of a frame when its stream was
        reset is given to nobody, who could consume it.

        Args:
            unconsumed_bytes: of all streams' data.

        Returns:
            Whether there is something to send.
        """
        least_bytes = self._limits.window_bytes // 2 - self._limits.max_frame_bytes - unconsumed_bytes
        try:
            missing_bytes = least_bytes - self._connection.local_window_size
            if missing_bytes <= 0:
                return False
            self._window_bytes += missing_bytes
            self._connection.set_local_window_size(self._window_bytes)
        except ngh2.NGH2Error:
            return False
        return True

    def ping(self) -> None:
        """Ask whether the other side is there."""
        try:
            self._connection.ping()
        except ngh2.NGH2Error:
            return

    def announce_end(self) -> None:
        """Ask for no new streams, and take those that are on their way (RFC 9113 §6.8)."""
        try:
            self._connection.send_shutdown_notice()
        except ngh2.NGH2Error:
            return

    def end(self, code: int = NO_ERROR, reason: bytes = b"") -> None:
        """Take no new streams; the session ends with the last one that was taken."""
        try:
            self._connection.send_goaway(code, debug_data=reason)
        except ngh2.NGH2Error:
            return

    def unsent_bytes(self, stream_id: int | None = None) -> int:
        """What waits for the other side to read more: of a stream, or of all."""
        return self._connection.queued_body_size(stream_id)

    def _reset_what_is_sent(self) -> None:
        waiting = []
        connection = self._connection
        for stream_id in self._to_reset:
            try:
                if connection.queued_body_size(stream_id) or not (
                    connection.stream_remote_window_size(stream_id) and connection.remote_window_size
                ):
                    waiting.append(stream_id)  # without a window not even trailers leave
                else:
                    connection.reset_stream(stream_id, NO_ERROR)
            except ngh2.NGH2Error:
                continue
        self._to_reset = waiting

    def _tell(self, listener: Listener) -> None:
        for event in self._connection.events():
            if isinstance(event, ngh2.DataReceived):
                listener.body_received(event.stream_id, event.data, event.end_stream)
            elif isinstance(event, ngh2.RequestReceived):
                listener.request_received(event.stream_id, event.headers, event.end_stream)
            elif isinstance(event, ngh2.StreamClosed):
                listener.stream_closed(event.stream_id)
            elif isinstance(event, ngh2.TrailersReceived):
                listener.body_received(event.stream_id, b"", True)
            elif isinstance(event, ngh2.PingReceived):
                listener.ping_received()
            elif isinstance(event, ngh2.PingAcknowledged):
                listener.ping_acknowledged()
            elif isinstance(event, ngh2.SettingsReceived):
                listener.settings_received()
            elif isinstance(event, ngh2.ConnectionClosed):
                listener.session_ended()
