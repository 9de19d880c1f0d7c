"""What folders of tests have to say at the end of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import pytest

Summary = Callable[[], Iterable[str]]
"""The lines that are shown at the end; none when there is nothing to say."""

_SUMMARIES: Final = pytest.StashKey[dict[str, Summary]]()


def summaries(config: pytest.Config) -> dict[str, Summary]:
    """What there is to say, by title; folders add to it when they are configured."""
    return config.stash.setdefault(_SUMMARIES, {})
