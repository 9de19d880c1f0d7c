"""What the file type model sees of a file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 4096
EDGE_BYTES = 1024
PADDING = 256  # one above the largest byte


def features(first_block: bytes, last_block: bytes) -> NDArray[np.int32]:
    """The edges of a file: INT32[2048].

    The first 1024 bytes without white space before them, then the last 1024 without white space behind them; where
    there are fewer, padding fills the middle.

    Args:
        first_block, last_block: the first and the last 4096 bytes of the file, or all of it where it has fewer.
    """
    first, last = first_block.lstrip()[:EDGE_BYTES], last_block.rstrip()[-EDGE_BYTES:]
    tokens = np.full(2 * EDGE_BYTES, PADDING, np.int32)
    tokens[: len(first)] = np.frombuffer(first, np.uint8)
    tokens[len(tokens) - len(last) :] = np.frombuffer(last, np.uint8)
    return tokens
