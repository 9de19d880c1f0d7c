"""What became of every request."""

from __future__ import annotations

import threading
from collections import Counter
from enum import StrEnum


class Outcome(StrEnum):
    """What can become of a request."""

    ANSWERED = "answered"
    """The right outputs came."""
    UNLOADED = "404 unloaded"
    """The model was not there, and the server said so."""
    REFUSED = "bad, refused"
    """It was a bad request, and the server said what was bad."""
    ABANDONED = "abandoned"
    """The client went away before the answer."""
    LOST = "lost"
    """No answer came."""
    WRONG = "wrong"
    """Another answer came."""


ANSWERS = (Outcome.ANSWERED, Outcome.UNLOADED, Outcome.REFUSED)


class Tally:
    """Counts, by outcome and by kind of client; may be told from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, Outcome]] = Counter()
        self._complaints: list[str] = []

    def count(self, kind: str, outcome: Outcome) -> None:
        """One more request of a kind of client."""
        with self._lock:
            self._counts[kind, outcome] += 1

    def complain(self, kind: str, outcome: Outcome, what: str) -> None:
        """As `count`, for what should not be; the first sentences are kept."""
        with self._lock:
            self._counts[kind, outcome] += 1
            if len(self._complaints) < 50:
                self._complaints.append(f"{kind}: {outcome}: {what}")

    @property
    def by_outcome(self) -> Counter[Outcome]:
        """How many requests came to what, so far."""
        with self._lock:
            totals: Counter[Outcome] = Counter()
            for (_, outcome), count in self._counts.items():
                totals[outcome] += count
            return totals

    @property
    def by_kind(self) -> dict[tuple[str, Outcome], int]:
        """The same by kind of client."""
        with self._lock:
            return dict(self._counts)

    @property
    def complaints(self) -> list[str]:
        """What was said about lost and wrong answers."""
        with self._lock:
            return list(self._complaints)
