"""The real host's installation, the ledger of the run, and its summary."""

from __future__ import annotations

from typing import Final

import pytest

from benchmarks.environment import InstallationError, install_azureml
from tests.conformance.azureml.hosts import NAIAD, Program, azureml
from tests.conformance.azureml.known_differences import KNOWN_DIFFERENCES
from tests.conformance.azureml.ledger import Ledger
from tests.support.summaries import summaries

_LEDGER: Final = pytest.StashKey[Ledger]()


def pytest_configure(config: pytest.Config) -> None:
    """One ledger a run."""
    ledger = config.stash[_LEDGER] = Ledger(KNOWN_DIFFERENCES)
    summaries(config)["conformance of entry scripts"] = lambda: (
        (*ledger.unexplained, ledger.summary) if ledger.cases else ()
    )


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
