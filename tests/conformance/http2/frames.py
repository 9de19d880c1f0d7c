"""HTTP/2 frames as bytes: right ones, and ones that nobody should send (RFC 9113 §4, §6)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, IntFlag

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_WINDOW = (1 << 31) - 1
LEAST_MAX_FRAME_BYTES = 1 << 14
HEADER_BYTES = 9

Field = tuple[bytes, bytes]


class Type(IntEnum):
    """Frame types."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9
    UNKNOWN = 0x5A


class Flag(IntFlag):
    """Frame flags."""

    NONE = 0
    END_STREAM = 0x1
    ACK = 0x1
    END_HEADERS = 0x4
    PADDED = 0x8
    PRIORITY = 0x20


class Error(IntEnum):
    """Error codes (§7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class Setting(IntEnum):
    """Settings (§6.5.2)."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6
    UNKNOWN = 0x5A5A


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Attributes:
        type, flags, stream, payload: as they are sent; `stream` may have the reserved bit.
        length: what the header says instead of the payload's own length, when given.
    """

    type: int
    flags: int = 0
    stream: int = 0
    payload: bytes = b""
    length: int | None = None

    def encode(self) -> bytes:
        """The bytes."""
        length = len(self.payload) if self.length is None else self.length
        head = struct.pack(">BHBBI", length >> 16, length & 0xFFFF, self.type, self.flags, self.stream)
        return head + self.payload


def decode(data: bytes) -> tuple[Frame, int] | None:
    """The first frame and how many bytes it has; None while it is not whole."""
    if len(data) < HEADER_BYTES:
        return None
    high, low, kind, flags, stream = struct.unpack_from(">BHBBI", data)
    end = HEADER_BYTES + (high << 16 | low)
    return None if len(data) < end else (Frame(kind, flags, stream, data[HEADER_BYTES:end]), end)


def data(stream: int, content: bytes = b"", *, end: bool = False, padding: int | None = None) -> Frame:
    """DATA; `padding` zeros behind the content."""
    return _padded(Type.DATA, Flag.END_STREAM if end else Flag.NONE, stream, content, padding)


def headers(
    stream: int,
    block: bytes,
    *,
    end: bool = False,
    whole: bool = True,
    padding: int | None = None,
    priority: bytes | None = None,
) -> Frame:
    """HEADERS; not `whole` when CONTINUATION follows."""
    flags = Flag.END_STREAM if end else Flag.NONE
    flags |= Flag.END_HEADERS if whole else Flag.NONE
    flags |= Flag.NONE if priority is None else Flag.PRIORITY
    return _padded(Type.HEADERS, flags, stream, (priority or b"") + block, padding)


def continuation(stream: int, block: bytes, *, whole: bool = False) -> Frame:
    """CONTINUATION."""
    return Frame(Type.CONTINUATION, Flag.END_HEADERS if whole else Flag.NONE, stream, block)


def priority(stream: int, *, depends_on: int = 0, weight: int = 15) -> Frame:
    """PRIORITY."""
    return Frame(Type.PRIORITY, 0, stream, struct.pack(">IB", depends_on, weight))


def reset(stream: int, error: int = Error.CANCEL) -> Frame:
    """RST_STREAM."""
    return Frame(Type.RST_STREAM, 0, stream, struct.pack(">I", error))


def settings(*pairs: tuple[int, int], ack: bool = False) -> Frame:
    """SETTINGS."""
    payload = b"".join(struct.pack(">HI", identifier, value) for identifier, value in pairs)
    return Frame(Type.SETTINGS, Flag.ACK if ack else Flag.NONE, 0, payload)


def ping(payload: bytes = b"12345678", *, ack: bool = False) -> Frame:
    """PING."""
    return Frame(Type.PING, Flag.ACK if ack else Flag.NONE, 0, payload)


def goaway(last_stream: int = 0, error: int = Error.NO_ERROR, debug: bytes = b"") -> Frame:
    """GOAWAY."""
    return Frame(Type.GOAWAY, 0, 0, struct.pack(">II", last_stream, error) + debug)


def window_update(stream: int, increment: int) -> Frame:
    """WINDOW_UPDATE."""
    return Frame(Type.WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def block(fields: Iterable[Field]) -> bytes:
    """A header block that needs no table: every field a literal that is not indexed, whatever is in it (RFC 7541
    §6.2.2)."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)


def _text(value: bytes) -> bytes:
    return integer(len(value), prefix_bits=7) + value


def integer(value: int, *, prefix_bits: int, first: int = 0) -> bytes:
    """An HPACK integer; `first` has the bits before its prefix (RFC 7541 §5.1)."""
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([first | value])
    encoded, rest = bytearray([first | limit]), value - limit
    while rest >= 128:
        encoded.append(rest & 127 | 128)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)


def _padded(kind: Type, flags: Flag, stream: int, payload: bytes, padding: int | None) -> Frame:
    if padding is not None:
        flags |= Flag.PADDED
        payload = bytes([padding]) + payload + bytes(padding)
    return Frame(kind, flags, stream, payload)
