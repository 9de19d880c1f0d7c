"""Ask the demo's service what files are: `python file_types.py FILE…`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from classifier import Classifier
from numpy.typing import NDArray
from scripts.file_features import BLOCK_BYTES, features


def main() -> None:
    """Classify the files of the command line and print one line each."""
    classify = Classifier("file_type")
    print(classify.signature)
    for path in map(Path, sys.argv[1:]):
        ((best, second),) = classify(read(path)[np.newaxis], class_count=2)
        print(f"  {path.name:20} {best.name:10} {best.score:7.1%}   then {second.name} {second.score:.1%}")


def read(path: Path) -> NDArray[np.int32]:
    """What the model sees of a file, of which only the ends are read."""
    with path.open("rb") as file:
        first = file.read(BLOCK_BYTES)
        file.seek(max(0, path.stat().st_size - BLOCK_BYTES))
        return features(first, file.read(BLOCK_BYTES))


if __name__ == "__main__":
    main()
