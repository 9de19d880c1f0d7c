"""One row of the table of known differences, and how much it weighs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from fnmatch import translate
from functools import cache

from tests.conformance.triton.comparison import Difference


class Kind(Enum):
    """Whose difference it is."""

    ADDITION = "naiad says all that the real server says, and more"
    ORACLE = "the real server as it is installed here: its age, its Python-based ONNX backend, its hash tables"
    CHOICE = "naiad does otherwise on purpose"


@dataclass(frozen=True, slots=True)
class KnownDifference:
    """One row of the table. Patterns are the shell's: `*`, `?`, `[ab]`.

    Attributes:
        kind: whose difference it is.
        reason: why.
        cases: pattern of the names of the cases that it concerns.
        part: pattern of what differs.
        triton, naiad: patterns of what each says there.
    """

    kind: Kind
    reason: str
    cases: str = "*"
    part: str = "*"
    triton: str = "*"
    naiad: str = "*"

    def explains(self, case: str, difference: Difference) -> bool:
        """Whether a difference is this one."""
        return (
            _matches(self.cases, case)
            and _matches(self.part, difference.part)
            and _matches(self.triton, difference.triton)
            and _matches(self.naiad, difference.naiad)
        )


def _matches(pattern: str, value: object) -> bool:
    return pattern == "*" or _compiled(pattern).match(str(value)) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # fnmatch remembers fewer patterns than the table has.
    return re.compile(translate(pattern))


def rows(
    kind: Kind, reason: str, *cases: str, part: str = "*", triton: str = "*", naiad: str = "*"
) -> Iterator[KnownDifference]:
    """One row for each pattern of cases, all for the same reason."""
    for pattern in cases:
        yield KnownDifference(kind, reason, pattern, part, triton, naiad)
