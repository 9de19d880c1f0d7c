"""The parameter types of inference-schema and ours: the same samples and values in both interpreters."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conformance.azureml.hosts import Program
from tests.conformance.azureml.ledger import Difference, Ledger

pytestmark = pytest.mark.timeout(300)

PREFIX = "types/"

_PROBE = str(Path(__file__).with_name("type_probe.py"))
_WITH_OUR_TYPES = (
    "import runpy, sys; from naiad.scoring import import_paths; import_paths.install();"
    "runpy.run_path(sys.argv[1], run_name='__main__')"
)


def _probe(command: Sequence[str]) -> dict[str, str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_types_describe_and_convert_the_same(programs: list[Program], azureml_ledger: Ledger) -> None:
    """Documents are the same, and what `run()` gets, and what it does not get."""
    azureml = _probe([programs[0].command[0], _PROBE])
    naiad = _probe([sys.executable, "-c", _WITH_OUR_TYPES, _PROBE])
    assert azureml.keys() == naiad.keys()
    unexplained = []
    for name, text in azureml.items():
        differences = [] if text == naiad[name] else [Difference("value", text, naiad[name])]
        unexplained += azureml_ledger.record(PREFIX + name, differences)
    assert not unexplained
