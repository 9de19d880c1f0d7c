"""The shared memory extension on the wire: what a request says of a region (triton.md §1.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from naiad.errors import InvalidArgumentError
from naiad.protocol import json_value


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a region, as a request names it.

    Attributes:
        region: its name.
        offset: from the region's beginning.
        byte_size: how long it is.
    """

    region: str
    offset: int
    byte_size: int


@dataclass(frozen=True, slots=True)
class Registration:
    """What a region is to be.

    Attributes:
        key: of the POSIX segment.
        offset: where in the segment it begins.
        byte_size: how long it is.
    """

    key: str
    offset: int
    byte_size: int


def read_span(parameters: dict[str, Any]) -> Span:
    """The span that an input's or output's parameters name.

    Raises:
        InternalError: a value is missing or of the wrong kind.
    """
    region = json_value.as_string(parameters["shared_memory_region"], "shared_memory_region")
    size = json_value.member(parameters, "shared_memory_byte_size")
    offset = parameters.get("shared_memory_offset", 0)
    return Span(
        region,
        json_value.as_unsigned(offset, "shared_memory_offset"),
        json_value.as_unsigned(size, "shared_memory_byte_size"),
    )


def parse_registration(body: bytes | memoryview) -> Registration:
    """Read the body of a system shared memory register request.

    Raises:
        InvalidArgumentError: the key or the size is missing.
        InternalError: a value is of the wrong kind.
    """
    document = json_value.parse(body) if body else {}
    for name in ("key", "byte_size"):
        if not isinstance(document, dict) or name not in document:
            raise InvalidArgumentError(f"Shared memory register request has no '{name}' field")
    return Registration(
        json_value.as_string(document["key"], "key"),
        json_value.as_unsigned(document.get("offset", 0), "offset"),
        json_value.as_unsigned(document["byte_size"], "byte_size"),
    )
