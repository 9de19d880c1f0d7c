"""The manifests of artifacts: what the registry asks the database about stored files, inside a transaction."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, union
from sqlalchemy.orm import Session, aliased

from naiad.workspace.artifacts import Artifact, ArtifactEntry
from naiad.workspace.tables import ArtifactEntryRow, ModelRow, SourceRow


def insert_artifact(session: Session, artifact: Artifact) -> None:
    """Add an artifact's manifest, unless it is there."""
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
    """Delete the manifests of artifacts that no model and no source has; give the blobs that only those named.

    The write lock keeps a registration from coming to rely on one of them before it is removed.
    """
    used, other = union(select(ModelRow.digest), select(SourceRow.digest)), aliased(ArtifactEntryRow)
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
