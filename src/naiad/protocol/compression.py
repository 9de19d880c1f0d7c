"""Compressed bodies: gzip and deflate, both ways, within a limit (triton.md §1.4)."""

from __future__ import annotations

import gzip
import zlib
from typing import Final

from naiad.errors import InvalidArgumentError, UnsupportedError

IDENTITY: Final = b"identity"
_WINDOW_BITS: Final = {b"gzip": zlib.MAX_WBITS | 16, b"deflate": zlib.MAX_WBITS}
_LEVEL: Final = 6


class UnsupportedEncodingError(UnsupportedError):
    """A body is encoded in a way that is not known; the answer says which ways are (RFC 7694 §3)."""


def check_encoding(encoding: bytes) -> bytes:
    """The name of a request body's encoding, in lower case.

    Args:
        encoding: the value of Content-Encoding.

    Raises:
        UnsupportedEncodingError: it is neither gzip, nor deflate, nor identity.
    """
    name = encoding.strip().lower()
    if name in (b"", IDENTITY):
        return IDENTITY
    if name not in _WINDOW_BITS:
        raise UnsupportedEncodingError("Unsupported compression type", hint="send gzip, deflate or nothing")
    return name


def decompress(body: bytes | memoryview, encoding: bytes, *, max_bytes: int) -> bytes:
    """Undo a body's encoding.

    Args:
        body: as sent.
        encoding: gzip or deflate.
        max_bytes: of the result.

    Raises:
        InvalidArgumentError: the result is larger, or the body is not of that encoding.
    """
    if not body:
        raise InvalidArgumentError("nothing to be decompressed")
    decoder = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        plain = decoder.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise InvalidArgumentError(f"the request body is not valid {encoding.decode()}: {error}") from error
    if len(plain) > max_bytes:
        raise InvalidArgumentError(
            f"Decompressed data size exceeds the maximum allowed value of {max_bytes} bytes. "
            "Use --http-max-input-size to increase the limit."
        )
    if not decoder.eof:
        raise InvalidArgumentError(f"the request body is not valid {encoding.decode()}: it ends too early")
    return plain


def compress(body: bytes, encoding: bytes) -> bytes:
    """A body in gzip or deflate."""
    if encoding == b"gzip":
        return gzip.compress(body, _LEVEL, mtime=0)
    return zlib.compress(body, _LEVEL)


def choose_encoding(accept_encoding: bytes) -> bytes:
    """The encoding that an answer should have: of identity, deflate and gzip the one with the highest q-value.

    Args:
        accept_encoding: the value of Accept-Encoding. Of equals, the first wins and `*` means nothing, as in Triton.

    Returns:
        `identity` when the client asks for neither of the others, or for none of the three.
    """
    weights: dict[bytes, float] = {}
    for item in accept_encoding.lower().split(b","):
        name, _, parameters = item.partition(b";")
        weights[name.strip()] = _weight(parameters)
    offers = [(weight, name) for name, weight in weights.items() if weight and name in (*_WINDOW_BITS, IDENTITY)]
    return max(offers, key=lambda offer: offer[0], default=(0.0, IDENTITY))[1]


def _weight(parameters: bytes) -> float:
    for parameter in parameters.split(b";"):
        key, _, value = parameter.partition(b"=")
        if key.strip() == b"q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
