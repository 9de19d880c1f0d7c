"""The headers of RPCs: what is called, how it is compressed, how long the client waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from naiad.errors import InvalidArgumentError, MethodNotAllowedError, NaiadError, UnsupportedError
from naiad.protocol.compression import IDENTITY
from naiad.server.grpc_call import GrpcService, Streaming, Unary
from naiad.server.grpc_framing import Headers, parse_timeout_ns

_ENCODINGS: Final = (b"gzip", b"deflate")
_ACCEPTED: Final = b"identity, deflate, gzip"


@dataclass(frozen=True, slots=True)
class GrpcHead:
    """What the headers of a call say.

    Attributes:
        path: `/package.Service/Method`.
        metadata: all headers, by lower-case name.
        timeout_ns: how long the client waits; 0 for as long as it takes.
        method: what answers it.
        encoding: of messages from the client that are compressed.
        answer_encoding: of messages to it.
        compression_level: of zlib's, for these.
        answer_headers: what begins the answer.
        error: what is wrong with the headers, when something is.
    """

    path: bytes
    metadata: Mapping[bytes, bytes]
    timeout_ns: int
    method: Unary | Streaming | None
    encoding: bytes
    answer_encoding: bytes
    compression_level: int
    answer_headers: Headers
    error: NaiadError | None


def is_grpc(content_type: bytes) -> bool:
    """Whether a request with this content type is an RPC; gRPC-Web's are not."""
    return content_type.startswith(b"application/grpc") and content_type[16:17] in (b"", b"+", b";")


def read_grpc_head(headers: Mapping[bytes, bytes], service: GrpcService, *, compression_level: int) -> GrpcHead:
    """Read the headers of a call.

    Args:
        headers: by lower-case name, pseudo-headers among them.
        service: knows the methods.
        compression_level: of zlib's, for answers to clients that accept compressed ones; 0 for none.
    """
    path = headers.get(b":path", b"")
    error: NaiadError | None = None
    timeout_ns = 0
    encoding = headers.get(b"grpc-encoding", IDENTITY)
    method = service.find(path)
    if headers.get(b":method") != b"POST":
        error = MethodNotAllowedError("a call is a POST")
    elif method is None:
        error = UnsupportedError(f"there is no method {path.decode('latin-1')}")
    elif encoding not in (*_ENCODINGS, IDENTITY):
        error = UnsupportedError(f"grpc-encoding must be gzip, deflate or identity, got: {encoding.decode('latin-1')}")
    try:
        if timeout := headers.get(b"grpc-timeout"):
            timeout_ns = parse_timeout_ns(timeout) or 1
    except InvalidArgumentError as malformed:
        error = malformed
    answer_encoding = _choose(headers.get(b"grpc-accept-encoding", b"")) if compression_level else IDENTITY
    answer_headers: Headers = [
        (b":status", b"200"),
        (b"content-type", b"application/grpc"),
        (b"grpc-accept-encoding", _ACCEPTED),
    ]
    if answer_encoding != IDENTITY:
        answer_headers.append((b"grpc-encoding", answer_encoding))
    metadata = {name: value for name, value in headers.items() if not name.startswith(b":")}
    return GrpcHead(
        path, metadata, timeout_ns, method, encoding, answer_encoding, compression_level, answer_headers, error
    )


def _choose(accepted: bytes) -> bytes:
    names = [name.strip() for name in accepted.split(b",")]
    return next((encoding for encoding in _ENCODINGS if encoding in names), IDENTITY)
