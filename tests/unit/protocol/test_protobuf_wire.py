"""The wire format, against the library's own."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.errors import ContentTooLargeError
from naiad.messages import service_pb2
from naiad.protocol.protobuf_wire import (
    MalformedError,
    field,
    packed_shape,
    parse,
    read_varint,
    skip_field,
    tag,
    varint,
)

Tensor = service_pb2.ModelInferRequest.InferInputTensor


@given(st.integers(0, (1 << 64) - 1))
def test_numbers(value: int) -> None:
    written = varint(value)
    parameter = service_pb2.InferParameter(uint64_param=value)
    assert parameter.SerializeToString() == tag(5, 0) + written
    assert read_varint(b"x" + written + b"y", 1) == (value, 1 + len(written))


@given(st.binary(max_size=300), st.lists(st.integers(0, (1 << 63) - 1), max_size=5))
def test_fields(name: bytes, shape: list[int]) -> None:
    text = name.hex()
    written = Tensor(name=text, shape=shape).SerializeToString()
    assert field(1, text.encode()) * bool(text) + packed_shape(3, tuple(shape)) == written


def test_fields_are_found_whatever_their_type() -> None:
    message = tag(1, 0) + varint(300) + field(2, b"abc") + tag(30, 1) + bytes(8) + tag(4, 5) + bytes(4)
    found, position = [], 0
    while position < len(message):
        number, wire_type, begin, position = skip_field(message, position)
        found.append((number, wire_type, message[begin:position]))
    assert found == [(1, 0, varint(300)), (2, 2, b"abc"), (30, 1, bytes(8)), (4, 5, bytes(4))]


@pytest.mark.parametrize(
    "message",
    [
        tag(0, 0) + b"\0",  # there is no field 0
        tag(1) + b"\x05abc",  # shorter than it says
        tag(1, 3) + tag(1, 4),  # a group
        tag(1, 0) + b"\x80" * 10 + b"\1",  # a number of eleven bytes
        tag(1, 5) + b"abc",
        b"\x0f\0",  # no such type
    ],
)
def test_what_is_malformed(message: bytes) -> None:
    with pytest.raises(MalformedError, match=r"^Unable to parse request$"):
        skip_field(message, 0)


@pytest.mark.parametrize("message", [b"", b"\x80", tag(1), tag(1, 0), tag(1, 0) + b"\x80"])
def test_what_ends_too_early(message: bytes) -> None:
    with pytest.raises(IndexError):
        skip_field(message, 0)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_message_or_malformed(data: bytes) -> None:
    with contextlib.suppress(MalformedError):
        assert isinstance(parse(Tensor, memoryview(data)), Tensor)


def test_a_message_that_is_too_large() -> None:
    data = field(1, bytes(100))
    assert parse(Tensor, data, max_bytes=len(data)).name
    with pytest.raises(ContentTooLargeError, match=f"message of {len(data)} bytes is larger than the 9 bytes"):
        parse(Tensor, data, max_bytes=9)
    with pytest.raises(ContentTooLargeError):
        parse(Tensor, bytes(2 << 20))
