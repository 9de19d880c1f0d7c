"""What the comparisons found: how many agree, which known differences were met, what nobody has explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.conformance.triton.comparison import Difference
from tests.conformance.triton.known_difference import Kind, KnownDifference
from tests.conformance.triton.known_differences import KNOWN_DIFFERENCES
from tests.conformance.triton.known_grpc_differences import KNOWN_GRPC_DIFFERENCES

_MILDEST_FIRST: Final = (Kind.ADDITION, Kind.ORACLE, Kind.CHOICE)


@dataclass(slots=True)
class Tally:
    """Pairs of answers over one protocol.

    Attributes:
        compared: all.
        exact: those without any difference.
        added: those that differ by nothing but documented additions; the exact ones among them.
        agreeing: those that differ by nothing but that and what is the installation's; the former among them.
    """

    compared: int = 0
    exact: int = 0
    added: int = 0
    agreeing: int = 0

    def count(self, kinds: set[Kind | None]) -> None:
        """Enter a pair whose differences are of these kinds; None is the kind of what nobody has explained."""
        self.compared += 1
        self.exact += not kinds
        self.added += kinds <= {Kind.ADDITION}
        self.agreeing += kinds <= {Kind.ADDITION, Kind.ORACLE}

    def __str__(self) -> str:
        def share(part: int) -> str:
            return f"{100 * part / max(1, self.compared):.1f} %"

        return (
            f"{self.compared} pairs of answers, {share(self.exact)} the same to the byte, {share(self.added)} after "
            f"documented additions, {share(self.agreeing)} after what only this installation of the real server does"
        )


@dataclass(slots=True)
class Ledger:
    """The results of one run.

    Attributes:
        table: the known differences.
        tallies: by protocol.
        met: how many pairs each row of the table explained something of; of several rows, the mildest.
        unexplained: differences that no row explains, by case.
        cases: names of the cases that ran.
    """

    table: Sequence[KnownDifference] = (*KNOWN_DIFFERENCES, *KNOWN_GRPC_DIFFERENCES)
    tallies: dict[str, Tally] = field(default_factory=dict)
    met: Counter[KnownDifference] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)
    cases: set[str] = field(default_factory=set)

    def record(self, case: str, differences: Iterable[Difference], *, protocol: str = "HTTP") -> list[str]:
        """Enter one pair of answers.

        Args:
            case: the name of the case that it belongs to.
            differences: between the answers.
            protocol: that they came over.

        Returns:
            The differences that no row explains, in words.
        """
        self.cases.add(case)
        unexplained, met = list[str](), set[KnownDifference]()
        for difference in differences:
            rows = [row for row in self.table if row.explains(case, difference)]
            if rows:
                met.add(min(rows, key=lambda row: _MILDEST_FIRST.index(row.kind)))
            else:
                unexplained.append(f"{case}: {difference}")
        kinds: set[Kind | None] = {row.kind for row in met}
        self.tallies.setdefault(protocol, Tally()).count(kinds | {None} if unexplained else kinds)
        self.met.update(met)
        self.unexplained += unexplained
        return unexplained

    @property
    def summary(self) -> Iterator[str]:
        """The result in a few lines."""
        for protocol, tally in self.tallies.items():
            yield f"conformance over {protocol}: {tally}"
        reasons = {kind: Counter[str]() for kind in Kind}
        for row, count in self.met.items():
            reasons[row.kind][row.reason] += count
        yield "documented additions, and in how many pairs:"
        yield from (f"  {count:5} {reason}" for reason, count in reasons[Kind.ADDITION].most_common())
        choices, oracle = len(reasons[Kind.CHOICE]), len(reasons[Kind.ORACLE])
        yield f"{choices} choices and {oracle} peculiarities of the oracle: docs/reference/triton-differences.md"
