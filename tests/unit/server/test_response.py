"""Answers that tell of errors."""

from __future__ import annotations

import pytest

from naiad.errors import InvalidArgumentError, NaiadError, UnauthorizedError
from naiad.protocol.compression import UnsupportedEncodingError
from naiad.server.response import error_response


@pytest.mark.parametrize(
    ("error", "head", "body"),
    [
        (InvalidArgumentError("wrong"), b"HTTP/1.1 400 Bad Request\r\n", b'{"error":"wrong"}'),
        (InvalidArgumentError("wrong", hint="so"), b"HTTP/1.1 400 Bad Request\r\n", b'{"error":"wrong","hint":"so"}'),
        (UnauthorizedError("who"), b"\r\nWWW-Authenticate: Bearer\r\n", b'{"error":"who"}'),
        (UnsupportedEncodingError("br"), b"\r\nAccept-Encoding: gzip, deflate\r\n", b'{"error":"br"}'),
    ],
)
def test_error(error: NaiadError, head: bytes, body: bytes) -> None:
    encoded = error_response(error).encode()
    assert head in encoded
    assert encoded.endswith(b"\r\n\r\n" + body)
