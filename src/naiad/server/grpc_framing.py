"""gRPC's own layer on HTTP/2: length-prefixed messages, their compression, time-outs and status (sans-IO)."""

from __future__ import annotations

import re
import weakref
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import numpy as np

from naiad.errors import ContentTooLargeError, InternalError, InvalidArgumentError, NaiadError
from naiad.protocol.compression import IDENTITY, decompress

if TYPE_CHECKING:
    from collections.abc import Callable

Headers = list[tuple[bytes, bytes]]

PREFIX_BYTES: Final = 5
_COPY_BELOW_BYTES: Final = 1 << 14
_MAX_MESSAGE_BYTES: Final = (1 << 31) - 1
_UNITS_NS: Final = {
    b"H": 3_600_000_000_000,
    b"M": 60_000_000_000,
    b"S": 1_000_000_000,
    b"m": 1_000_000,
    b"u": 1_000,
    b"n": 1,
}
_TIMEOUT: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")
_PRINTABLE: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
_MAX_TEXT_BYTES: Final = 3000
_CUT_ESCAPE: Final = re.compile(rb"%.?$")
_WINDOW_BITS: Final = {b"gzip": zlib.MAX_WBITS | 16, b"deflate": zlib.MAX_WBITS}

OK_TRAILERS: Final[Headers] = [(b"grpc-status", b"0")]


class Reservation:
    """Memory that is accounted for as long as one buffer lives, whoever holds it.

    Args:
        reserve: accounts for more bytes, or raises.
        release: undoes it.
    """

    __slots__ = ("_release", "_reserve", "_size")

    def __init__(self, reserve: Callable[[int], None], release: Callable[[int], None]) -> None:
        self._reserve = reserve
        self._release = release
        self._size = 0

    def grow(self, size: int) -> None:
        """Account for that many bytes more.

        Raises:
            NaiadError: there are too many already.
        """
        self._reserve(size)
        self._size += size

    def end(self) -> None:
        """The buffer is gone."""
        self._release(self._size)
        self._size = 0


class MessageReader:
    """Takes messages out of a stream's DATA, however it is cut.

    Args:
        encoding: of compressed messages: gzip, deflate or identity.
        max_bytes: of a message as it is sent.
        max_plain_bytes: of a message that was compressed.
        reserve, release: account for the bytes of messages that are large, or do not come in one piece.
    """

    __slots__ = (
        "_buffer",
        "_compressed",
        "_encoding",
        "_filled",
        "_max_bytes",
        "_max_plain_bytes",
        "_prefix",
        "_release",
        "_reservation",
        "_reserve",
    )

    def __init__(
        self,
        encoding: bytes,
        *,
        max_bytes: int,
        max_plain_bytes: int,
        reserve: Callable[[int], None],
        release: Callable[[int], None],
    ) -> None:
        self._encoding = encoding
        self._max_bytes = max_bytes
        self._max_plain_bytes = max_plain_bytes
        self._reserve = reserve
        self._release = release
        self._prefix = b""
        self._compressed = False
        self._buffer: memoryview | None = None
        self._filled = 0
        self._reservation: Reservation | None = None

    @property
    def is_amid(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._buffer is not None or bool(self._prefix)

    def feed(self, data: bytes) -> Iterator[bytes | memoryview]:
        """The messages that these bytes complete; to be exhausted.

        Raises:
            ContentTooLargeError: a message is longer than it may be.
            UnavailableError: the server holds as many bytes as it may.
            InternalError, InvalidArgumentError: a message is not compressed as it says.
        """
        position = 0
        while True:
            if self._buffer is None:
                taken = PREFIX_BYTES - len(self._prefix)
                self._prefix += data[position : position + taken]
                position += taken
                if len(self._prefix) < PREFIX_BYTES:
                    return
                size = self._begin()
                if size < _COPY_BELOW_BYTES and len(data) - position >= size:
                    message = data[position : position + size]
                    position += size
                    self._prefix = b""
                    yield self._plain(message)
                    continue
                self._prepare(size)
            piece = memoryview(data)[position:]
            position += self._fill(piece)
            whole = self._take()
            if whole is None:
                return
            yield self._plain(whole)

    def _begin(self) -> int:
        """How long the message behind this prefix is."""
        flag, size = self._prefix[0], int.from_bytes(self._prefix[1:])
        if flag > 1 or (flag and self._encoding == IDENTITY):
            raise InternalError(f"the message's compressed-flag is {flag}, and grpc-encoding names no compression")
        if size > self._max_bytes:
            raise ContentTooLargeError(
                f"message of {size} bytes is larger than the {self._max_bytes} bytes that are allowed",
                hint="--http-max-body-size sets the limit",
            )
        self._compressed = bool(flag)
        return size

    def _prepare(self, size: int) -> None:
        # numpy's memory is not zeroed first, and lives as long as a tensor that is a view of it does.
        array = np.empty(size, np.uint8)
        self._reservation = Reservation(self._reserve, self._release)
        weakref.finalize(array, self._reservation.end).atexit = False
        self._buffer = array.data
        self._filled = 0

    def _fill(self, piece: memoryview) -> int:
        assert self._buffer is not None
        assert self._reservation is not None
        size = min(len(piece), len(self._buffer) - self._filled)
        self._reservation.grow(size)
        self._buffer[self._filled : self._filled + size] = piece[:size]
        self._filled += size
        return size

    def _take(self) -> memoryview | None:
        """The message, when it is whole."""
        buffer = self._buffer
        if buffer is None or self._filled < len(buffer):
            return None
        self._buffer = self._reservation = None
        self._prefix = b""
        return buffer

    def _plain(self, message: bytes | memoryview) -> bytes | memoryview:
        if not self._compressed:
            return message
        return decompress(message, self._encoding, max_bytes=self._max_plain_bytes)


def frame(pieces: Sequence[bytes | memoryview], *, encoding: bytes = IDENTITY, level: int = 0) -> list[bytes]:
    """A message as it is sent, prefix first.

    Args:
        pieces: of the message, one behind the other.
        encoding: compresses it when that makes it smaller.
        level: of zlib's.

    Raises:
        InternalError: the message is longer than gRPC's clients take (triton.md §2.3).
    """
    size = 0
    for piece in pieces:
        size += len(piece) if isinstance(piece, bytes) else piece.nbytes
    if size > _MAX_MESSAGE_BYTES:
        raise InternalError(f"Response has byte size {size} which exceeds gRPC's byte size limit {_MAX_MESSAGE_BYTES}.")
    if encoding != IDENTITY:
        encoder = zlib.compressobj(level, wbits=_WINDOW_BITS[encoding])
        packed = [*[encoder.compress(piece) for piece in pieces], encoder.flush()]
        packed_size = sum(map(len, packed))
        if packed_size < size:
            return [b"\x01" + packed_size.to_bytes(4), *packed]
    prefix = size.to_bytes(PREFIX_BYTES)
    if size < _COPY_BELOW_BYTES:
        return [b"".join((prefix, *pieces))]
    return [prefix, *[bytes(piece) for piece in pieces]]


def parse_timeout_ns(text: bytes) -> int:
    """The value of `grpc-timeout` in nanoseconds.

    Raises:
        InvalidArgumentError: it is none.
    """
    match = _TIMEOUT.fullmatch(text)
    if match is None:
        raise InvalidArgumentError(
            f"grpc-timeout must be up to 8 digits and one of H, M, S, m, u, n, got: {text.decode('latin-1')}"
        )
    return int(match[1]) * _UNITS_NS[match[2]]


def error_trailers(error: NaiadError) -> Headers:
    """What tells a client of an error: code and sentence, and our hint where there is one."""
    trailers = [(b"grpc-status", b"%d" % error.grpc_code), (b"grpc-message", _percent_encoded(error.message))]
    if error.hint:
        trailers.append((b"hint", _percent_encoded(error.hint)))
    return trailers


def _percent_encoded(text: str) -> bytes:
    """The text as a header holds it, cut where clients would refuse the header for its length."""
    encoded = quote(text, safe=_PRINTABLE, errors="replace").encode()
    return encoded if len(encoded) <= _MAX_TEXT_BYTES else _CUT_ESCAPE.sub(b"", encoded[:_MAX_TEXT_BYTES])
