"""The engine: which models there are, in what state, and which one a request means. No sockets.

Everything here runs on the event loop; the slow half of a load runs in a pool of threads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum

from naiad.config import versions
from naiad.engine.loader import LoadSettings, assemble, open_version, read_config
from naiad.engine.model import Model
from naiad.errors import InternalError, InvalidArgumentError, NaiadError, NotFoundError, UnavailableError
from naiad.repository.local import LocalRepository, ModelFolder

logger = logging.getLogger(__name__)


class ModelState(StrEnum):
    """States of a model version, as the repository index names them (triton.md §1.7)."""

    LOADING = "LOADING"
    READY = "READY"
    UNLOADING = "UNLOADING"
    UNAVAILABLE = "UNAVAILABLE"


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


@dataclass(slots=True)
class ModelEntry:
    """All that is known about one model name: its versions, and why it has none when it has none."""

    versions: dict[int, VersionStatus] = field(default_factory=dict)
    error: NaiadError | None = None
    latest: Model | None = None


class Engine:
    """Loads models from repositories and finds them for requests.

    Args:
        repositories: searched in order; a name in two of them is served from neither (triton.md §4.8).
        settings: how models are loaded.
        load_threads: loads that run at a time.
    """

    def __init__(
        self, repositories: Sequence[LocalRepository], *, settings: LoadSettings, load_threads: int = 4
    ) -> None:
        self._repositories = repositories
        self._settings = settings
        self._pool = ThreadPoolExecutor(load_threads, thread_name_prefix="model-load")
        self._entries: dict[str, ModelEntry] = {}
        self._ready: dict[tuple[str, str], Model] = {}

    async def load_all(self) -> dict[str, NaiadError]:
        """Load every model of the repositories.

        Returns:
            The models that have no version to serve, and why.
        """
        folders: dict[str, list[ModelFolder]] = {}
        for repository in self._repositories:
            for folder in repository.models():
                folders.setdefault(folder.name, []).append(folder)
        await asyncio.gather(*(self._load(name, found) for name, found in folders.items()))
        return {
            name: error for name, entry in self._entries.items() if entry.latest is None and (error := _cause(entry))
        }

    async def _load(self, name: str, folders: Sequence[ModelFolder]) -> None:
        entry = self._entries[name] = ModelEntry()
        if len(folders) > 1:
            entry.error = InvalidArgumentError("model appears in two or more repositories")
            return
        loop = asyncio.get_running_loop()
        folder = folders[0]
        try:
            config = await loop.run_in_executor(self._pool, read_config, folder, self._settings)
            wanted = versions.versions_to_serve(config, folder.versions())
            if not wanted:
                raise InvalidArgumentError(
                    f"at least one version must be available under the version policy of model '{name}'"
                )
        except NaiadError as error:
            entry.error = error
            logger.error("failed to load '%s': %s", name, error.message)
            return
        entry.versions = {version: VersionStatus(ModelState.LOADING) for version in wanted}
        await asyncio.gather(*(self._load_version(entry, folder, version, config) for version in wanted))
        ready = [status.model for status in entry.versions.values() if status.model is not None]
        entry.latest = max(ready, key=lambda model: int(model.version), default=None)
        if entry.latest is not None:
            self._ready[name, ""] = entry.latest

    async def _load_version(self, entry: ModelEntry, folder: ModelFolder, version: int, config: object) -> None:
        loop = asyncio.get_running_loop()
        status = entry.versions[version]
        logger.info("loading: %s:%d", folder.name, version)
        try:
            opened = await loop.run_in_executor(self._pool, open_version, folder, version, config, self._settings)
            status.model = assemble(opened, loop)
        except Exception as error:  # one bad model must not take the others along
            status.state = ModelState.UNAVAILABLE
            status.error = error if isinstance(error, NaiadError) else InternalError(f"{type(error).__name__}: {error}")
            status.reason = f"{status.error.code_name}: {status.error.message}"
            logger.error("failed to load '%s' version %d: %s", folder.name, version, status.reason)
            return
        status.state = ModelState.READY
        self._ready[folder.name, str(version)] = status.model
        logger.info("successfully loaded '%s' version %d in %.3f s", folder.name, version, opened.load_seconds)

    def model(self, name: str, version: str = "") -> Model:
        """The model version that a request means; the highest ready one when it names none (triton.md §1.3).

        Raises:
            NotFoundError: there is no such model or version, or none of its versions is loaded.
            UnavailableError: the version is there and not ready.
        """
        found = self._ready.get((name, version))
        return found if found is not None else self._explain(name, version)

    def _explain(self, name: str, version: str) -> Model:
        prefix = f"Request for unknown model: '{name}'"
        entry = self._entries.get(name)
        if entry is None:
            raise NotFoundError(f"{prefix} is not found")
        if not version:
            raise NotFoundError(f"{prefix} has no available versions")
        number = int(version)
        if (canonical := str(number)) != version and (name, canonical) in self._ready:
            return self._ready[name, canonical]
        status = entry.versions.get(number)
        if status is None:
            raise NotFoundError(f"{prefix} version {number} is not found")
        raise UnavailableError(f"{prefix} version {number} is not at ready state")

    def ready_versions(self, name: str) -> list[str]:
        """The versions of a model that are ready, ascending."""
        entry = self._entries.get(name) or ModelEntry()
        return [str(number) for number, status in sorted(entry.versions.items()) if status.model is not None]

    def ready_models(self) -> Iterator[Model]:
        """Every ready model version, by name and version."""
        for _, entry in sorted(self._entries.items()):
            for _, status in sorted(entry.versions.items()):
                if status.model is not None:
                    yield status.model

    def index(self) -> Iterator[tuple[str, str, VersionStatus]]:
        """Name, version and status of everything in the repositories; the version is "" for a model that has none."""
        for name, entry in sorted(self._entries.items()):
            if not entry.versions:
                reason = entry.error.message if entry.error else ""
                yield name, "", VersionStatus(ModelState.UNAVAILABLE, reason)
            for number, status in sorted(entry.versions.items()):
                yield name, str(number), status

    @property
    def is_ready(self) -> bool:
        """Whether every model and version that should be served is ready (--strict-readiness; triton.md §1.3)."""
        return all(
            entry.versions and all(status.state is ModelState.READY for status in entry.versions.values())
            for entry in self._entries.values()
        )

    async def close(self) -> None:
        """Finish every model's work and free it."""
        await asyncio.gather(*(model.close() for model in self.ready_models()))
        self._pool.shutdown(wait=False)

    def abandon(self) -> None:
        """Refuse what still queues: the time to drain is over."""
        for model in self.ready_models():
            model.scheduler.abandon()


def _cause(entry: ModelEntry) -> NaiadError | None:
    return entry.error or next((status.error for status in entry.versions.values() if status.error), None)
