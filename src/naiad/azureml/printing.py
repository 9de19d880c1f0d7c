"""The sentences that Azure ML's SDK prints on stdout, where scripts and their readers look for them."""

from __future__ import annotations

import logging
import sys
from typing import Any

logger = logging.getLogger(__name__)


def say(sentence: str) -> None:
    """Print a line on stdout, at once."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def accept_unused(function: str, **arguments: Any) -> dict[str, Any]:
    """Note arguments of the original signature that mean nothing here (azure-ml.md §8.1).

    Returns:
        Those that were given, as text, for `serialize()`.
    """
    given = {name: str(value) for name, value in arguments.items() if value is not None}
    if given:
        logger.debug("%s accepts and does not use: %s", function, ", ".join(given))
    return given
