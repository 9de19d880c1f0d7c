"""The trace extension on the wire: settings as JSON, and what a request wants of them (triton.md §1.9).

All values are texts, and the levels an array of them. Where tritonserver takes half a number for a number, or an
unknown level for none, this refuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
    """Read the body of a request over HTTP to change settings.

    Raises:
        InternalError: it is no JSON, or a value is of the wrong kind.
        InvalidArgumentError, UnsupportedError: as `read_trace_changes`.
    """
    document = json_value.parse(body)
    members = document if isinstance(document, dict) else {}
    values: dict[str, Sequence[str] | None] = {}
    for member, value in members.items():
        if value is None:
            values[member] = None
        elif member == "trace_level":
            names = [json_value.as_string(name, "") for name in json_value.as_array(value, "")]
            if names:
                values[member] = names
        elif member in _NUMBERS:
            values[member] = [json_value.as_string(value, "")]
        else:
            values[member] = [str(value)]
    return read_trace_changes(values)


def read_trace_changes(values: Mapping[str, Sequence[str] | None], *, count_gap: str = "") -> Changes:
    """What a request wants changed; what it does not know it passes over, as tritonserver does.

    Args:
        values: by the names that requests use; None for what is not to be given any more.
        count_gap: between `got:` and a count that is too low, where tritonserver's protocols differ.

    Raises:
        InvalidArgumentError: a value cannot be.
        UnsupportedError: it wants another file, or another mode than writing to a file.
    """
    if "trace_file" in values:
        raise UnsupportedError("trace file location can not be updated through network protocol")
    if list(values.get("trace_mode") or (TRITON,)) != [TRITON]:
        raise UnsupportedError(NO_OPENTELEMETRY, hint=f"trace_mode is always '{TRITON}'")
    changes: Changes = {}
    if "trace_level" in values:
        names = values["trace_level"]
        changes["levels"] = None if names is None else _levels(names)
    for member, (attribute, lowest, highest) in _NUMBERS.items():
        if member in values:
            texts = values[member]
            if texts is not None and len(texts) != 1:
                raise InvalidArgumentError(f"expect only 1 value for '{member}'")
            changes[attribute] = None if texts is None else _number(member, texts[0], lowest, highest, count_gap)
    return changes


def _levels(names: Sequence[str]) -> frozenset[str]:
    for name in names:
        if name not in (OFF, *LEVELS):
            raise InvalidArgumentError(
                f"Unable to parse 'trace_level', got: {name}", hint=f"expected {' or '.join((OFF, *LEVELS))}"
            )
    if OFF in names and len(names) > 1:
        raise InvalidArgumentError("Expect only one trace level 'OFF' is specified")
    return frozenset(names) - {OFF}


def _number(member: str, text: str, lowest: int, highest: int, count_gap: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise InvalidArgumentError(f"Unable to parse '{member}', got: {text}")
    value = int(text)
    if member == "trace_count" and -MAX_COUNT <= value < lowest:
        raise InvalidArgumentError(f"Unable to parse 'trace_count'. Expecting value >= {lowest}, got:{count_gap}{text}")
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
