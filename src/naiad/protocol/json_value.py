"""Reading JSON as Triton does: its kinds of values and, when one is not there, its sentences (triton.md §1.2).

Triton reports every unreadable JSON as INTERNAL, so that these errors are `InternalError`.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
import rapidjson

from naiad.errors import InternalError, InvalidArgumentError

MISSING: Final = object()
_MAX_DEPTH: Final = 100


def parse(text: bytes | memoryview) -> Any:
    """Parse a JSON text; `NaN` and infinities are allowed, as Triton's parser allows them.

    Raises:
        InternalError: with the message and offset that Triton's parser (rapidjson) gives.
        InvalidArgumentError: it is nested too deeply.
    """
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        document = _parse_as_triton(bytes(text))
    opened = bytes(text)
    if opened.count(b"[") + opened.count(b"{") > _MAX_DEPTH and _depth(document) > _MAX_DEPTH:
        raise _too_deep()
    return document


def _depth(document: Any) -> int:
    """How deeply arrays and objects are nested; looked at level by level, so that no depth is too deep for it."""
    level, depth = [document], 0
    while level := [value for value in level if isinstance(value, (list, dict))]:
        depth += 1
        level = [child for value in level for child in (value if isinstance(value, list) else value.values())]
    return depth


def _too_deep() -> InvalidArgumentError:
    return InvalidArgumentError(f"JSON nesting depth exceeds maximum allowed limit ({_MAX_DEPTH})")


def readable(text: bytes) -> str:
    """The text as Triton's parser reads it: without a byte order mark, up to a NUL, with any bytes in strings."""
    return text.removeprefix(b"\xef\xbb\xbf").partition(b"\0")[0].decode("utf-8", "replace")


def _parse_as_triton(text: bytes) -> Any:
    try:
        return rapidjson.loads(readable(text), number_mode=rapidjson.NM_NAN)
    except rapidjson.JSONDecodeError as error:
        where, _, what = str(error).removeprefix("Parse error at offset ").partition(": ")
        raise InternalError(f"failed to parse the request JSON buffer: {what} at {where}") from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise InternalError(f"failed to parse the request JSON buffer: {error} at 0") from error


def member(document: Any, name: str, *, field: str = "") -> Any:
    """The member of an object, which must be there.

    Args:
        document: a parsed value.
        name: of the member.
        field: what the message says could not be parsed; the member's name when empty.
    """
    value = document.get(name, MISSING) if isinstance(document, dict) else MISSING
    if value is MISSING:
        raise InternalError(f"Unable to parse '{field or name}': attempt to access non-existing object member '{name}'")
    return value


def fail(field: str, found: str, expected: str, *, verb: str = "parse", unsaid: str = "") -> InternalError:
    """The error for a value of the wrong kind.

    Args:
        field: that the sentence names; empty where Triton's names none.
        found, expected: kinds of values.
        verb: what could not be done with the field.
        unsaid: the field that the hint names where the sentence does not.
    """
    where = f"Unable to {verb} '{field}': " if field else ""
    hint = f"'{unsaid}' must be of the kind {expected}" if unsaid else None
    return InternalError(f"{where}attempt to access JSON {found} as {expected}", hint=hint)


def as_array(value: Any, field: str) -> list[Any]:
    """The value, which must be an array."""
    if not isinstance(value, list):
        raise fail(field, "non-array", "array")
    return value


def as_string(value: Any, field: str, *, unsaid: str = "") -> str:
    """The value, which must be a string."""
    if not isinstance(value, str):
        raise fail(field, "non-string", "string", unsaid=unsaid)
    return value


def as_bool(value: Any, field: str) -> bool:
    """The value, which must be true or false."""
    if not isinstance(value, bool):
        raise fail(field, "non-boolean", "boolean")
    return value


def as_unsigned(value: Any, field: str, *, verb: str = "parse", unsaid: str = "") -> int:
    """The value, which must be an integer that 64 bits hold without a sign."""
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise fail(field, "non-unsigned-integer", "unsigned-integer", verb=verb, unsaid=unsaid)
    return value
