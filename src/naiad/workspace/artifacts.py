"""Where registered files are kept: once each, under their content's address, and never changed.

    <root>/sha256/<first two digits>/<sha-256 of the content>      one file, read-only
    <root>/incoming/<random>                                       being written; worthless after a crash

The layout is plain keys and whole objects, so that the same keys can later lie in an object store. An artifact is a
list of entries (a manifest, kept in the registry's database) and is named by the digest of that list.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from naiad.errors import InternalError, InvalidArgumentError
from naiad.workspace.tree import SourceTree

_CHUNK_BYTES: Final = 1 << 20
_ABANDONED_AFTER_S: Final = 24 * 3600

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) while a big tree is stored."""


@dataclass(frozen=True, slots=True)
class ArtifactEntry:
    """One line of a manifest.

    Attributes:
        path: with `/`, starting with the basename of what was registered.
        digest: sha-256 of the content, in hexadecimal; None for an empty folder.
        size_bytes: of the content.
    """

    path: str
    digest: str | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored tree: its manifest, sorted by path."""

    entries: tuple[ArtifactEntry, ...]

    @property
    def digest(self) -> str:
        """`sha256:` and the digest of the manifest: equal for equal names and contents, whatever else differs."""
        manifest = hashlib.sha256()
        for entry in self.entries:
            manifest.update(f"{entry.digest or 'folder'} {entry.path}\0".encode())
        return f"sha256:{manifest.hexdigest()}"

    @property
    def size_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self.entries)


class ArtifactStore:
    """Blobs in a local folder.

    Args:
        root: the folder; made when something is first stored.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"

    def add(self, tree: SourceTree, *, progress: Progress | None = None) -> Artifact:
        """Store every file of a tree that is not stored yet; each is on disk when this returns.

        Raises:
            InvalidArgumentError: when a file cannot be read or stored.
        """
        total, done = tree.size_bytes, 0

        def advance(size_bytes: int) -> None:
            nonlocal done
            done += size_bytes
            if progress is not None:
                progress(done, total)

        entries: list[ArtifactEntry] = []
        for entry in tree.entries:
            digest, size = (None, 0) if entry.source is None else self._put(entry.source, advance)
            entries.append(ArtifactEntry(entry.path, digest, size))
        return Artifact(tuple(entries))

    def holds(self, artifact: Artifact) -> bool:
        """Whether every blob of the artifact is there."""
        return all(entry.digest is None or self._blob(entry.digest).exists() for entry in artifact.entries)

    def link(self, artifact: Artifact, target: Path) -> None:
        """Lay the artifact out under a new folder without copying it: hard links, or copies on another file system.

        The files are read-only; the folders are not, so that an ordinary `rm -r` can remove a workspace.
        """
        for entry, path in self._laid_out(artifact, target):
            blob = self._existing_blob(entry)
            try:
                os.link(blob, path)
            except OSError:
                shutil.copyfile(blob, path)
                path.chmod(0o444)

    def copy(self, artifact: Artifact, target: Path) -> None:
        """Lay the artifact out as ordinary writable files, checking each against its digest.

        Raises:
            InternalError: when a stored file is missing or damaged.
        """
        for entry, path in self._laid_out(artifact, target):
            with self._existing_blob(entry).open("rb") as blob, path.open("xb") as copy:
                digest = hashlib.sha256()
                while chunk := blob.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    copy.write(chunk)
            if digest.hexdigest() != entry.digest:
                raise InternalError(
                    f"the stored file of {entry.path} is damaged", hint="register the model again from its source"
                )

    def remove(self, digests: Iterable[str]) -> None:
        """Remove blobs that nothing refers to any more, and what crashed writers left."""
        for digest in digests:
            self._blob(digest).unlink(missing_ok=True)
        oldest = time.time() - _ABANDONED_AFTER_S
        for path in self._incoming.glob("*"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)

    def _blob(self, digest: str) -> Path:
        return self._root / "sha256" / digest[:2] / digest

    def _existing_blob(self, entry: ArtifactEntry) -> Path:
        assert entry.digest is not None
        blob = self._blob(entry.digest)
        if not blob.exists():
            raise InternalError(
                f"the stored file of {entry.path} is missing ({blob})", hint="register the model again from its source"
            )
        return blob

    def _laid_out(self, artifact: Artifact, target: Path) -> Iterable[tuple[ArtifactEntry, Path]]:
        for entry in artifact.entries:
            path = target / entry.path
            if entry.digest is None:
                path.mkdir(parents=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                yield entry, path

    def _put(self, source: Path, advance: Callable[[int], None]) -> tuple[str, int]:
        temporary = self._incoming / secrets.token_hex(16)
        content, size = hashlib.sha256(), 0
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
            with source.open("rb") as file, temporary.open("xb") as copy:
                while chunk := file.read(_CHUNK_BYTES):
                    content.update(chunk)
                    copy.write(chunk)
                    size += len(chunk)
                    advance(len(chunk))
                blob = self._blob(content.hexdigest())
                if not blob.exists():
                    copy.flush()
                    os.fsync(copy.fileno())
                    temporary.chmod(0o444)
                    blob.parent.mkdir(parents=True, exist_ok=True)
                    temporary.rename(blob)
                    sync_folder(blob.parent)
            return blob.name, size
        except OSError as error:
            raise InvalidArgumentError(f"{source} cannot be stored: {error.strerror}") from error
        finally:
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder last through a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
