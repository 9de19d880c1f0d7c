"""What people attach to models and services: tags, properties, and who did it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
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


def current_user() -> str:
    """The login name, or the user's number where the system knows no name for it, as in many containers."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())
