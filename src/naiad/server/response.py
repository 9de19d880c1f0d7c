"""HTTP responses other than inference's hot path: a status, a body, and the head before it."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import orjson

from naiad.errors import NaiadError, UnauthorizedError
from naiad.protocol.compression import UnsupportedEncodingError

JSON: Final = b"application/json"
TEXT: Final = b"text/plain"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"

# Triton's server gives 405 a phrase of its own.
_PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus} | {405: b"Not Allowed"}


@dataclass(frozen=True, slots=True)
class Response:
    """One answer.

    Attributes:
        status: HTTP status.
        body: the whole body.
        content_type: of the body; also sent with an empty one, as Triton does.
        fields: further header lines, each ending in CRLF.
        chunked: the body goes out in chunks, all of it in one.
    """

    status: int = 200
    body: bytes = b""
    content_type: bytes = TEXT
    fields: bytes = b""
    chunked: bool = False

    def encode(self, connection_field: bytes = b"") -> bytes:
        """The bytes on the wire.

        Args:
            connection_field: the `Connection` header line, or nothing.
        """
        framing, body = b"Content-Length: %d\r\n" % len(self.body), self.body
        if self.chunked:
            framing, body = CHUNKED, b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        return self.encode_head(framing, connection_field) + body

    def encode_head(self, framing: bytes, connection_field: bytes = b"") -> bytes:
        """Everything before the body.

        Args:
            framing: the header line that tells where the body ends, or nothing when the connection's end does.
            connection_field: the `Connection` header line, or nothing.
        """
        return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\n%b%b%b\r\n" % (
            self.status,
            _PHRASES.get(self.status, b"Unknown"),
            self.content_type,
            framing,
            self.fields,
            connection_field,
        )


EMPTY: Final = Response()


def json_response(document: Any, status: int = 200) -> Response:
    """A JSON answer, compact as Triton's."""
    return Response(status, orjson.dumps(document), JSON)


def error_response(error: NaiadError) -> Response:
    """The answer that tells of an error: Triton's `{"error": …}`, with our hint where there is one."""
    document = {"error": error.message}
    if error.hint:
        document["hint"] = error.hint
    return Response(error.http_status, orjson.dumps(document), JSON, _fields(error))


def _fields(error: NaiadError) -> bytes:
    """What tells the client how to do better, for programs."""
    if isinstance(error, UnauthorizedError):
        return b"WWW-Authenticate: Bearer\r\n"
    return b"Accept-Encoding: gzip, deflate\r\n" if isinstance(error, UnsupportedEncodingError) else b""
