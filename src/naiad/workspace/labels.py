"""What people attach to models and services: tags, properties, and who did it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Collection, Mapping
from typing import Any

from naiad.errors import InvalidArgumentError


def check_labels(kind: str, labels: Mapping[Any, Any] | None) -> None:
    """Raise an InvalidArgumentError unless tags or properties map non-empty text to text."""
    for key, value in (labels or {}).items():
        if not (isinstance(key, str) and key and isinstance(value, str)):
            raise InvalidArgumentError(
                f"a {kind} must be a non-empty text with a text as its value, not {key!r}={value!r}"
            )


def has_labels(labels: Mapping[str, str], wanted: Mapping[str, str | None] | None) -> bool:
    """Whether all wanted labels are there, with the wanted value where it is not None."""
    return all(key in labels and value in (None, labels[key]) for key, value in (wanted or {}).items())


def changed_tags(
    current: Mapping[str, str], *, add: Mapping[str, str] | None, remove: Collection[str]
) -> dict[str, str]:
    """Tags after some are set and some are removed; removing one that is not there is no error."""
    check_labels("tag", add)
    return {key: value for key, value in {**current, **(add or {})}.items() if key not in remove}


def extended_properties(current: Mapping[str, str], *, add: Mapping[str, str] | None) -> dict[str, str]:
    """Properties after some are added.

    Raises:
        InvalidArgumentError: when one is there with another value: properties are immutable (azure-ml.md §2.3).
    """
    check_labels("property", add)
    fixed = [key for key, value in (add or {}).items() if current.get(key, value) != value]
    if fixed:
        raise InvalidArgumentError(
            f"Error, properties are immutable, the following keys cannot be added/modified: {', '.join(fixed)}",
            hint="use tags for what changes",
        )
    return {**current, **(add or {})}


def current_user() -> str:
    """The login name, or the user's number where the system knows no name for it, as in many containers."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())
