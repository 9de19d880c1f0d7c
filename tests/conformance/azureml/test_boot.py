"""Scripts and settings with which neither host must start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.conformance.azureml.comparison import compare_lines
from tests.conformance.azureml.corpus import broken
from tests.conformance.azureml.hosts import Host, Program, running
from tests.conformance.azureml.ledger import Difference, Ledger
from tests.conformance.azureml.milestones import milestones

pytestmark = pytest.mark.timeout(300)

_BY_NAME = {script.name: script for script in broken.SCRIPTS}
NAMES = [f"boot/{name}" for name in _BY_NAME]


@pytest.fixture(scope="module")
def ending(programs: list[Program], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Host]]]:
    """Both hosts for every script; they end by themselves."""
    folder = tmp_path_factory.mktemp("broken")
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(running(programs, script, folder / name.replace(" ", "_")))
            for name, script in _BY_NAME.items()
        }


@pytest.mark.parametrize("script", _BY_NAME)
def test_neither_host_starts(script: str, ending: dict[str, list[Host]], azureml_ledger: Ledger) -> None:
    """The exit status and the milestones are the same, but for what is known to differ."""
    one, other = ending[script]
    statuses = [host.wait_until_ended() for host in (one, other)]
    assert 0 not in statuses
    differences = []
    if statuses[0] != statuses[1]:
        differences.append(Difference("exit status", *statuses))
    differences += compare_lines("milestones", *(milestones(host.log) for host in (one, other)))
    assert not azureml_ledger.record(f"boot/{script}", differences)
