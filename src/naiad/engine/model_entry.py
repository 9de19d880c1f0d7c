"""What the engine knows about one model name: where each of its versions stands, and what they were loaded from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from naiad.engine.model import Model
from naiad.errors import NaiadError
from naiad.repository.local import Fingerprint, ModelFolder


class ModelState(StrEnum):
    """States of a model version, as the repository index names them (triton.md §1.7)."""

    LOADING = "LOADING"
    READY = "READY"
    UNLOADING = "UNLOADING"
    UNAVAILABLE = "UNAVAILABLE"


UNLOADED = "unloaded"
"""The reason of a version that was unloaded on request; it does not make the server unready."""


@dataclass(slots=True)
class VersionStatus:
    """Where one version of a model stands.

    Attributes:
        state: its state.
        reason: why it is not ready, when it is not.
        model: what serves it, when it is ready.
        error: what kept it from loading.
    """

    state: ModelState
    reason: str = ""
    model: Model | None = None
    error: NaiadError | None = None

    @property
    def is_settled(self) -> bool:
        """Ready, or not wanted: nothing that keeps the server from being ready."""
        return self.state is ModelState.READY or self.reason == UNLOADED


@dataclass(frozen=True, slots=True)
class Source:
    """What a model's versions were, or will be, loaded from.

    Attributes:
        folder: the model's folder.
        config: its `ModelConfig` with the backend filled in, as `loader.read_config` gives it.
        versions: those that its version policy wants, ascending.
        fingerprint: of the files, to tell later whether they changed.
    """

    folder: ModelFolder
    config: Any
    versions: tuple[int, ...]
    fingerprint: Fingerprint


@dataclass(slots=True)
class ModelEntry:
    """One model name.

    Attributes:
        versions: status by version number.
        latest: the highest ready version, which a request without version means.
        source: what the ready versions were loaded from.
        error: why the model has no versions, when it has none.
        seen: the fingerprint that polling saw last, whether it loaded or not.
    """

    versions: dict[int, VersionStatus] = field(default_factory=dict)
    latest: Model | None = None
    source: Source | None = None
    error: NaiadError | None = None
    seen: Fingerprint | None = None

    def ready(self) -> Iterator[tuple[int, Model]]:
        """The versions that serve, ascending."""
        for number, status in sorted(self.versions.items()):
            if status.model is not None:
                yield number, status.model

    @property
    def is_settled(self) -> bool:
        """Whether every version is ready or was unloaded, and there is one at least (--strict-readiness)."""
        return bool(self.versions) and all(status.is_settled for status in self.versions.values())

    @property
    def cause(self) -> NaiadError | None:
        """The first reason for which something of the model is not served."""
        return self.error or next((status.error for status in self.versions.values() if status.error), None)
