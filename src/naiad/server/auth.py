"""Bearer keys and access tokens, read from a file that may change while serving."""

from __future__ import annotations

import hmac
import json
import logging
import stat
import time
from pathlib import Path
from typing import Final, Protocol

from naiad.errors import ConfigError, UnauthorizedError

logger = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 0.1
_KEY_NAMES: Final = ("primaryKey", "secondaryKey")
_TOKEN_NAMES: Final = ("tokenSecret", "tokenAudience")
_MAX_KNOWN_TOKENS: Final = 1024


class Checker(Protocol):
    """Knows which keys are valid."""

    def accepts(self, candidate: bytes) -> bool:
        """Whether this is a valid key."""


class KeyRing:
    """The keys of a server, or the secret of its access tokens (azure-ml.md §5.1).

    Args:
        path: a JSON file `{"primaryKey": "…", "secondaryKey": "…"}`, the second of which may be absent, or
            `{"tokenSecret": "…", "tokenAudience": "…"}`: then JSON Web Tokens are valid that are signed with the secret
            (HS256), meant for the audience, and not expired.

    Raises:
        ConfigError: the file cannot be read or holds no usable key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._read_stamp()
        self._checker = self._read()
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
        if not self._checker.accepts(key.strip()):
            raise UnauthorizedError("the key is not valid for this server")

    def _reload_if_changed(self) -> None:
        """Read the file again when it has changed; keep the old keys, and say so once, when it cannot be read."""
        stamp = self._read_stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._checker = self._read()
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

    def _read(self) -> Checker:
        try:
            mode = self._path.stat().st_mode
            document = json.loads(self._path.read_text(encoding="utf-8"))
            values = document if isinstance(document, dict) else {}
            texts = {name: value for name, value in values.items() if isinstance(value, str) and value}
            keys = tuple(texts[name].encode() for name in _KEY_NAMES if name in texts)
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"unable to read keys from '{self._path}': {error}") from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            logger.warning("%s can be read by others: chmod 600 %s", self._path, self._path)
        if all(name in texts for name in _TOKEN_NAMES):
            return _Tokens(*(texts[name] for name in _TOKEN_NAMES))
        if not keys:
            raise ConfigError(
                f"'{self._path}' must be a JSON object with 'primaryKey' and perhaps 'secondaryKey', each a string"
            )
        return _Keys(keys)


class _Keys:
    """Keys, each as good as the other."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = keys

    def accepts(self, candidate: bytes) -> bool:
        matches = [hmac.compare_digest(candidate, known) for known in self._keys]
        return any(matches)


class _Tokens:
    """Tokens that are signed with a secret. One that was good is not computed again until it expires."""

    def __init__(self, secret: str, audience: str) -> None:
        import jwt

        self._jwt = jwt
        self._secret = secret
        self._audience = audience
        self._expiry_s: dict[bytes, float] = {}

    def accepts(self, candidate: bytes) -> bool:
        expiry_s = self._expiry_s.get(candidate)
        if expiry_s is None:
            try:
                claims = self._jwt.decode(
                    candidate,
                    self._secret,
                    algorithms=["HS256"],
                    audience=self._audience,
                    options={"require": ["aud", "exp"]},
                )
            except self._jwt.PyJWTError:
                return False
            if len(self._expiry_s) >= _MAX_KNOWN_TOKENS:
                self._expiry_s.clear()
            expiry_s = self._expiry_s[candidate] = float(claims["exp"])
        return time.time() < expiry_s
