"""A `ModelInferRequest` taken apart: its raw contents are found in the message, and stay there without a copy.

The protobuf library makes objects of the rest. A message that would make very many of them is refused before it does:
in a few bytes each, they would take the server's memory and the loop's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from naiad.errors import InvalidArgumentError
from naiad.messages import service_pb2
from naiad.protocol.protobuf_wire import LENGTH_DELIMITED, MalformedError, parse, skip_field

Buffer = bytes | memoryview

_VERSION, _ID, _PARAMETERS, _INPUTS, _OUTPUTS, _RAW = 2, 3, 4, 5, 6, 7
_CONTENTS: Final = 5  # of an input
_MAX_FIELDS: Final = 10_000
_MAX_FIELD_BYTES: Final = 1 << 20
_MAX_UNORDERED_BYTES: Final = 1 << 20


@dataclass(slots=True)
class GrpcInferMessage:
    """The parts of a message.

    Attributes:
        message: all of it but for the raw contents, when those were cut out.
        raw: the raw contents, in order.
        raw_spans: where they lie in the message; None when its fields are not in the order of their numbers.
        head_size: how long name and version are at its beginning.
        id_end: where the id ends that follows them, or might.
    """

    message: Any
    raw: list[Buffer]
    raw_spans: list[tuple[int, int]] | None
    head_size: int = 0
    id_end: int = 0


def read_infer_message(message: Buffer, *, max_bytes: int) -> GrpcInferMessage:
    """Take a message apart.

    Args:
        message: all of it.
        max_bytes: of what is not raw contents (--http-max-input-size).

    Raises:
        MalformedError: it is no message of this kind.
        InvalidArgumentError: it is larger than a request may be, or has more fields.
    """
    try:
        made = _cut(message, max_bytes)
    except (MalformedError, IndexError):
        made = None  # or a group: the library knows
    if made is None:
        return _read_unordered(message)
    made.message = parse(service_pb2.ModelInferRequest, made.message, max_bytes=max_bytes)
    return made


def _cut(message: Buffer, max_bytes: int) -> GrpcInferMessage | None:
    """Find the raw contents; None when fields are not in the order of their numbers, in which libraries write them."""
    position, last, count, size = 0, 0, 0, len(message)
    made = GrpcInferMessage(message, [], [])
    spans: list[tuple[int, int]] = []
    header_end = size
    while position < size:
        number, wire_type, begin, end = skip_field(message, position)
        if number < last or (number == last and number <= _ID) or wire_type != LENGTH_DELIMITED or number > _RAW:
            return None
        if number <= _VERSION:
            made.head_size = end
        elif number == _ID:
            made.id_end = end
        elif number == _RAW:
            header_end = min(header_end, position)
            spans.append((begin, end))
        else:
            count += _fields_in(message, number, begin, end)
        count += 1
        if count > _MAX_FIELDS:
            raise InvalidArgumentError(f"a request may consist of {_MAX_FIELDS} fields, and this one has more")
        position, last = end, number
    if header_end > max_bytes:
        raise InvalidArgumentError(
            f"request size of {header_end} bytes without its raw contents exceeds the maximum allowed input size of "
            f"{max_bytes} bytes. Use --http-max-input-size to increase the limit."
        )
    made.id_end = max(made.id_end, made.head_size)
    made.raw_spans = spans
    made.raw = [message[begin:end] for begin, end in spans]
    made.message = bytes(message[:header_end])
    return made


def _fields_in(message: Buffer, number: int, begin: int, end: int) -> int:
    """How many fields an input, an output or a parameter has, at most one more than there may be.

    Raises:
        InvalidArgumentError: one of them is larger than any but an input's contents may be.
        MalformedError, IndexError: as `skip_field`.
    """
    count = 0
    while begin < end and count <= _MAX_FIELDS:
        inner, _, inner_begin, begin = skip_field(message, begin)
        if begin - inner_begin > _MAX_FIELD_BYTES and (number, inner) != (_INPUTS, _CONTENTS):
            raise InvalidArgumentError(
                f"a name, a shape or a parameter of a request may have {_MAX_FIELD_BYTES} bytes, and one has "
                f"{begin - inner_begin}"
            )
        count += 1
    return count


def _read_unordered(message: Buffer) -> GrpcInferMessage:
    if len(message) > _MAX_UNORDERED_BYTES:
        raise InvalidArgumentError(
            f"the fields of a request of more than {_MAX_UNORDERED_BYTES} bytes must be in the order of their numbers, "
            "and there must be none that are not known"
        )
    parsed = parse(service_pb2.ModelInferRequest, message, max_bytes=_MAX_UNORDERED_BYTES)
    return GrpcInferMessage(parsed, list(parsed.raw_input_contents), None)
