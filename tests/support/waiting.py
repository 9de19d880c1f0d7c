"""Waiting on a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_S = 20.0


def wait_for(condition: Callable[[], T], what: str, *, deadline_s: float = DEADLINE_S) -> T:
    """The first true value of a condition.

    Args:
        condition: asked again and again.
        what: named when it never came true.
        deadline_s: how long it may take, in seconds.
    """
    deadline = time.monotonic() + deadline_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.005)
    return value
