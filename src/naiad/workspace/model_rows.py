"""The rows of models and of their artifacts' manifests: what the registry asks the database, inside a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session, aliased

from naiad.errors import NotFoundError
from naiad.workspace.artifacts import Artifact, ArtifactEntry
from naiad.workspace.tables import ArtifactEntryRow, ModelNameRow, ModelRow

_MAX_VERSION: Final = 2**31 - 1
"""What the column holds; a greater number is no version's."""


def find_model(session: Session, name: str, version: int | None) -> ModelRow:
    """The row of a model, the latest version when none is named; a NotFoundError when there is none."""
    query = select(ModelRow).where(ModelRow.name == name).order_by(ModelRow.version.desc()).limit(1)
    if version is not None:
        query = query.where(ModelRow.version == version)
    row = session.scalar(query) if version is None or 0 < version <= _MAX_VERSION else None
    if row is None:
        which = f"'{name}'" if version is None else f"'{name}:{version}'"
        raise NotFoundError(f"model {which} is not registered", hint=_known(session, name))
    return row


def _known(session: Session, name: str) -> str:
    versions = sorted(session.scalars(select(ModelRow.version).where(ModelRow.name == name)))
    if versions:
        return f"registered versions of '{name}': {', '.join(map(str, versions))}"
    names = sorted(session.scalars(select(ModelRow.name).distinct().limit(10)))
    return f"registered models: {', '.join(names)}" if names else "no model is registered in this workspace yet"


def next_version(session: Session, name: str) -> int:
    """Take the next version of a name: one more than the last ever given, deleted ones included."""
    row = session.get(ModelNameRow, name)
    if row is None:
        row = ModelNameRow(name=name, last_version=0)
        session.add(row)
    row.last_version += 1
    session.flush()
    return row.last_version


def insert_model(session: Session, columns: Mapping[str, Any], artifact: Artifact) -> None:
    """Add a model, and its artifact's manifest unless another model has the same artifact.

    Args:
        columns: of `ModelRow`, without the id.
    """
    session.add(ModelRow(id=f"{columns['name']}:{columns['version']}", **columns))
    known = select(ArtifactEntryRow.path).where(ArtifactEntryRow.artifact_digest == artifact.digest).limit(1)
    if session.scalar(known) is None:
        rows = [
            {
                "artifact_digest": artifact.digest,
                "path": entry.path,
                "blob_digest": entry.digest,
                "size_bytes": entry.size_bytes,
            }
            for entry in artifact.entries
        ]
        session.execute(insert(ArtifactEntryRow), rows)


def read_artifact(session: Session, digest: str) -> Artifact:
    """An artifact by its digest."""
    rows = session.scalars(
        select(ArtifactEntryRow).where(ArtifactEntryRow.artifact_digest == digest).order_by(ArtifactEntryRow.path)
    )
    return Artifact(tuple(ArtifactEntry(row.path, row.blob_digest, row.size_bytes) for row in rows))


def pop_unused_blobs(session: Session) -> set[str]:
    """Delete the manifests of artifacts that no model has; give the blobs that only those named.

    The write lock keeps a registration from coming to rely on one of them before it is removed.
    """
    used, other = select(ModelRow.digest), aliased(ArtifactEntryRow)
    elsewhere = select(other.path).where(
        other.blob_digest == ArtifactEntryRow.blob_digest, other.artifact_digest.in_(used)
    )
    unused = ArtifactEntryRow.artifact_digest.not_in(used)
    blobs = {
        blob
        for blob in session.scalars(select(ArtifactEntryRow.blob_digest).where(unused, ~elsewhere.exists()))
        if blob
    }
    session.execute(delete(ArtifactEntryRow).where(unused).execution_options(synchronize_session=False))
    return blobs
