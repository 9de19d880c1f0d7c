"""The sources of services: an entry script with its folder, stored once and never changed.

What a service runs is the stored copy, so that a later change in the user's folder does not change the service.
"""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from naiad.errors import NotFoundError
from naiad.workspace.artifact_rows import insert_artifact, pop_unused_blobs, read_artifact
from naiad.workspace.artifacts import ArtifactStore
from naiad.workspace.database import Database
from naiad.workspace.tables import ServiceRow, ServiceSourceRow, SourceRow
from naiad.workspace.tree import ModelLimits, scan

_UNUSED_FOR: Final = timedelta(days=1)
"""How long a source stays that no service has taken: longer than any deployment that stored it needs to take it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A stored script or folder.

    Attributes:
        digest: `sha256:` of names and contents.
        entry: basename of what was stored.
    """

    digest: str
    entry: str


class SourceRegistry:
    """The sources of a workspace.

    Args:
        database: where their rows are.
        store: where their files are.
        folder: where they are laid out for reading, `<folder>/<digest>/<entry>`.
        limits: how big one may be.
        excluded: a folder that is never part of a source: the workspace's own.
    """

    def __init__(
        self, database: Database, *, store: ArtifactStore, folder: Path, limits: ModelLimits, excluded: Path | None
    ) -> None:
        self._database = database
        self._store = store
        self._folder = folder
        self._limits = limits
        self._excluded = excluded

    def add(self, path: str | os.PathLike[str]) -> Source:
        """Store a script, or a folder with everything in it.

        A service must take it within a day (`assign`), or it is removed again.

        Raises:
            NotFoundError: when nothing is at the path.
            InvalidArgumentError: for a file that cannot be stored.
            ContentTooLargeError: when a limit is passed.
        """
        tree = scan(path, limits=self._limits, excluded=self._excluded)
        artifact = self._store.add(tree)
        with self._database.write() as session:
            # A deletion may just have removed a blob that `add` found and left alone.
            if not self._store.holds(artifact):
                artifact = self._store.add(tree)
            insert_artifact(session, artifact)
            row = session.get(SourceRow, artifact.digest)
            if row is None:
                row = SourceRow(digest=artifact.digest, entry=tree.entry)
                session.add(row)
            row.added_time = datetime.now(UTC)
        return Source(artifact.digest, tree.entry)

    def path(self, source: Source) -> Path:
        """The stored file or folder, laid out read-only under the workspace.

        Raises:
            NotFoundError: when it is not stored any more.
        """
        place = self._place(source.digest)
        if not place.is_dir():
            with self._database.read() as session:
                artifact = read_artifact(session, source.digest)
            if not artifact.entries:
                raise NotFoundError(f"the source {source.entry} ({source.digest}) is not stored in this workspace")
            temporary = place.with_name(f".{place.name}.{secrets.token_hex(8)}")
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._store.link(artifact, temporary)
                temporary.rename(place)
            except OSError:
                # Another process was first, and laid out the same files.
                if not place.is_dir():
                    raise
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        return place / source.entry

    def assign(self, source: Source | None, *, service: str) -> None:
        """Say that a recorded service uses a source from now on, or none, instead of the one that it used.

        Sources that no service uses any more, and that are older than a day, are removed.

        Raises:
            NotFoundError: when the service is not recorded, or the source is not stored.
        """
        with self._database.write() as session:
            if session.get(ServiceRow, service) is None:
                raise NotFoundError(f"service '{service}' does not exist")
            session.execute(delete(ServiceSourceRow).where(ServiceSourceRow.service_name == service))
            if source is not None:
                if session.get(SourceRow, source.digest) is None:
                    raise NotFoundError(f"the source {source.entry} ({source.digest}) is not stored in this workspace")
                session.add(ServiceSourceRow(service_name=service, digest=source.digest))
            session.flush()
            removed = _pop_unused(session)
        for digest in removed:
            self._drop_folder(digest)
        if removed:
            # In a transaction of its own: had a crash undone the deletion, the blobs would have to be there still.
            with self._database.write() as session:
                self._store.remove(pop_unused_blobs(session))

    def of(self, service: str) -> Source | None:
        """The source that a service uses; None when it uses none, or is not there."""
        with self._database.read() as session:
            row = session.scalar(
                select(SourceRow)
                .join(ServiceSourceRow, ServiceSourceRow.digest == SourceRow.digest)
                .where(ServiceSourceRow.service_name == service)
            )
            return None if row is None else Source(row.digest, row.entry)

    def _place(self, digest: str) -> Path:
        return self._folder / digest.removeprefix("sha256:")

    def _drop_folder(self, digest: str) -> None:
        gone = self._folder / f".gone.{secrets.token_hex(8)}"
        try:
            self._place(digest).rename(gone)
        except FileNotFoundError:
            return
        shutil.rmtree(gone, ignore_errors=True)


def _pop_unused(session: Session) -> list[str]:
    used = select(ServiceSourceRow.digest)
    oldest = datetime.now(UTC) - _UNUSED_FOR
    unused = select(SourceRow.digest).where(SourceRow.digest.not_in(used), SourceRow.added_time < oldest)
    digests = list(session.scalars(unused))
    session.execute(delete(SourceRow).where(SourceRow.digest.in_(digests)))
    return digests
