"""Both servers run the same onnxruntime, else the comparison is of two runtimes."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.environment import REQUIREMENTS

LOCK = Path(__file__).parents[3] / "requirements.lock"


def pin(package: str, requirements: Path) -> str:
    found = re.search(rf"^{package}==([^\s;]+)", requirements.read_text(), re.MULTILINE)
    assert found is not None
    return found.group(1)


def test_onnxruntime_is_the_locked_one() -> None:
    assert pin("onnxruntime", REQUIREMENTS) == pin("onnxruntime", LOCK)
