"""What the comparisons found: how many agree, which known differences were met, what nobody has explained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.conformance.triton.comparison import Difference
from tests.conformance.triton.known_differences import KNOWN_DIFFERENCES, KnownDifference


@dataclass(slots=True)
class Ledger:
    """The results of one run.

    Attributes:
        table: the known differences.
        compared: pairs of answers.
        agreeing: those that say the same, or differ in what is harmless.
        met: rows of the table that explained something.
        unexplained: differences that no row explains, by case.
        cases: names of the cases that ran.
    """

    table: Sequence[KnownDifference] = KNOWN_DIFFERENCES
    compared: int = 0
    agreeing: int = 0
    met: set[KnownDifference] = field(default_factory=set)
    unexplained: list[str] = field(default_factory=list)
    cases: set[str] = field(default_factory=set)

    def record(self, case: str, differences: Iterable[Difference]) -> list[str]:
        """Enter one pair of answers.

        Args:
            case: the name of the case that it belongs to.
            differences: between the answers.

        Returns:
            The differences that no row explains, in words.
        """
        self.cases.add(case)
        self.compared += 1
        unexplained, agrees = [], True
        for difference in differences:
            rows = [row for row in self.table if row.explains(case, difference)]
            self.met.update(rows)
            agrees = agrees and any(row.harmless for row in rows)
            if not rows:
                unexplained.append(f"{case}: {difference}")
        self.agreeing += agrees
        self.unexplained += unexplained
        return unexplained

    @property
    def summary(self) -> str:
        """The result in one line."""
        share = 100 * self.agreeing / max(1, self.compared)
        known = len(self.met)
        return f"conformance: {self.agreeing} of {self.compared} agree ({share:.1f} %), {known} known differences"
