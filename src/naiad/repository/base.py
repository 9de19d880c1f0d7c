"""What the engine asks of a model repository, wherever it lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from naiad.repository.local import Fingerprint, ModelFolder


class StoredModel(Protocol):
    """A model as its repository has it."""

    @property
    def name(self) -> str:
        """Of the model."""

    def fingerprint(self) -> Fingerprint:
        """What its files look like, without reading them."""

    def fetch(self) -> ModelFolder:
        """Its files on this machine, as they are now. The folder stays where it is until the repository is closed, and
        is changed only by the next fetch of the same model.

        Raises:
            NaiadError: they cannot be had.
        """


class Repository(Protocol):
    """Models by name. Every method may be slow, and may be called from any thread."""

    def models(self) -> Sequence[StoredModel]:
        """Every model, by name.

        Raises:
            NaiadError: the repository cannot be read.
        """

    def model(self, name: str) -> StoredModel | None:
        """One model; None when there is none of this name, whatever the name is.

        Raises:
            NaiadError: the repository cannot be read.
        """

    def close(self) -> None:
        """Let go of what is held; fetched folders need not be there any more."""
