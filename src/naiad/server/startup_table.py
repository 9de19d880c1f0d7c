"""The table of models that the log has after the start, as tritonserver's (triton.md §4.8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from naiad.engine.model_entry import VersionStatus

_HEAD: Final = ("Model", "Version", "Status")


def model_table(index: Iterable[tuple[str, str, VersionStatus | None]]) -> str:
    """Model, version and status of everything that was asked for, as aligned plain text.

    Args:
        index: as `Engine.index` gives it.
    """
    rows = [
        (_printable(name), version or "-", _status(status)) for name, version, status in index if status is not None
    ]
    return _render([_HEAD, *rows])


def _status(status: VersionStatus) -> str:
    reason = _printable(" ".join(status.reason.split()))
    return f"{status.state}: {reason}" if reason else str(status.state)


def _printable(text: str) -> str:
    """On one line, whatever a folder is called and a reason quotes."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _render(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    rule = "+-" + "-+-".join("-" * width for width in widths) + "-+"
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([rule, lines[0], rule, *lines[1:], *([rule] if lines[1:] else [])])
