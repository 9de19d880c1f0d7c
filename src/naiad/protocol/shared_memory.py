"""The shared memory extension on the wire: what a request says of a region (triton.md §1.8)."""

from __future__ import annotations

import base64
import binascii
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
    """The span that an input's or output's parameters name; what they do not say is 0.

    Raises:
        InternalError: a value is of the wrong kind.
    """
    region = json_value.as_string(parameters["shared_memory_region"], "shared_memory_region")
    offset, size = (
        json_value.as_unsigned(parameters.get(name, 0), name)
        for name in ("shared_memory_offset", "shared_memory_byte_size")
    )
    return Span(region, offset, size)


def parse_registration(name: str, body: bytes | memoryview) -> Registration:
    """Read a system shared memory register request.

    Args:
        name: of the region, from the path.
        body: the JSON.

    Raises:
        InvalidArgumentError: the name, the key or the size is missing.
        InternalError: a value is of the wrong kind.
    """
    if not name:
        raise InvalidArgumentError("'region name' is necessary to register system shared memory region")
    document = json_value.parse(body) if body else {}
    for name in ("key", "byte_size"):
        if not isinstance(document, dict) or name not in document:
            raise InvalidArgumentError(f"Shared memory register request has no '{name}' field")
    return Registration(
        json_value.as_string(document["key"], "", unsaid="key"),
        json_value.as_unsigned(document.get("offset", 0), "", unsaid="offset"),
        json_value.as_unsigned(document["byte_size"], "", unsaid="byte_size"),
    )


def check_cuda_registration(name: str, body: bytes | memoryview) -> None:
    """Look at a CUDA shared memory register request, of which nothing will be used.

    Args:
        name: of the region, from the path.
        body: the JSON.

    Raises:
        InvalidArgumentError: the name is missing, or there is no handle in base64.
        InternalError: the body is no JSON.
    """
    if not name:
        raise InvalidArgumentError("'region name' is necessary to register cuda shared memory region")
    handle = json_value.parse(body).get("raw_handle") if body else None
    text = handle.get("b64") if isinstance(handle, dict) else None
    if not isinstance(text, str):
        raise InvalidArgumentError("Shared memory register request has no 'raw_handle' field")
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        raise InvalidArgumentError("'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t") from None
