"""Ask the demo's service what files are: `python file_types.py FILE…`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from classifier import Classifier
from numpy.typing import NDArray

EDGE_BYTES = 1024
BLOCK_BYTES = 4096
PADDING = 256  # one above the largest byte


def main() -> None:
    """Classify the files of the command line and print one line each."""
    classify = Classifier("file_type")
    print(classify.signature)
    for path in map(Path, sys.argv[1:]):
        ((best, second),) = classify(features(path)[np.newaxis], class_count=2)
        print(f"  {path.name:20} {best.name:10} {best.score:7.1%}   then {second.name} {second.score:.1%}")


def features(path: Path) -> NDArray[np.int32]:
    """What the model sees of a file: INT32[2048].

    The first 1024 bytes without white space before them, then the last 1024 without white space behind them; where
    there are fewer, padding fills the middle. Only the first and last 4096 bytes are looked at.
    """
    with path.open("rb") as file:
        first = file.read(BLOCK_BYTES).lstrip()[:EDGE_BYTES]
        file.seek(max(0, path.stat().st_size - BLOCK_BYTES))
        last = file.read(BLOCK_BYTES).rstrip()[-EDGE_BYTES:]
    tokens = np.full(2 * EDGE_BYTES, PADDING, np.int32)
    tokens[: len(first)] = np.frombuffer(first, np.uint8)
    tokens[len(tokens) - len(last) :] = np.frombuffer(last, np.uint8)
    return tokens


if __name__ == "__main__":
    main()
