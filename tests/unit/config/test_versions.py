"""A version policy picks from what the repository holds."""

from __future__ import annotations

import pytest

from naiad.config import pbtxt
from naiad.config.versions import versions_to_serve


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", [10]),
        ("version_policy { latest { num_versions: 1 } }", [10]),
        ("version_policy { latest { num_versions: 2 } }", [3, 10]),
        ("version_policy { latest { num_versions: 9 } }", [1, 2, 3, 10]),
        ("version_policy { latest { } }", []),
        ("version_policy { all { } }", [1, 2, 3, 10]),
        ("version_policy { specific { versions: [10, 2, 7, 2] } }", [2, 10]),
        ("version_policy { specific { } }", []),
    ],
)
def test_policy(policy: str, expected: list[int]) -> None:
    config = pbtxt.parse(policy, source="config.pbtxt")
    assert versions_to_serve(config, iter([2, 10, 1, 3, 2])) == expected


def test_no_versions_no_service() -> None:
    assert versions_to_serve(pbtxt.parse("", source="config.pbtxt"), []) == []
