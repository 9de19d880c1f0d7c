"""`@rawhttp`: give `run()` the HTTP request itself (azure-ml.md §4.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from naiad.scoring.decoration import find_mark

_MARK: Final = "_naiad_rawhttp"

Function = TypeVar("Function", bound=Callable[..., Any])


def rawhttp(function: Function) -> Function:
    """Mark `run()` as one that takes the request; it is then called for GET, POST and OPTIONS."""
    vars(function)[_MARK] = True
    return function


def is_raw(run: Callable[..., Any]) -> bool:
    """Whether `run()`, or a function that it wraps, is marked."""
    return find_mark(run, _MARK) is True
