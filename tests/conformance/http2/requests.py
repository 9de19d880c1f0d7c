"""Requests that are right, whole and in parts."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tests.conformance.http2.frames import Field, Frame, block, data, headers
from tests.support.http_client import infer_body, json_body

BODY = infer_body("x", [1, 16], "FP32", [0.0] * 16)
PATH = b"/v2/models/tiny/infer"
GET: tuple[Field, ...] = (
    (b":method", b"GET"),
    (b":scheme", b"http"),
    (b":path", b"/v2/health/live"),
    (b":authority", b"localhost"),
)
POST: tuple[Field, ...] = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", PATH),
    (b":authority", b"localhost"),
)
GRPC: tuple[Field, ...] = (
    (b"content-type", b"application/grpc"),
    (b"te", b"trailers"),
)


def get(stream: int = 1, *more: Field) -> Frame:
    """A request without a body."""
    return headers(stream, block([*GET, *more]), end=True)


def post_head(stream: int = 1, *more: Field) -> Frame:
    """The head of a request whose body follows."""
    return headers(stream, block([*POST, *more]))


def post(stream: int = 1) -> list[Frame]:
    """An inference."""
    return [post_head(stream), data(stream, BODY, end=True)]


def echo(stream: int, content: bytes) -> tuple[Frame, bytes]:
    """Head and body of a request whose answer ends with the content; a multiple of four bytes."""
    tensor = {"name": "i0", "datatype": "FP32", "shape": [len(content) // 4]}
    wanted = {"name": "o0", "parameters": {"binary_data": True}}
    header = json_body({"inputs": [{**tensor, "parameters": {"binary_data_size": len(content)}}], "outputs": [wanted]})
    length = (b"inference-header-content-length", b"%d" % len(header))
    head = headers(stream, block([*changed(POST, b":path", b"/v2/models/fp32/infer"), length]))
    return head, header + content


def spin(stream: int, steps: int) -> list[Frame]:
    """A request that takes a while."""
    body = infer_body("steps", [1, 1], "INT64", [steps])
    return [headers(stream, block(changed(POST, b":path", b"/v2/models/spin/infer"))), data(stream, body, end=True)]


def with_length(size: int) -> Field:
    """A content-length."""
    return b"content-length", b"%d" % size


def without(fields: Sequence[Field], name: bytes) -> list[Field]:
    """The fields but for one."""
    return [field for field in fields if field[0] != name]


def changed(fields: Sequence[Field], name: bytes, value: bytes) -> list[Field]:
    """The fields with another value for one."""
    return [(known, value if known == name else old) for known, old in fields]


def call_head(stream: int, method: bytes, *more: Field) -> Frame:
    """The head of an RPC of Triton's service."""
    path = b"/inference.GRPCInferenceService/" + method
    return headers(stream, block([*changed(POST, b":path", path), *GRPC, *more]))


def message(content: bytes, *, compressed: int = 0, length: int | None = None) -> bytes:
    """A gRPC message with its prefix; `length` is what that says instead of the content's own."""
    return struct.pack(">BI", compressed, len(content) if length is None else length) + content


def call(stream: int, method: bytes, content: bytes = b"") -> list[Frame]:
    """A unary RPC."""
    return [call_head(stream, method), data(stream, message(content), end=True)]
