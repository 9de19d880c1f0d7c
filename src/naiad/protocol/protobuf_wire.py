"""Protobuf's wire format, as far as the hot path writes and cuts messages itself: tags, lengths, top-level fields.

Messages that are not on that path are left to the protobuf library.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.message import DecodeError

from naiad.errors import ContentTooLargeError, InternalError

LENGTH_DELIMITED: Final = 2
_FIXED_BYTES: Final = {1: 8, 5: 4}
_MAX_VARINT_BYTES: Final = 10
_MAX_SMALL_BYTES: Final = 1 << 20


class MalformedError(InternalError):
    """A message is none of its kind, in the words of gRPC's servers (recorded from tritonserver 2.51)."""

    def __init__(self) -> None:
        super().__init__("Unable to parse request")


def parse(kind: Any, data: bytes | memoryview, *, max_bytes: int = _MAX_SMALL_BYTES) -> Any:
    """A message of a generated class.

    Args:
        kind: the class.
        data: the bytes.
        max_bytes: the library makes many times as much of them.

    Raises:
        MalformedError: the bytes are no such message.
        ContentTooLargeError: they are too many.
    """
    if len(data) > max_bytes:
        raise ContentTooLargeError(
            f"message of {len(data)} bytes is larger than the {max_bytes} bytes that are allowed"
        )
    try:
        return kind.FromString(bytes(data))
    except (DecodeError, UnicodeDecodeError):
        raise MalformedError from None


def varint(value: int) -> bytes:
    """A number of up to 64 bits that is not negative, seven bits a byte."""
    if value < 0x80:
        return bytes((value,))
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def tag(number: int, wire_type: int = LENGTH_DELIMITED) -> bytes:
    """What a field begins with."""
    return varint(number << 3 | wire_type)


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field: bytes, a text or a message."""
    return tag(number) + varint(len(content)) + content


def packed_shape(number: int, shape: tuple[int, ...]) -> bytes:
    """A repeated int64 field of numbers that are not negative; nothing for none."""
    return field(number, b"".join(map(varint, shape))) if shape else b""


def read_varint(message: bytes | memoryview, position: int) -> tuple[int, int]:
    """The number at a position, and where it ends.

    Raises:
        MalformedError: it has more than ten bytes.
        IndexError: the message ends in it.
    """
    value = 0
    for shift in range(0, 7 * _MAX_VARINT_BYTES, 7):
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise MalformedError


def skip_field(message: bytes | memoryview, position: int) -> tuple[int, int, int, int]:
    """The field at a position.

    Returns:
        Its number and wire type, where its content begins, and where it ends.

    Raises:
        MalformedError: it is malformed, or a group, which nothing here needs to know.
        IndexError: the message ends in it.
    """
    key, position = read_varint(message, position)
    number, wire_type = key >> 3, key & 7
    begin = position
    if wire_type == LENGTH_DELIMITED:
        size, begin = read_varint(message, position)
        end = begin + size
    elif wire_type == 0:
        _, end = read_varint(message, position)
    elif wire_type in _FIXED_BYTES:
        end = position + _FIXED_BYTES[wire_type]
    else:
        raise MalformedError
    if not number or end > len(message):
        raise MalformedError
    return number, wire_type, begin, end
