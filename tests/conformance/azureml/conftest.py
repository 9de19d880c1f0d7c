"""The real host's installation, the ledger of the run, and its summary."""

from __future__ import annotations

from typing import Final

import pytest

from benchmarks.environment import InstallationError, install_azureml
from tests.conformance.azureml.hosts import NAIAD, Program, azureml
from tests.conformance.azureml.known_differences import KNOWN_DIFFERENCES
from tests.conformance.azureml.ledger import Ledger

_LEDGER: Final = pytest.StashKey[Ledger]()


def pytest_configure(config: pytest.Config) -> None:
    """One ledger a run."""
    config.addinivalue_line("markers", "last: looks at the results of all other tests")
    config.stash[_LEDGER] = Ledger(KNOWN_DIFFERENCES)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at all results runs after all others."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many answers agree, and list what nobody has explained."""
    ledger = config.stash[_LEDGER]
    if not ledger.cases:
        return
    terminalreporter.section("conformance of entry scripts")
    for line in ledger.unexplained:
        terminalreporter.write_line(line)
    terminalreporter.write_line(ledger.summary)


@pytest.fixture(scope="session")
def azureml_ledger(pytestconfig: pytest.Config) -> Ledger:
    """Where comparisons are entered."""
    return pytestconfig.stash[_LEDGER]


@pytest.fixture(scope="session")
def programs() -> list[Program]:
    """Both hosts, the real one first; everything is skipped where it cannot be had."""
    try:
        return [azureml(install_azureml(say=print)), NAIAD]
    except InstallationError as error:
        pytest.skip(f"Azure ML's entry-script host cannot be installed here: {str(error).splitlines()[0]}")
