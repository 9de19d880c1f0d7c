"""Bearer keys: a primary and a secondary, both valid at once, read from a file that may change while serving."""

from __future__ import annotations

import hmac
import json
import logging
import stat
import time
from pathlib import Path
from typing import Final

from naiad.errors import ConfigError, UnauthorizedError

logger = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 0.1
_NAMES: Final = ("primaryKey", "secondaryKey")


class KeyRing:
    """The keys of a server (azure-ml.md §5.1).

    Args:
        path: a JSON file `{"primaryKey": "…", "secondaryKey": "…"}`; the second may be absent.

    Raises:
        ConfigError: the file cannot be read or holds no usable key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._read_stamp()
        self._keys = self._read()
        self._looked_s = time.monotonic()

    def check(self, authorization: bytes | None) -> None:
        """Let a request pass, or not.

        Args:
            authorization: the value of its `Authorization` header.

        Raises:
            UnauthorizedError: the header is absent, of another scheme, or its key is wrong.
        """
        if authorization is None:
            raise UnauthorizedError(
                "a key is required and the request has none", hint="send the header 'Authorization: Bearer <key>'"
            )
        if (now_s := time.monotonic()) - self._looked_s > _LOOK_EVERY_S:
            self._looked_s = now_s
            self._reload_if_changed()
        scheme, _, key = authorization.strip().partition(b" ")
        if scheme.lower() != b"bearer":
            raise UnauthorizedError("the Authorization header must be of the form 'Bearer <key>'")
        candidate = key.strip()
        matches = [hmac.compare_digest(candidate, known) for known in self._keys]
        if not any(matches):
            raise UnauthorizedError("the key is not valid for this server")

    def _reload_if_changed(self) -> None:
        """Read the file again when it has changed; keep the old keys, and say so once, when it cannot be read."""
        stamp = self._read_stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = self._read()
            logger.info("keys read again from %s", self._path)
        except ConfigError as error:
            logger.warning("keeping the old keys: %s", error)

    def _read_stamp(self) -> tuple[int, int, int]:
        """What changes when the file does."""
        try:
            status = self._path.stat()
        except OSError:
            return 0, 0, 0
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _read(self) -> tuple[bytes, ...]:
        try:
            mode = self._path.stat().st_mode
            document = json.loads(self._path.read_text(encoding="utf-8"))
            values = [document.get(name) for name in _NAMES] if isinstance(document, dict) else []
            keys = tuple(value.encode() for value in values if isinstance(value, str) and value)
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"unable to read keys from '{self._path}': {error}") from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            logger.warning("%s can be read by others: chmod 600 %s", self._path, self._path)
        if not keys:
            raise ConfigError(
                f"'{self._path}' must be a JSON object with 'primaryKey' and perhaps 'secondaryKey', each a string"
            )
        return keys
