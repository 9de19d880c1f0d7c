"""The model folder as a tree, for the log of an `init()` that did not find its files (azure-ml.md §4.3)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from itertools import islice
from typing import Final

_MAX_LINES: Final = 200


def log_model_tree(folder: str, log: logging.Logger) -> None:
    """Write the first 200 lines of a folder's tree; nothing when there is no such folder."""
    if not folder or not os.path.exists(folder):
        return
    log.info("Model Directory Contents:")
    lines = _tree(os.path.normpath(folder), 0)
    for line in islice(lines, _MAX_LINES):
        log.info("%s", line)
    if next(lines, None) is not None:
        log.info("Output Truncated. First %d lines shown.", _MAX_LINES)


def _tree(path: str, depth: int) -> Iterator[str]:
    line = "    " * depth + os.path.basename(path)
    if not os.path.isdir(path):
        yield line
        return
    yield line + os.sep
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        yield "    " * (depth + 1) + f"(not readable: {error.strerror})"
        return
    for name in names:
        yield from _tree(os.path.join(path, name), depth + 1)
