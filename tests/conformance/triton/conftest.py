"""The real server's installation, the ledger of the run, and its summary."""

from __future__ import annotations

from typing import Final

import pytest

from benchmarks.environment import InstallationError, TritonInstallation, install
from tests.conformance.triton.ledger import Ledger

_LEDGER: Final = pytest.StashKey[Ledger]()


def pytest_configure(config: pytest.Config) -> None:
    """One ledger a run."""
    config.addinivalue_line("markers", "last: looks at the results of all other tests")
    config.stash[_LEDGER] = Ledger()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at all results runs after all others."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many answers agree, and list what nobody has explained."""
    ledger = config.stash[_LEDGER]
    if not ledger.tallies:
        return
    terminalreporter.section("conformance")
    for line in (*ledger.unexplained, *ledger.summary):
        terminalreporter.write_line(line)


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
