"""A client that sends the frames it is told to, and notes what the server makes of them."""

from __future__ import annotations

import socket
import struct
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from hpack import Decoder

from tests.conformance.http2.frames import (
    LEAST_MAX_FRAME_BYTES,
    PREFACE,
    Error,
    Flag,
    Frame,
    Setting,
    Type,
    data,
    decode,
    ping,
    settings,
)

TIMEOUT_S = 10.0
DEFAULT_WINDOW_BYTES = 65_535
_RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Stream:
    """What came on one stream.

    Attributes:
        headers: of the answer, or the interim one before it.
        trailers: behind its body.
        body: as far as it has come.
        ended: the answer is whole.
        error: the code that the server has reset the stream with.
    """

    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    error: Error | None = None

    @property
    def status(self) -> int:
        """The HTTP status; 0 before it has come."""
        return int(self.headers.get(":status", "0"))

    @property
    def grpc_status(self) -> int:
        """The status of an RPC; -1 before it has come."""
        return int(self.trailers.get("grpc-status", self.headers.get("grpc-status", "-1")))

    @property
    def settled(self) -> bool:
        """Whether nothing more will come."""
        return self.ended or self.error is not None


class Client:
    """A connection; a context manager.

    Args:
        port: on this machine.
        receive_buffer_bytes: of the socket, where it should be small.

    Attributes:
        streams: what came on each.
        settings: what the server has said.
        goaway: the code of its last GOAWAY.
        frames: everything that came, acknowledgements included.
        closed: the server has ended the connection.
        decoder: of the server's header blocks.
        granted_bytes: by WINDOW_UPDATE, for each stream, and for the connection under 0.
    """

    def __init__(self, port: int, *, receive_buffer_bytes: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.streams: defaultdict[int, Stream] = defaultdict(Stream)
        self.settings: dict[int, int] = {}
        self.goaway: Error | None = None
        self.frames: list[Frame] = []
        self.closed = False
        self.granted_bytes: Counter[int] = Counter()
        self._sent_bytes: Counter[int] = Counter()
        self.decoder = Decoder()
        self._received = b""
        self._block = b""
        self._pings = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self.socket.close()

    def abort(self) -> None:
        """Close it so that the server gets an error."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.socket.close()

    def greet(self, *pairs: tuple[int, int]) -> None:
        """Preface and SETTINGS."""
        self.send(PREFACE, settings(*pairs))

    def send(self, *parts: Frame | bytes) -> None:
        """Send frames and bytes in one piece, unless the server has hung up."""
        content = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts)
        try:
            self.socket.sendall(content)
        except (BrokenPipeError, ConnectionResetError):
            self.closed = True

    def send_body(self, number: int, content: bytes, *, end: bool = True) -> None:
        """Send a body, or a part of it that does not `end` it, as fast as the server's windows allow."""
        view = memoryview(content)
        while view:
            self.read_until(lambda: self.room(number) > 0, "room for more of a body")
            piece = view[: min(self.room(number), LEAST_MAX_FRAME_BYTES)]
            view = view[len(piece) :]
            self.send(data(number, bytes(piece), end=end and not view))
            self._sent_bytes.update({0: len(piece), number: len(piece)})

    def room(self, number: int) -> int:
        """How much of a body may be sent now."""
        initial = self.settings.get(Setting.INITIAL_WINDOW_SIZE, DEFAULT_WINDOW_BYTES)
        return min(
            DEFAULT_WINDOW_BYTES + self.granted_bytes[0] - self._sent_bytes[0],
            initial + self.granted_bytes[number] - self._sent_bytes[number],
        )

    def catch_up(self) -> None:
        """Read until the server has taken in everything that was sent so far, and has sent what it can."""
        self._ping()
        self._ping()  # the answer to the first may overtake what was there to send

    def _ping(self) -> None:
        self._pings += 1
        payload = b"%08d" % self._pings
        expected = ping(payload, ack=True)
        self.send(ping(payload))
        self.read_until(lambda: self.frames[-1:] == [expected], "the answer to a PING")

    def read_frame(self) -> Frame | None:
        """The next frame; None when the server has ended the connection."""
        while (found := decode(self._received)) is None:
            try:
                received = self.socket.recv(1 << 16)
            except ConnectionResetError:
                received = self._received = b""  # what was on its way is lost
            if not received:
                assert not self._received, f"the connection ends inside a frame: {self._received[:100]!r}"
                self.closed = True
                return None
            self._received += received
        frame, size = found
        self._received = self._received[size:]
        self._note(frame)
        return frame

    def read_until(self, condition: Callable[[], object], what: str) -> None:
        """Read until a condition holds.

        Args:
            condition: asked behind every frame.
            what: named when it does not come true before the end of the connection or in time.
        """
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                frame = self.read_frame()
            except TimeoutError:
                raise AssertionError(f"not in time: {what}; {self.summary}") from None
            assert frame is not None, f"the connection ended before: {what}; {self.summary}"
            assert time.monotonic() < deadline, f"not in time: {what}; {self.summary}"

    def read_stream(self, number: int) -> Stream:
        """Read until a stream is settled."""
        self.read_until(lambda: self.streams[number].settled, f"an answer on stream {number}")
        return self.streams[number]

    def read_body(self, number: int) -> Stream:
        """Read until some of an answer's body has come on a stream."""
        self.read_until(lambda: self.streams[number].body, f"some of an answer on stream {number}")
        return self.streams[number]

    def read_to_end(self) -> None:
        """Read until the server ends the connection."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                if self.read_frame() is None:
                    return
            except TimeoutError:
                raise AssertionError(f"the server does not end the connection; {self.summary}") from None

    @property
    def summary(self) -> str:
        """What has come so far, for messages."""
        goaway = "" if self.goaway is None else f"GOAWAY {self.goaway.name}, "
        return f"{goaway}streams {dict(self.streams)}, last frames {self.frames[-5:]}"

    def _note(self, frame: Frame) -> None:
        self.frames.append(frame)
        stream = self.streams[frame.stream] if frame.stream else None
        match frame.type:
            case Type.SETTINGS if not frame.flags & Flag.ACK:
                self.settings.update(struct.iter_unpack(">HI", frame.payload))
                self.send(settings(ack=True))
            case Type.WINDOW_UPDATE:
                self.granted_bytes[frame.stream] += struct.unpack(">I", frame.payload)[0]
            case Type.GOAWAY:
                self.goaway = Error(struct.unpack_from(">I", frame.payload, 4)[0])
            case Type.RST_STREAM if stream is not None:
                stream.error = Error(struct.unpack(">I", frame.payload)[0])
            case Type.DATA if stream is not None:
                assert stream.headers, f"DATA before HEADERS: {frame}"
                assert not stream.settled, f"DATA behind the end: {frame}"
                stream.body += frame.payload
                stream.ended = bool(frame.flags & Flag.END_STREAM)
            case Type.HEADERS if stream is not None:
                assert not stream.settled, f"HEADERS behind the end: {frame}"
                stream.ended = bool(frame.flags & Flag.END_STREAM)
                self._take_block(stream, frame)
            case Type.CONTINUATION if stream is not None:
                self._take_block(stream, frame)
            case _:
                pass

    def _take_block(self, stream: Stream, frame: Frame) -> None:
        self._block += frame.payload
        if frame.flags & Flag.END_HEADERS:
            fields: Iterable[tuple[bytes, bytes]] = self.decoder.decode(self._block, raw=True)
            decoded = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}
            self._block = b""
            if stream.status >= 200:
                stream.trailers = decoded
            else:
                stream.headers = decoded
