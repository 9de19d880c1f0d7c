"""Copies of a remote repository's models on this machine.

    <root>/lock                held by the process whose copies these are
    <root>/models/<model>/…    what models are loaded from
    <root>/manifests/…         which files of a model are whole, and of which state of the remote ones
    <root>/incoming/<model>/…  what is being fetched

A copy changes as a whole: everything new has arrived before the first file is replaced, and while files are being
replaced there is no manifest, so that a crash costs nothing but fetching again.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from naiad.errors import InternalError
from naiad.repository.remote_files import Listing

logger = logging.getLogger(__name__)

Stamp = tuple[int, str]
"""Size and stamp of a file."""


class Mirror:
    """The copies that one process has of one repository.

    Args:
        root: where they are, kept from one process to the next. While another process uses it, a folder is taken that
            lasts as long as this one.

    Raises:
        InternalError: the folder cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._changing = threading.Lock()
        self._fetched_at: dict[str, float] = {}
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._temporary = tempfile.TemporaryDirectory(prefix="naiad-repository-")
                logger.info("another process uses the copies in %s; this one's are in %s", root, self._temporary.name)
                root = Path(self._temporary.name)
        except OSError as error:
            raise InternalError(f"unable to keep copies of models in '{root}': {error.strerror}") from error
        self.root = root

    def close(self) -> None:
        """Leave the copies to the next process."""
        os.close(self._lock)
        if self._temporary is not None:
            self._temporary.cleanup()

    def path(self, model: str) -> Path:
        """Where the copy of a model is, or will be."""
        return self.root / "models" / model

    def missing(self, model: str, listing: Listing) -> list[str]:
        """The paths whose files the copy has not, or not in this state."""
        with self._changing:
            self._fetched_at[model] = time.monotonic()
        whole = self._read_manifest(model)
        folder = self.path(model)
        return [
            path
            for path, file in listing.items()
            if whole.get(path) != (file.size, file.stamp) or not _has_size(folder / path, file.size)
        ]

    def incoming(self, model: str) -> Path:
        """An empty folder for what is missing."""
        folder = self.root / "incoming" / model
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        return folder

    def arrived_sizes(self, model: str, paths: list[str]) -> list[tuple[str, int]]:
        """The size of each file that is in a model's incoming folder."""
        incoming = self.root / "incoming" / model
        return [(path, (incoming / path).stat().st_size) for path in paths]

    def apply(self, model: str, listing: Listing, arrived: list[str]) -> None:
        """Make the copy what the listing says.

        Args:
            model: whose copy.
            listing: all files of it.
            arrived: those that are in its incoming folder.
        """
        folder, incoming, manifest = self.path(model), self.root / "incoming" / model, self._manifest(model)
        with self._changing:
            manifest.unlink(missing_ok=True)
            _remove_others(folder, set(listing))
            for path in arrived:
                (folder / path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                (incoming / path).replace(folder / path)
            shutil.rmtree(incoming, ignore_errors=True)
            _write(manifest, {path: (file.size, file.stamp) for path, file in listing.items()})

    def forget_all_but(self, models: set[str], *, listed_at: float) -> None:
        """Delete the copies of models that the remote repository has no more.

        Args:
            models: those that it has.
            listed_at: the monotonic time in seconds at which it was asked; what was fetched later stays.
        """
        with self._changing:
            for folder in (self.root / "models").glob("*"):
                if folder.name not in models and self._fetched_at.get(folder.name, 0.0) < listed_at:
                    self._manifest(folder.name).unlink(missing_ok=True)
                    shutil.rmtree(folder, ignore_errors=True)

    def _manifest(self, model: str) -> Path:
        return self.root / "manifests" / f"{model}.json"

    def _read_manifest(self, model: str) -> Mapping[str, Stamp]:
        try:
            rows = json.loads(self._manifest(model).read_bytes())
            return {str(path): (int(size), str(stamp)) for path, (size, stamp) in rows.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # of a copy that is not whole, or of another version of naiad


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _remove_others(folder: Path, keep: set[str]) -> None:
    """Delete what is in a folder and not among the paths to keep, and the folders that are then empty."""
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in files:
            path = Path(parent, name)
            if str(path.relative_to(folder)) not in keep:
                path.unlink()
        for name in folders:
            path = Path(parent, name)
            if not any(path.iterdir()):
                path.rmdir()


def _write(path: Path, rows: Mapping[str, Stamp]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(json.dumps(rows), encoding="utf-8")
    temporary.replace(path)
