"""HTTP/1.1 request heads: parsed by llhttp once, remembered by their bytes after that.

A keep-alive client sends the same head with every request. The same bytes mean the same request, so a head that was
seen before costs one dictionary look-up (fast-path.md point 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httptools

from naiad.errors import HeaderFieldsTooLargeError, InvalidArgumentError

_MAX_REMEMBERED = 1024
_MAX_REMEMBERED_BYTES = 2048


class RequestHead:
    """Everything before a request's body.

    Attributes:
        method: upper case.
        path: raw and undecoded, without query.
        query: raw and undecoded, without its question mark.
        headers: by lower-case name; the last one wins, but for those that must not repeat.
        fields: all headers in the order and the case in which they came.
        content_length: bytes of body that follow; 0 when chunked.
        chunked: the body comes in chunks.
        expects_continue: the client waits for a 100 before it sends the body.
        keep_alive: the connection stays open after the answer.
        connection_field: the header line that tells the client so, where it could not know; else empty.
        takes_chunks: the client understands an answer in chunks.
        route: what answers it, for the application to fill.
        category: the group of routes that its path belongs to, for the application to fill; None until then.
    """

    __slots__ = (
        "category",
        "chunked",
        "connection_field",
        "content_length",
        "expects_continue",
        "fields",
        "headers",
        "keep_alive",
        "method",
        "path",
        "query",
        "route",
        "takes_chunks",
    )

    def __init__(
        self,
        method: str,
        path: bytes,
        headers: dict[bytes, bytes],
        *,
        version: str,
        keep_alive: bool,
        query: bytes = b"",
        fields: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.fields = fields
        self.content_length = int(headers.get(b"content-length", b"0"))
        self.chunked = b"transfer-encoding" in headers
        self.expects_continue = headers.get(b"expect", b"").lower() == b"100-continue"
        self.keep_alive = keep_alive
        self.takes_chunks = version != "1.0"
        self.connection_field = b""
        if not keep_alive:
            self.connection_field = b"Connection: close\r\n"
        elif version == "1.0":
            self.connection_field = b"Connection: keep-alive\r\n"
        self.route: Any = None
        self.category: str | None = None


class HeadParser:
    """Feeds bytes to llhttp and collects one message at a time.

    Args:
        max_head_bytes: a longer head is refused.
    """

    def __init__(self, max_head_bytes: int) -> None:
        self._max_head_bytes = max_head_bytes
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._fields: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self.head: RequestHead | None = None
        self.parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes | memoryview) -> None:
        """Parse more bytes.

        Raises:
            InvalidArgumentError: they are not HTTP/1.1.
            HeaderFieldsTooLargeError: the head is too long.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # an offer to upgrade may be ignored: RFC 9110 §7.8
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            raise cause if isinstance(cause, HeaderFieldsTooLargeError) else _malformed(error) from error
        except httptools.HttpParserError as error:
            raise _malformed(error) from error

    def on_message_begin(self) -> None:
        """A request starts."""
        self._url = b""
        self._headers = {}
        self._fields = []
        self._head_bytes = 0
        self.head = None

    def on_url(self, url: bytes) -> None:
        """Part of the request target."""
        self._url += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.lower()] = value
        self._fields.append((name, value))
        self._count(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        parser = self.parser
        path, _, query = self._url.partition(b"#")[0].partition(b"?")
        if not path.startswith(b"/") and b"://" in path:
            path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
        self.head = RequestHead(
            parser.get_method().decode(),
            path,
            self._headers,
            version=parser.get_http_version(),
            keep_alive=parser.should_keep_alive(),
            query=query,
            fields=self._fields,
        )

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._max_head_bytes:
            raise HeaderFieldsTooLargeError(f"request head is larger than {self._max_head_bytes} bytes")


class HeadCache:
    """Heads by their bytes.

    Args:
        max_head_bytes: a longer head is refused.
    """

    def __init__(self, max_head_bytes: int) -> None:
        self.max_head_bytes = max_head_bytes
        self._heads: dict[bytes, RequestHead] = {}

    def parse(self, head_bytes: bytes) -> RequestHead:
        """The head in these bytes, which end with the empty line.

        Raises:
            InvalidArgumentError: they are not a head of HTTP/1.1.
            HeaderFieldsTooLargeError: it is too long.
        """
        head = self._heads.get(head_bytes)
        if head is not None:
            return head
        parser = HeadParser(self.max_head_bytes)
        parser.feed(head_bytes)
        if parser.head is None:
            raise InvalidArgumentError("malformed HTTP request: the head ends too early")
        if len(head_bytes) <= _MAX_REMEMBERED_BYTES:
            if len(self._heads) >= _MAX_REMEMBERED:
                self._heads.clear()
            self._heads[head_bytes] = parser.head
        return parser.head


def _malformed(error: Exception) -> InvalidArgumentError:
    return InvalidArgumentError(f"malformed HTTP request: {error}")
