"""The tests as one run, in one process or spread over several: what stays together, and what is said at the end."""

from __future__ import annotations

from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support.summaries import summaries

# Tests that look at the results of all others in their folder; elsewhere a file's tests share what they start.
_TOGETHER: Final = ("tests/conformance/triton", "tests/conformance/azureml")
_PAGES: Final = "tests/docs/test_pages.py"  # share nothing, and take long
_OUTPUT: Final = "summaries"


def pytest_configure(config: pytest.Config) -> None:
    """Name our marker."""
    config.addinivalue_line("markers", "last: looks at the results of all other tests in its folder")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at all results runs after all others."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """What belongs together runs in one process; long ones come first, and the many short unit tests fill up."""
    config.option.loadscopereorder = False
    return _Scheduler(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process that runs part of the tests hands on what its folders have to say."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_OUTPUT] = {title: list(lines()) for title, lines in summaries(session.config).items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take in what a process hands on at its end."""
    for title, lines in getattr(node, "workeroutput", {}).get(_OUTPUT, {}).items():
        if lines:
            summaries(node.config)[title] = lines.copy


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say it."""
    for title, summary in summaries(config).items():
        lines = list(summary())
        if lines:
            terminalreporter.section(title)
        for line in lines:
            terminalreporter.write_line(line)


class _Scheduler(LoadScopeScheduling):  # type: ignore[misc]
    """Gives out files, and some folders, as a whole."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file == _PAGES:
            return nodeid
        return next((folder for folder in _TOGETHER if file.startswith(folder)), file)
