"""A service's two keys, in the file that its server reads and watches."""

from __future__ import annotations

import json
import os
import secrets
import string
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from naiad.errors import InternalError, InvalidArgumentError
from naiad.workspace.artifacts import sync_folder

_ALPHABET: Final = string.ascii_letters + string.digits
_LENGTH: Final = 32
_MIN_LENGTH, _MAX_LENGTH = 8, 256


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """Both are valid at once, so that one can be replaced while clients use the other (azure-ml.md §5.1).

    The keys are left out of the representation, and so out of logs and tracebacks.
    """

    primary: str = field(repr=False)
    secondary: str = field(repr=False)

    def __post_init__(self) -> None:
        for key in (self.primary, self.secondary):
            if not _MIN_LENGTH <= len(key) <= _MAX_LENGTH or not all("!" <= letter <= "~" for letter in key):
                raise InvalidArgumentError(
                    f"a key must consist of {_MIN_LENGTH} to {_MAX_LENGTH} visible ASCII characters, without spaces"
                )

    @classmethod
    def generate(cls) -> ServiceKeys:
        """Two new random keys."""
        return cls(new_key(), new_key())

    @classmethod
    def read(cls, path: Path) -> ServiceKeys:
        """The keys in a file that `write` made.

        Raises:
            InternalError: when the file is missing or does not hold them.
        """
        try:
            document = json.loads(path.read_bytes())
            return cls(document["primaryKey"], document["secondaryKey"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InternalError(f"the key file {path} cannot be read: {error}") from error

    def write(self, path: Path) -> None:
        """Replace the file whole, readable for its owner only."""
        write_secret(path, json.dumps({"primaryKey": self.primary, "secondaryKey": self.secondary}))


def write_secret(path: Path, text: str, *, keep: bool = False) -> None:
    """Write a file whole, readable for its owner only.

    Args:
        path: the file.
        text: what it is to hold.
        keep: leave a file that is there already as it is.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if keep:
            with suppress(FileExistsError):
                os.link(temporary, path)
        else:
            temporary.rename(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def new_key() -> str:
    """32 random letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
