"""The trace extension on the wire: settings as JSON, and what a request wants of them (triton.md §1.9).

All values are texts, and the levels an array of them. Where tritonserver takes half a number for a number, or an
unknown level for none, this refuses.
"""

from __future__ import annotations

import re
from typing import Any, Final

from naiad.config.trace_config import (
    LEVELS,
    MAX_COUNT,
    MAX_RATE,
    NO_OPENTELEMETRY,
    OFF,
    TRITON,
    UNLIMITED,
    TraceSettings,
)
from naiad.errors import InvalidArgumentError, UnsupportedError
from naiad.protocol import json_value

Changes = dict[str, Any]
"""Values by attribute of `TraceSettings`; None for one that is not to be given any more."""

_NUMBERS: Final = {
    # member: attribute, lowest and highest value
    "trace_rate": ("rate", 0, MAX_RATE),
    "trace_count": ("count", UNLIMITED, MAX_COUNT),
    "log_frequency": ("log_frequency", 0, MAX_RATE),
}

_INTEGER: Final = re.compile(r" *[+-]?[0-9]{1,100}")


def parse_trace_changes(body: bytes | memoryview) -> Changes:
    """Read the body of a request to change settings; what it does not know it passes over, as tritonserver does.

    Raises:
        InternalError: it is no JSON, or a value is of the wrong kind.
        InvalidArgumentError: a value cannot be.
        UnsupportedError: it wants another file, or another mode than writing to a file.
    """
    document = json_value.parse(body)
    members = document if isinstance(document, dict) else {}
    if "trace_file" in members:
        raise UnsupportedError("trace file location can not be updated through network protocol")
    if members.get("trace_mode") not in (None, TRITON):
        raise UnsupportedError(NO_OPENTELEMETRY, hint=f"trace_mode is always '{TRITON}'")
    changes: Changes = {}
    if "trace_level" in members:
        value = members["trace_level"]
        names = [] if value is None else [json_value.as_string(name, "") for name in json_value.as_array(value, "")]
        if value is None or names:
            changes["levels"] = None if value is None else _levels(names)
    for member, (attribute, lowest, highest) in _NUMBERS.items():
        if member in members:
            value = members[member]
            changes[attribute] = (
                None if value is None else _number(member, json_value.as_string(value, ""), lowest, highest)
            )
    return changes


def _levels(names: list[str]) -> frozenset[str]:
    for name in names:
        if name not in (OFF, *LEVELS):
            raise InvalidArgumentError(
                f"Unable to parse 'trace_level', got: {name}", hint=f"expected {' or '.join((OFF, *LEVELS))}"
            )
    if OFF in names and len(names) > 1:
        raise InvalidArgumentError("Expect only one trace level 'OFF' is specified")
    return frozenset(names) - {OFF}


def _number(member: str, text: str, lowest: int, highest: int) -> int:
    if not _INTEGER.fullmatch(text):
        raise InvalidArgumentError(f"Unable to parse '{member}', got: {text}")
    value = int(text)
    if member == "trace_count" and -MAX_COUNT <= value < lowest:
        raise InvalidArgumentError(f"Unable to parse 'trace_count'. Expecting value >= {lowest}, got:{text}")
    if not lowest <= value <= highest:
        raise InvalidArgumentError(
            f"Unable to parse '{member}', value is out of range [ {lowest}, {highest} ], got: {text}"
        )
    return value


def trace_document(settings: TraceSettings, file: str) -> dict[str, Any]:
    """The settings as they are sent."""
    return {
        "trace_level": [level for level in LEVELS if level in settings.levels] or [OFF],
        "trace_rate": str(settings.rate),
        "trace_count": str(settings.count),
        "log_frequency": str(settings.log_frequency),
        "trace_file": file,
        "trace_mode": TRITON,
    }
