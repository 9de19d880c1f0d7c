"""A body in chunks, put together within limits (RFC 9112 §7.1).

As strict as the grammar: what another server on the way might read differently is refused. Extensions and trailers are
read past; a trailer is no header, whatever its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from naiad.errors import ContentTooLargeError, HeaderFieldsTooLargeError, InvalidArgumentError
from naiad.server.request_head import RequestHead

_MAX_CHUNKS: Final = 65536
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")
_END: Final = b"\r\n"


class ChunkedBody:
    """The body of one request.

    Args:
        head: the request's.
        max_bytes: a longer body is refused.
        max_line_bytes: as is a longer line between chunks, or longer trailers together.

    Attributes:
        head: the request's.
        content: the body so far.
    """

    def __init__(self, head: RequestHead, *, max_bytes: int, max_line_bytes: int) -> None:
        self.head = head
        self.content = bytearray()
        self._max_bytes = max_bytes
        self._max_line_bytes = max_line_bytes
        self._line = b""
        self._left = 0
        self._chunks = 0
        self._trailer_bytes = 0
        # No bound method: a cycle would keep the content until the collector comes.
        self._expects: Callable[[ChunkedBody, bytes], bool] = ChunkedBody._read_size

    def feed(self, data: bytes) -> bytes | None:
        """Take in more bytes.

        Returns:
            None as long as more must come; then what lies behind the body.

        Raises:
            InvalidArgumentError: the bytes are no chunks, or too many.
            ContentTooLargeError: the body is longer than it may be.
            HeaderFieldsTooLargeError: the trailers are.
        """
        data, self._line = self._line + data, b""
        position = 0
        while True:
            if self._left:
                piece = data[position : position + self._left]
                self.content += piece
                self._left -= len(piece)
                position += len(piece)
                if self._left:
                    return None
            end = data.find(_END, position)
            if end < 0:
                self._line = data[position:]
                self._check_partial_line()
                return None
            line, position = data[position:end], end + len(_END)
            if self._expects(self, line):
                return data[position:]

    def _check_partial_line(self) -> None:
        if self._expects is ChunkedBody._read_end and self._line not in (b"", b"\r"):
            self._read_end(self._line)
        if len(self._line) > self._max_line_bytes:
            raise _malformed("a line between chunks is too long")

    def _read_size(self, line: bytes) -> bool:
        match = _SIZE.fullmatch(line)
        if match is None:
            raise _malformed("a chunk begins without its size")
        size = int(match[1], 16)
        if size == 0:
            self._expects = ChunkedBody._read_trailer
            return False
        self._chunks += 1
        if self._chunks > _MAX_CHUNKS:
            raise InvalidArgumentError(
                f"Chunked request body exceeds maximum of {_MAX_CHUNKS} non-empty chunks. "
                "Send fewer or larger HTTP chunks."
            )
        if len(self.content) + size > self._max_bytes:
            raise ContentTooLargeError(
                f"request body exceeds the maximum allowed input size of {self._max_bytes} bytes. "
                "Use --http-max-input-size to increase the limit."
            )
        self._left = size
        self._expects = ChunkedBody._read_end
        return False

    def _read_end(self, line: bytes) -> bool:
        if line:
            raise _malformed("a chunk is longer than its size")
        self._expects = ChunkedBody._read_size
        return False

    def _read_trailer(self, line: bytes) -> bool:
        if not line:
            return True
        self._trailer_bytes += len(line)
        if self._trailer_bytes > self._max_line_bytes:
            raise HeaderFieldsTooLargeError(f"trailers are larger than {self._max_line_bytes} bytes")
        if _TRAILER.fullmatch(line) is None:
            raise _malformed("a trailer is no header field")
        return False


def _malformed(what: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"malformed HTTP request: {what}")
