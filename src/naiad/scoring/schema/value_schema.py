"""Schema objects for samples of plain Python (azure-ml.md §4.6)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final

from naiad.scoring.schema.parameter_type import AbstractParameterType

DATE_FORMAT: Final = "%Y-%m-%d"
DATETIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S.%f %z"
TIME_FORMAT: Final = "%H:%M:%S.%f %z"


def _base64(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode()


def _in_utc(value: Any) -> Any:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _as_is(value: Any) -> Any:
    return value


# Exact types: a bool is no integer here, and a datetime no date.
_SCALARS: Final[dict[type, tuple[dict[str, str], Callable[[Any], Any]]]] = {
    bool: ({"type": "boolean"}, _as_is),
    int: ({"type": "integer", "format": "int64"}, _as_is),
    float: ({"type": "number", "format": "double"}, _as_is),
    str: ({"type": "string"}, _as_is),
    bytes: ({"type": "string", "format": "byte"}, _base64),
    bytearray: ({"type": "string", "format": "byte"}, _base64),
    date: ({"type": "string", "format": "date"}, lambda value: value.strftime(DATE_FORMAT)),
    datetime: ({"type": "string", "format": "date-time"}, lambda value: _in_utc(value).strftime(DATETIME_FORMAT)),
    time: ({"type": "string", "format": "time"}, lambda value: _in_utc(value).strftime(TIME_FORMAT)),
}


def value_schema(sample: Any) -> dict[str, Any]:
    """The schema object of a sample, the sample as JSON under `example`; other kinds are objects."""
    if isinstance(sample, AbstractParameterType):
        return sample.input_to_swagger()
    kind = type(sample)
    if kind in _SCALARS:
        schema, example = _SCALARS[kind]
        return {**schema, "example": example(sample)}
    if kind in (list, tuple, range):
        return array_schema(sample)
    if kind is dict:
        return object_schema(sample)
    return {"type": "object", "example": sample}


def array_schema(samples: Sequence[Any]) -> dict[str, Any]:
    """The schema object of a list; its items are described by the last one."""
    items: dict[str, Any] = {"type": "object"}
    example = []
    for sample in samples:
        items = value_schema(sample)
        example.append(items.pop("example"))
    return {"type": "array", "items": items, "example": example}


def object_schema(samples: dict[str, Any]) -> dict[str, Any]:
    """The schema object of a dictionary; all members are required."""
    properties = {name: value_schema(sample) for name, sample in samples.items()}
    example = {name: schema.pop("example") for name, schema in properties.items()}
    return {"type": "object", "required": list(samples), "properties": properties, "example": example}
