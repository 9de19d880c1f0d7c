"""The real server's installation, the ledger of the run, and its summary."""

from __future__ import annotations

from typing import Final

import pytest

from benchmarks.environment import InstallationError, TritonInstallation, install
from tests.conformance.triton.ledger import Ledger
from tests.support.summaries import summaries

_LEDGER: Final = pytest.StashKey[Ledger]()


def pytest_configure(config: pytest.Config) -> None:
    """One ledger a run."""
    ledger = config.stash[_LEDGER] = Ledger()
    summaries(config)["conformance"] = lambda: (*ledger.unexplained, *ledger.summary) if ledger.tallies else ()


@pytest.fixture(scope="session")
def ledger(pytestconfig: pytest.Config) -> Ledger:
    """Where comparisons are entered."""
    return pytestconfig.stash[_LEDGER]


@pytest.fixture(scope="session")
def installation(pytestconfig: pytest.Config) -> TritonInstallation:
    """The real server's files; everything is skipped where they cannot be had."""
    try:
        return install(say=pytestconfig.get_terminal_writer().line)
    except InstallationError as error:
        pytest.skip(f"the real Triton cannot be installed here: {' '.join(str(error).split())}")
