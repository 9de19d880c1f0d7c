"""Both servers of a comparison run the same libraries, else it is of two libraries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.environment import AZUREML_REQUIREMENTS, TRITON_REQUIREMENTS

LOCK = Path(__file__).parents[3] / "requirements.lock"


def pins(package: str, requirements: Path) -> list[str]:
    """Every pinned version of a package, each for some versions of Python."""
    found = re.findall(rf"^{package}==([^\s;]+)", requirements.read_text(), re.MULTILINE)
    assert found
    return [str(version) for version in found]


def test_onnxruntime_is_the_locked_one() -> None:
    assert pins("onnxruntime", TRITON_REQUIREMENTS) == pins("onnxruntime", LOCK)


@pytest.mark.parametrize("package", ["gunicorn", "numpy", "pandas", "werkzeug"])
def test_what_scripts_see_is_the_locked_one(package: str) -> None:
    assert pins(package, AZUREML_REQUIREMENTS) == pins(package, LOCK)
