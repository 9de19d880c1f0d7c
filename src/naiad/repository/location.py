"""What --model-repository names: a folder on this machine, or the URL of one elsewhere, as fsspec or Triton spell it.

models                              a folder, as is file:///srv/models
s3://bucket/path                    also s3://https://host:port/bucket/path, and s3://host:port/… over HTTP
gs://bucket/path                    also gcs://
as://account/container/path         Triton's for Azure; also abfs://container/path
memory://path, …                    whatever else fsspec has a driver for
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from naiad.errors import InvalidArgumentError
from naiad.repository.base import Repository
from naiad.repository.local import LocalRepository

_S3_WITH_HOST: Final = re.compile(r"(?:(?P<scheme>https?)://)?(?P<host>[^/]+?)(?P<port>:\d+)?/(?P<path>.+)")
_CREDENTIALS: Final = re.compile(r"//[^/@:]+:[^/@]*@")


@dataclass(frozen=True, slots=True)
class Location:
    """Where a remote repository lies.

    Attributes:
        name: as it was given, without credentials; for messages.
        url: for fsspec.
        options: for fsspec's driver.
    """

    name: str
    url: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def protocol(self) -> str:
        """The driver's name."""
        return re.split("::|://", self.url, maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """How models are fetched from remote repositories.

    Attributes:
        cache: the folder that their copies are kept in.
        max_model_bytes: the largest model.
        max_model_files: how many files a model may have.
    """

    cache: Path
    max_model_bytes: int = 1 << 36
    max_model_files: int = 10_000


def open_repository(text: str, settings: FetchSettings) -> Repository:
    """The repository that a value of --model-repository names.

    Args:
        text: a path or a URL.
        settings: for one that is not on this machine.

    Raises:
        NaiadError: there is none, or it cannot be reached.
    """
    if "://" not in text:
        return LocalRepository(Path(text).expanduser())
    location = parse_location(text)
    if location.protocol in ("file", "local"):
        return LocalRepository(Path(location.url.partition("://")[2]).expanduser())
    from naiad.repository.remote import RemoteRepository  # fsspec is for those who need it

    return RemoteRepository(location, settings)


def parse_location(text: str) -> Location:
    """Read a URL.

    Raises:
        InvalidArgumentError: it lacks a part.
    """
    name = without_credentials(text)
    protocol, _, rest = text.partition("://")
    if protocol == "s3":
        return _s3(name, rest)
    if protocol == "as":
        return _azure(name, rest)
    return Location(name, text)


def without_credentials(text: str) -> str:
    """A message, or a URL, as it may be shown."""
    return _CREDENTIALS.sub("//***@", text)


def _s3(name: str, rest: str) -> Location:
    match = _S3_WITH_HOST.fullmatch(rest)
    if match is None or not (match["scheme"] or match["port"]):
        return Location(name, f"s3://{rest}")
    endpoint = f"{match['scheme'] or 'http'}://{match['host']}{match['port'] or ''}"
    return Location(name, f"s3://{match['path']}", {"endpoint_url": endpoint})


def _azure(name: str, rest: str) -> Location:
    account, _, path = rest.partition("/")
    if not account or not path:
        raise InvalidArgumentError(
            f"model repository '{name}' lacks a container", hint="as://<account>/<container>/<path>"
        )
    key = os.environ.get("AZURE_STORAGE_KEY")  # Triton's variable; the driver knows its own
    return Location(name, f"abfs://{path}", {"account_name": account} | ({"account_key": key} if key else {}))
