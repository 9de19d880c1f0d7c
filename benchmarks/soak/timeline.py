"""What a model was, and from when: which answers may come to a request that was sent at some time."""

from __future__ import annotations

import threading


class Timeline:
    """The states of one model, in order. A state is the factor that the model multiplies by, or None: not loaded.

    Between `begin` and `settle` both the old state and the new one may answer.

    Args:
        state: the first.
    """

    def __init__(self, state: int | None) -> None:
        self._states = [state]
        self._settled = 0
        self._lock = threading.Lock()

    def begin(self, state: int | None) -> None:
        """The server is about to be told."""
        with self._lock:
            self._states.append(state)

    def settle(self) -> None:
        """The server has said that it is so."""
        with self._lock:
            self._settled = len(self._states) - 1

    def take_back(self) -> None:
        """The server has said that it will not be so."""
        with self._lock:
            self._states.pop()

    @property
    def state(self) -> int | None:
        """The last state that is settled."""
        with self._lock:
            return self._states[self._settled]

    def mark(self) -> int:
        """The time now, before a request is sent."""
        with self._lock:
            return self._settled

    def possible(self, mark: int) -> set[int | None]:
        """The states that may answer a request that was sent at `mark` and is answered now."""
        with self._lock:
            return set(self._states[mark:])
