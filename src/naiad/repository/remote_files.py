"""The files of a remote repository, as a listing has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from naiad.errors import InvalidArgumentError
from naiad.repository.local import Fingerprint, version_number

_STAMPS: Final = (
    "ETag",
    "etag",
    "md5Hash",
    "content_md5",
    "CRC",
    "LastModified",
    "last_modified",
    "mtime",
    "updated",
    "modified",
    "created",
)
"""Keys under which drivers tell one content from another, best first."""


class RemoteFile(NamedTuple):
    """One file.

    Attributes:
        name: for the driver.
        size: in bytes; -1 when the store does not tell.
        stamp: changes when the content does: an ETag, a checksum or a time, whatever the store has.
    """

    name: str
    size: int
    stamp: str


Listing = Mapping[str, RemoteFile]
"""The files of one model, by path in its folder."""


def group_by_model(root: str, infos: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, RemoteFile]]:
    """The files of each model.

    Args:
        root: of the repository, as the driver names it.
        infos: what the driver lists below it.
    """
    prefix = f"{stripped}/" if (stripped := root.strip("/")) else ""
    models: dict[str, dict[str, RemoteFile]] = {}
    for info in infos:
        name = str(info["name"])
        path = name.lstrip("/")
        if info.get("type") != "file" or path.endswith("/") or not path.startswith(prefix):
            continue  # also the empty objects that stand for folders
        model, slash, inner = path.removeprefix(prefix).partition("/")
        if slash and is_model_name(model):
            size = info.get("size")
            models.setdefault(model, {})[inner] = RemoteFile(name, -1 if size is None else int(size), _stamp(info))
    return models


def is_model_name(name: str) -> bool:
    """Whether a folder of this name is a model: it is one part of a path, and not hidden."""
    return name != "" and not name.startswith(".") and not any(letter in name for letter in "/\\\0")


def _stamp(info: Mapping[str, Any]) -> str:
    return next((str(info[key]) for key in _STAMPS if info.get(key) is not None), "")


def fingerprint(listing: Listing) -> Fingerprint:
    """What polling compares."""
    stamps = {path: (file.size, file.stamp) for path, file in listing.items()}
    versions = {version_number(path.partition("/")[0]) for path in stamps if "/" in path}
    return Fingerprint.of(stamps, [version for version in versions if version is not None])


def check_listing(model: str, listing: Listing, *, max_bytes: int, max_files: int) -> None:
    """Refuse what cannot, or should not, be a folder on this machine.

    Raises:
        InvalidArgumentError: it has too much, a path that leads out of the folder, or a file where a folder is.
    """
    if len(listing) > max_files:
        raise InvalidArgumentError(
            f"model '{model}' has {len(listing)} files, more than the {max_files} that are allowed",
            hint="--repository-max-model-files sets the limit",
        )
    size = sum(file.size for file in listing.values())
    if size > max_bytes:
        raise InvalidArgumentError(
            f"model '{model}' has {size} bytes, more than the {max_bytes} that are allowed",
            hint="--repository-max-model-size sets the limit",
        )
    for text, file in listing.items():
        if set(text.split("/")) & {"", ".", ".."} or "\\" in text or "\0" in text:
            raise InvalidArgumentError(f"model '{model}' has a file '{text}', which cannot be a path in its folder")
        if file.size < 0:
            raise InvalidArgumentError(f"model '{model}' has a file '{text}' whose size the repository does not tell")
    for text in listing:
        if any(str(parent) in listing for parent in PurePosixPath(text).parents):
            raise InvalidArgumentError(f"model '{model}' has '{text}' below a file, where only a folder can be")
