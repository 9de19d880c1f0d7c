"""A model repository that fsspec reaches: an object store, an archive, another machine.

Its models are copied to this machine before they are loaded; polling only lists (triton.md §4.8).
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import fsspec

from naiad.errors import InternalError, InvalidArgumentError, NotFoundError, UnavailableError
from naiad.repository.local import Fingerprint, ModelFolder
from naiad.repository.location import FetchSettings, Location, without_credentials
from naiad.repository.mirror import Mirror
from naiad.repository.remote_files import (
    Listing,
    RemoteFile,
    check_listing,
    fingerprint,
    group_by_model,
    is_model_name,
)

logger = logging.getLogger(__name__)

_EXTRAS: Final = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "abfs": "azure",
    "abfss": "azure",
    "az": "azure",
    "adl": "azure",
}
"""naiad's extra that brings a protocol's driver."""

_FETCHES: Final = 3


@dataclass(frozen=True, slots=True)
class FetchedFolder(ModelFolder):
    """The copy of a remote model.

    Attributes:
        files: those that it is a copy of.
    """

    files: Listing = field(compare=False)

    def fingerprint(self) -> Fingerprint:
        """What the remote files looked like when they were fetched."""
        return fingerprint(self.files)


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model in a remote repository.

    Attributes:
        name: of its folder.
        files: as they were listed.
        repository: which it is in.
    """

    name: str
    files: Listing
    repository: RemoteRepository

    def fingerprint(self) -> Fingerprint:
        """What its files looked like in the listing."""
        return fingerprint(self.files)

    def fetch(self) -> ModelFolder:
        """Copy what is new to this machine.

        Raises:
            NaiadError: it cannot be had, is too large, or does not hold still.
        """
        return self.repository.fetch(self)


class RemoteRepository:
    """Models below a URL.

    Args:
        location: the URL.
        settings: for fetching.

    Raises:
        InvalidArgumentError: there is no such repository, or no driver for it.
        UnavailableError: it cannot be reached.
    """

    def __init__(self, location: Location, settings: FetchSettings) -> None:
        self._name = location.name
        self._settings = settings
        self._fs, self._root = _open(location)
        with self._reaching():
            exists = self._fs.exists(self._root)
        if not exists:
            raise InvalidArgumentError(
                f"model repository '{self._name}' does not exist",
                hint="--model-repository takes the folder that holds one folder per model",
            )
        self._mirror = Mirror(settings.cache / _slug(location.name))

    def models(self) -> list[RemoteModel]:
        """Every model, by name. Files beside the folders, and hidden folders, are not models."""
        listed_at = time.monotonic()
        listings = self._list(self._root)
        self._mirror.forget_all_but(set(listings), listed_at=listed_at)
        return [RemoteModel(name, files, self) for name, files in sorted(listings.items())]

    def model(self, name: str) -> RemoteModel | None:
        """One model, or None when there is none."""
        files = self._list(f"{self._root.rstrip('/')}/{name}").get(name) if is_model_name(name) else None
        return RemoteModel(name, files, self) if files else None

    def close(self) -> None:
        """Leave the copies to the next process."""
        self._mirror.close()

    def fetch(self, model: RemoteModel) -> ModelFolder:
        """As `RemoteModel.fetch`."""
        name, files = model.name, model.files
        try:
            for _ in range(_FETCHES):
                missing = self._fetch_missing(name, files)
                if not missing or self._holds_still(name, files, missing):
                    self._mirror.apply(name, files, missing)
                    return FetchedFolder(name, self._mirror.path(name), files)
                if (listed := self.model(name)) is None:
                    raise NotFoundError(f"no folder '{name}' in the model repositories")
                files = listed.files
        except OSError as error:
            raise InternalError(f"unable to write the copy of model '{name}': {error.strerror or error}") from error
        raise UnavailableError(f"model '{name}' changes while it is fetched from '{self._name}'")

    def _fetch_missing(self, name: str, files: Listing) -> list[str]:
        """Fetch what the copy of a model lacks, and return its paths."""
        limits = self._settings
        check_listing(name, files, max_bytes=limits.max_model_bytes, max_files=limits.max_model_files)
        missing = self._mirror.missing(name, files)
        if missing:
            logger.info("fetching %d of %d files of '%s' from %s", len(missing), len(files), name, self._name)
            incoming = self._mirror.incoming(name)
            for path in missing:
                (incoming / path).parent.mkdir(parents=True, exist_ok=True)
            with self._reaching():
                self._fs.get([files[path].name for path in missing], [str(incoming / path) for path in missing])
        return missing

    def _holds_still(self, name: str, files: Listing, arrived: list[str]) -> bool:
        """Whether what has arrived is what was listed, and the list is still the same: all of one moment."""
        if any(size != files[path].size for path, size in self._mirror.arrived_sizes(name, arrived)):
            return False
        listed = self.model(name)
        return listed is not None and listed.files == files

    def _list(self, below: str) -> dict[str, dict[str, RemoteFile]]:
        """The files of each model of which some lie below a path."""
        with self._reaching():
            self._fs.invalidate_cache()
            found = self._fs.find(below, detail=True)
        return group_by_model(self._root, found.values())

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Turn what a driver raises into a sentence: each has exceptions of its own."""
        try:
            yield
        except Exception as error:
            what = without_credentials(str(error)) or type(error).__name__
            raise UnavailableError(f"unable to read model repository '{self._name}': {what}") from error


def _open(location: Location) -> tuple[Any, str]:
    """The driver, and how it names the repository's folder."""
    try:
        fs, root = fsspec.url_to_fs(
            location.url, **location.options, use_listings_cache=False, skip_instance_cache=True
        )
    except ImportError as error:
        extra = _EXTRAS.get(location.protocol)
        raise InvalidArgumentError(
            f"model repository '{location.name}' needs a driver that is not installed",
            hint=f"pip install 'naiad[{extra}]'" if extra else str(error),
        ) from error
    except ValueError as error:
        raise InvalidArgumentError(
            f"model repository '{location.name}' cannot be: {without_credentials(str(error))}"
        ) from error
    return fs, str(root)


def _slug(name: str) -> str:
    """A folder's name for a repository, of which a person can tell what is in it."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-.")[-48:]
    return f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
