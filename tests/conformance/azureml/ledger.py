"""What the comparisons found: how many answers agree, which known differences were met, what nobody has explained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the hosts say differently.

    Attributes:
        part: what, such as `status`, `header/content-type` or `body`.
        azureml, naiad: what each says.
    """

    part: str
    azureml: object
    naiad: object

    def __str__(self) -> str:
        return f"{self.part}: azureml {self.azureml!r:.300}, naiad {self.naiad!r:.300}"


@dataclass(frozen=True, slots=True)
class KnownDifference:
    """One row of the table. Patterns are the shell's: `*`, `?`, `[ab]`.

    Attributes:
        cases: pattern of the names of the cases that it concerns.
        part: pattern of what differs.
        reason: why.
        azureml, naiad: patterns of what each says there.
    """

    cases: str
    part: str
    reason: str
    azureml: str = "*"
    naiad: str = "*"

    def explains(self, case: str, difference: Difference) -> bool:
        """Whether a difference is this one."""
        return (
            fnmatchcase(case, self.cases)
            and fnmatchcase(difference.part, self.part)
            and fnmatchcase(str(difference.azureml), self.azureml)
            and fnmatchcase(str(difference.naiad), self.naiad)
        )


@dataclass(slots=True)
class Ledger:
    """The results of one run.

    Attributes:
        table: the known differences.
        cases: names of the cases that were compared.
        agreeing: how many of them are the same in everything.
        met: rows of the table that explained something.
        unexplained: differences that no row explains.
    """

    table: Sequence[KnownDifference]
    cases: set[str] = field(default_factory=set)
    agreeing: int = 0
    met: set[KnownDifference] = field(default_factory=set)
    unexplained: list[str] = field(default_factory=list)

    def record(self, case: str, differences: Iterable[Difference]) -> list[str]:
        """Enter a case.

        Args:
            case: its name.
            differences: between what the hosts did.

        Returns:
            The differences that no row explains, in words.
        """
        assert case not in self.cases, f"two cases have the name {case}"
        self.cases.add(case)
        agrees, unexplained = True, []
        for difference in differences:
            agrees = False
            rows = [row for row in self.table if row.explains(case, difference)]
            self.met.update(rows)
            if not rows:
                unexplained.append(f"{case}: {difference}")
        self.agreeing += agrees
        self.unexplained += unexplained
        return unexplained

    @property
    def summary(self) -> str:
        """The result in one line."""
        return f"entry scripts: {self.agreeing} of {len(self.cases)} agree, {len(self.met)} known differences"
