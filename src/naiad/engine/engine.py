"""The engine: which models there are, in what state, and which one a request means. No sockets.

Everything here runs on the event loop; the slow half of a load runs in a pool of threads. A model that is loaded again
keeps serving from its old versions until the new ones are ready, and a version that goes away finishes what it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

from naiad.config import pbtxt
from naiad.config.versions import versions_to_serve
from naiad.engine.load_pool import LoadPool
from naiad.engine.loader import LoadSettings, assemble, open_patiently, read_config, resize_instances
from naiad.engine.model import Model
from naiad.engine.model_entry import UNLOADED, ModelEntry, ModelState, Source, VersionStatus
from naiad.errors import InternalError, InvalidArgumentError, NaiadError, NotFoundError, UnavailableError
from naiad.repository.base import Repository, StoredModel
from naiad.repository.local import Fingerprint
from naiad.repository.override import OverrideFolder

logger = logging.getLogger(__name__)


class Engine:
    """Loads models from repositories and finds them for requests.

    Args:
        repositories: searched in order; a name in two of them is served from neither (triton.md §4.8).
        settings: how models are loaded.
        load_threads: loads that run at a time.
        loaded: told of every model version before requests find it.
    """

    def __init__(
        self,
        repositories: Sequence[Repository],
        *,
        settings: LoadSettings,
        load_threads: int = 4,
        loaded: Callable[[Model], None] = lambda model: None,
    ) -> None:
        self._repositories = repositories
        self._settings = settings
        self._loaded = loaded
        self._pool = LoadPool(load_threads)
        self._entries: dict[str, ModelEntry] = {}
        self._ready: dict[tuple[str, str], Model] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._overrides: dict[str, OverrideFolder] = {}
        self._closing: dict[asyncio.Task[None], Model] = {}

    # Which model a request means.

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
        if entry is None or not (entry.versions or entry.seen):
            raise NotFoundError(f"{prefix} is not found")
        if not version:
            raise NotFoundError(f"{prefix} has no available versions")
        number = int(version)
        if (canonical := str(number)) != version and (name, canonical) in self._ready:
            return self._ready[name, canonical]
        if number not in entry.versions:
            raise NotFoundError(f"{prefix} version {number} is not found")
        raise UnavailableError(f"{prefix} version {number} is not at ready state")

    def knows(self, name: str) -> bool:
        """Whether a model of this name was ever asked for, ready or not."""
        return name in self._entries

    def ready_versions(self, name: str) -> list[str]:
        """The versions of a model that are ready, ascending."""
        return [model.version for _, model in (self._entries.get(name) or ModelEntry()).ready()]

    def ready_models(self) -> Iterator[Model]:
        """Every ready model version, by name and version."""
        for _, entry in sorted(self._entries.items()):
            for _, model in entry.ready():
                yield model

    async def index(self) -> list[tuple[str, str, VersionStatus | None]]:
        """Name, version and status of everything in the repositories. The version is "" for a model that has none, and
        the status None for one that was never asked for."""
        known = await self._pool.run(self._names)
        rows: list[tuple[str, str, VersionStatus | None]] = []
        for name in sorted(known | self._entries.keys()):
            entry = self._entries.get(name)
            if entry is None or (not entry.versions and entry.error is None):
                rows.append((name, "", None))
            elif not entry.versions:
                reason = entry.error.message if entry.error else ""
                rows.append((name, "", VersionStatus(ModelState.UNAVAILABLE, reason)))
            else:
                rows += [(name, str(number), status) for number, status in sorted(entry.versions.items())]
        return rows

    def _names(self) -> set[str]:
        return {folder.name for repository in self._repositories for folder in repository.models()}

    @property
    def is_ready(self) -> bool:
        """Whether every model and version that should be served is ready (--strict-readiness; triton.md §1.3)."""
        return all(entry.is_settled for entry in self._entries.values())

    # Loading.

    async def start(self, names: Sequence[str] | None = None) -> dict[str, NaiadError]:
        """Load models for the first time.

        Args:
            names: which; None for all.

        Returns:
            The models that have no version to serve, and why.
        """
        if names is None:
            names = sorted(await self._pool.run(self._names))
        await asyncio.gather(*(self._load_and_log(name) for name in names))
        missing = NotFoundError("no such folder in the model repositories")
        entries = ((name, self._entries.get(name) or ModelEntry(error=missing)) for name in names)
        return {name: cause for name, entry in entries if entry.latest is None and (cause := entry.cause)}

    async def _load_and_log(self, name: str) -> None:
        try:
            await self.load(name)
        except NaiadError as error:
            logger.error("%s", error.hint or error.message)

    async def load(self, name: str, *, config: str | None = None, files: Mapping[str, bytes] | None = None) -> None:
        """Load a model, or load it again; what serves goes on serving until the new versions are ready.

        Args:
            name: of the model.
            config: a `ModelConfig` in JSON that replaces the folder's.
            files: contents by path inside the model's folder, which then consists of them alone.

        Raises:
            InternalError: the folder or its configuration cannot be used; the cause is the hint.
            InvalidArgumentError: a version did not load, in Triton's words (triton.md §1.7).
        """
        if not name:
            raise InvalidArgumentError("Model name cannot be empty. Please enter a valid name to deploy.")
        if name in (".", "..") or "/" in name or "\\" in name:
            raise InvalidArgumentError(
                f"invalid model name '{name}', model name must not contain path traversal characters"
            )
        async with self._exclusively(name):
            override = await self._pool.run(_written, name, config, files) if files else None
            try:
                await self._load(name, config, override)
            except BaseException:
                if override is not None:
                    override.remove()
                raise
            previous = self._overrides.pop(name, None)
            if override is not None:
                self._overrides[name] = override
            if previous is not None:
                previous.remove()

    @contextlib.asynccontextmanager
    async def _exclusively(self, name: str) -> AsyncIterator[None]:
        """One load or unload of a model at a time."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked() and name not in self._entries:
                self._locks.pop(name, None)

    async def _load(self, name: str, config: str | None, override: OverrideFolder | None) -> None:
        entry = self._entries.setdefault(name, ModelEntry())
        try:
            source = await self._pool.run(self._read_source, name, config, override)
        except NaiadError as error:
            entry.error = error
            if isinstance(error, NotFoundError) and not entry.versions:
                del self._entries[name]  # a name that a request made up leaves nothing behind
            raise _not_polled(name, error) from error
        entry.error = None
        entry.seen = source.fingerprint
        if not source.versions:
            entry.error = cause = _no_version(name, source)
            raise InvalidArgumentError(f"load failed for model '{name}': {cause.message}\n", hint=cause.hint)
        failures = await self._open_versions(entry, source)
        if failures:
            listed = "".join(f"version {number} is at UNAVAILABLE state: {reason};\n" for number, reason in failures)
            raise InvalidArgumentError(f"load failed for model '{name}': {listed}")

    def _read_source(self, name: str, config: str | None, override: OverrideFolder | None) -> Source:
        """What to load, as the files say now. Slow."""
        found: list[StoredModel] = [
            stored for repository in self._repositories if (stored := repository.model(name)) is not None
        ]
        if override is not None:
            found = [override.folder]
        if not found:
            raise NotFoundError(f"no folder '{name}' in the model repositories")
        if len(found) > 1:
            raise InvalidArgumentError("model appears in two or more repositories")
        folder = found[0].fetch()
        try:
            given = None if config is None else pbtxt.parse_json(config, source="Invalid config override")
            parsed = read_config(folder, self._settings, given)
            versions = versions_to_serve(parsed, folder.versions())
            return Source(folder, parsed, tuple(versions), folder.fingerprint())
        except OSError as error:
            raise InternalError(f"unable to read '{folder.path}': {error.strerror}") from error

    async def _open_versions(self, entry: ModelEntry, source: Source) -> list[tuple[int, str]]:
        """Bring the entry's versions to what the source wants; returns what failed and why."""
        before = entry.source
        same = before is not None and _same_but_instances(before, source)
        kept = {
            number
            for number, model in entry.ready()
            if same
            and before is not None
            and before.fingerprint.versions.get(number) == source.fingerprint.versions.get(number)
        }
        for number in kept & set(source.versions):
            model = entry.versions[number].model
            if model is not None:
                resize_instances(model, source.config)
        wanted = [number for number in source.versions if number not in kept]
        results = await asyncio.gather(*(self._open_version(entry, source, number) for number in wanted))
        failures = [(number, reason) for number, reason in zip(wanted, results, strict=True) if reason]
        if not failures:  # else the versions that no policy wants any more are all that there is
            entry.source = source
            for number, status in tuple(entry.versions.items()):
                if number not in source.versions and status.model is not None:
                    self._retire(status)
        self._publish(source.folder.name, entry)
        return failures

    async def _open_version(self, entry: ModelEntry, source: Source, number: int) -> str:
        """Load one version; returns why it failed, or nothing."""
        name = source.folder.name
        status = entry.versions.get(number)
        if status is None or status.model is None:
            status = entry.versions[number] = VersionStatus(ModelState.LOADING)
        logger.info("loading: %s:%d", name, number)
        try:
            opened = await self._pool.run(open_patiently, source.folder, number, source.config, self._settings)
            model = assemble(opened, asyncio.get_running_loop())
        except Exception as error:  # one bad model must not take the others along
            cause = error if isinstance(error, NaiadError) else InternalError(f"{type(error).__name__}: {error}")
            reason = f"{cause.code_name}: {cause.message}"
            status.error = cause
            if status.model is None:
                status.state, status.reason = ModelState.UNAVAILABLE, reason
            logger.error("failed to load '%s' version %d: %s", name, number, reason)
            return reason
        self._loaded(model)
        replaced = status.model
        entry.versions[number] = VersionStatus(ModelState.READY, model=model)
        self._publish(name, entry)  # before the old one closes: nobody may find it any more
        if replaced is not None:
            self._close(replaced)
        logger.info("successfully loaded '%s' version %d in %.3f s", name, number, opened.load_seconds)
        return ""

    # Unloading.

    async def unload(self, name: str) -> None:
        """Stop serving a model. What it has accepted is answered; a name that is not served is no error."""
        async with self._exclusively(name):
            entry = self._entries.get(name)
            if entry is None:
                return
            for status in entry.versions.values():
                if status.model is not None:
                    self._retire(status)
            entry.source = entry.seen = None
            self._publish(name, entry)
            logger.info("unloading: %s", name)
            if (override := self._overrides.pop(name, None)) is not None:
                override.remove()

    def _publish(self, name: str, entry: ModelEntry) -> None:
        """Make look-ups find what the entry holds now."""
        for key in [key for key in self._ready if key[0] == name]:
            del self._ready[key]
        entry.latest = None
        for number, model in entry.ready():
            self._ready[name, str(number)] = entry.latest = model
        if entry.latest is not None:
            self._ready[name, ""] = entry.latest

    def _retire(self, status: VersionStatus) -> None:
        model, status.model = status.model, None
        status.state, status.reason = ModelState.UNLOADING, UNLOADED
        if model is not None:
            self._close(model, status)

    def _close(self, model: Model, status: VersionStatus | None = None) -> None:
        """Let a model that nobody can find any more finish its work, and free it."""

        async def close() -> None:
            await model.stop()
            if status is not None:
                status.state = ModelState.UNAVAILABLE
            await model.free()
            logger.info("successfully unloaded '%s' version %s", model.name, model.version)

        task = asyncio.get_running_loop().create_task(close())
        self._closing[task] = model
        task.add_done_callback(self._closing.pop)

    # Polling.

    async def poll(self) -> None:
        """Look at the repositories once: load what is new or changed, unload what is gone (triton.md §4.8).

        What failed to load is tried again when its files change, what could not be fetched the next time.
        """
        try:
            found = await self._pool.run(self._fingerprints)
        except (OSError, NaiadError) as error:
            logger.warning("unable to poll the model repositories: %s", error)
            return
        for name in [name for name, entry in self._entries.items() if name not in found and entry.latest is not None]:
            await self.unload(name)
        changed = []
        for name, fingerprint in found.items():
            entry = self._entries.get(name)
            if entry is None or entry.seen != fingerprint:
                changed.append(name)
        await asyncio.gather(*(self._load_and_log(name) for name in changed))
        for name in changed:
            entry = self._entries.get(name)
            if entry is not None and not isinstance(entry.error, UnavailableError):
                entry.seen = found[name]

    def _fingerprints(self) -> dict[str, Fingerprint]:
        return {
            folder.name: folder.fingerprint() for repository in self._repositories for folder in repository.models()
        }

    # The end.

    async def close(self) -> None:
        """Finish loads and every model's work, and free it."""
        for lock in tuple(self._locks.values()):
            async with lock:
                pass  # a load that was under way is over
        await self._pool.close()
        for entry in self._entries.values():
            for status in entry.versions.values():
                if status.model is not None:
                    self._retire(status)
        self._ready.clear()
        await asyncio.gather(*self._closing)
        for override in self._overrides.values():
            override.remove()

    def abandon(self) -> None:
        """Refuse what still queues: the time to drain is over."""
        for model in (*self.ready_models(), *self._closing.values()):
            model.scheduler.abandon()


def _written(name: str, config: str | None, files: Mapping[str, bytes]) -> OverrideFolder:
    """A request's files, written. Slow."""
    try:
        if config is None:
            raise InvalidArgumentError("Load parameter 'config' must be specified for model file override")
        return OverrideFolder(name, files)
    except NaiadError as error:
        raise _not_polled(name, error) from error


def _not_polled(name: str, cause: NaiadError) -> InternalError:
    """Triton's answer when a model cannot even be looked at: its log has the cause, ours has the hint."""
    return InternalError(
        f"failed to load '{name}', failed to poll from model repository",
        hint=f"failed to load '{name}': {cause.message}",
    )


def _no_version(name: str, source: Source) -> InvalidArgumentError:
    """Why a source has nothing to load."""
    there = ", ".join(map(str, sorted(source.fingerprint.versions)))
    what = f"the version policy wants none of its versions {there}" if there else f"it has no version folder {name}/1"
    return InvalidArgumentError(
        f"at least one version must be available under the version policy of model '{name}'",
        hint=f"failed to load '{name}': {what}",
    )


def _same_but_instances(before: Source, after: Source) -> bool:
    """Whether two sources differ in nothing that a loaded version depends on but its instances (triton.md §3.6)."""
    if before.fingerprint.shared != after.fingerprint.shared or before.folder != after.folder:
        return False
    one, other = type(before.config)(), type(after.config)()
    for copy, source in ((one, before), (other, after)):
        copy.CopyFrom(source.config)
        copy.ClearField("instance_group")
        copy.ClearField("version_policy")
    return bool(one == other)
