"""Marks that decorators leave on a `run()`, found again through other people's decorators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def find_mark(function: Callable[..., Any], attribute: str) -> Any:
    """The value of an attribute that `function`, or any function that it wraps, carries; `None` where none does.

    A wrapper made without `functools.wraps` hides what it wraps in its closure, so closures are searched too.
    """
    seen: set[int] = set()
    waiting: list[Any] = [function]
    while waiting:
        candidate = waiting.pop()
        if not callable(candidate) or id(candidate) in seen:
            continue
        seen.add(id(candidate))
        mark = getattr(candidate, "__dict__", {}).get(attribute)
        if mark is not None:
            return mark
        waiting += [_content(cell) for cell in getattr(candidate, "__closure__", None) or ()]
        waiting.append(getattr(candidate, "__wrapped__", None))
    return None


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        # A name that is assigned only later.
        return None
