"""Requests in chunks: llhttp takes them apart, bodies are put together within a limit."""

from __future__ import annotations

from collections import deque
from typing import Final

from naiad.errors import ContentTooLargeError, InvalidArgumentError, NaiadError
from naiad.server.request_head import HeadParser, RequestHead

_MAX_CHUNKS: Final = 65536


class ChunkedReader(HeadParser):
    """Reads whole requests off a connection, chunked or not.

    Args:
        max_head_bytes: a longer head is refused.
        max_body_bytes: a longer body is refused.

    Attributes:
        complete: requests that are whole, in order.
        is_partial: another one has begun.
    """

    def __init__(self, max_head_bytes: int, max_body_bytes: int) -> None:
        super().__init__(max_head_bytes)
        self._max_body_bytes = max_body_bytes
        self._body = bytearray()
        self._chunks = 0
        self._refusal: NaiadError | None = None
        self.complete: deque[tuple[RequestHead, bytes]] = deque()
        self.is_partial = False

    def feed(self, data: bytes | memoryview) -> None:
        """Parse more bytes; whole requests are added to `complete`.

        Raises:
            NaiadError: the bytes are not HTTP/1.1, or a limit is reached.
        """
        try:
            super().feed(data)
        except NaiadError as error:
            raise (self._refusal or error) from error

    def on_message_begin(self) -> None:
        """A request starts."""
        super().on_message_begin()
        self._body = bytearray()
        self._chunks = 0
        self.is_partial = True

    def on_chunk_header(self) -> None:
        """A chunk starts."""
        self._chunks += 1
        if self._chunks > _MAX_CHUNKS + 1:  # the last, empty one is a chunk to llhttp too
            self._refusal = InvalidArgumentError(
                f"Chunked request body exceeds maximum of {_MAX_CHUNKS} non-empty chunks. "
                "Send fewer or larger HTTP chunks."
            )
            raise self._refusal

    def on_body(self, body: bytes) -> None:
        """Part of a body."""
        if len(self._body) + len(body) > self._max_body_bytes:
            self._refusal = ContentTooLargeError(
                f"request body exceeds the maximum allowed input size of {self._max_body_bytes} bytes. "
                "Use --http-max-input-size to increase the limit."
            )
            raise self._refusal
        self._body += body

    def on_message_complete(self) -> None:
        """A request is whole."""
        self.is_partial = False
        if self.head is not None:
            self.complete.append((self.head, bytes(self._body)))
