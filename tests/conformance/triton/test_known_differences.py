"""The table of known differences is true: nothing in it has become the same."""

from __future__ import annotations

import pytest

from tests.conformance.triton import test_control, test_folders, test_restricted, test_serving, test_traces
from tests.conformance.triton.ledger import Ledger

_CASES = (*test_serving.CASES, *test_control.CASES, *test_restricted.CASES, *test_traces.CASES)


def _all_cases() -> set[str]:
    names = {case.name for case in _CASES}
    names |= {f"folder/{folder.name}" for folder in test_folders.FOLDERS}
    return names | {f"strict folder/{folder.name}" for folder in test_folders.STRICT_FOLDERS}


def test_names_are_unique() -> None:
    """A row of the table means what it says only when a name is one case."""
    assert len(_all_cases()) == len(_CASES) + len(test_folders.FOLDERS) + len(test_folders.STRICT_FOLDERS)


@pytest.mark.last
def test_every_row_still_explains_something(ledger: Ledger) -> None:
    """A row that no difference needs any more has to go."""
    if ledger.cases != _all_cases():
        pytest.skip("not every case ran")
    stale = [f"{row.cases}: {row.part}: {row.reason}" for row in ledger.table if not ledger.met[row]]
    assert not stale
