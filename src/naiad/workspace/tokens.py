"""Access tokens of services: JSON Web Tokens that expire, signed with a secret of the workspace."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from naiad.errors import InternalError
from naiad.workspace.keys import ServiceKeys, write_secret

TOKEN_FILE: Final = "token.json"  # noqa: S105 - a file's name
"""The name of a service's file with a token secret."""

_SECRET_BYTES: Final = 32
_LIFETIME: Final = timedelta(hours=12)
_REFRESH_AFTER: Final = timedelta(hours=9)
_HEALTH_LIFETIME: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token as it is handed out (azure-ml.md §2.8).

    Attributes:
        access_token: what goes behind `Bearer`.
        refresh_after: when to ask for another; aware, UTC.
        expiry_on: when it is not valid any more.
    """

    access_token: str = field(repr=False)
    refresh_after: datetime
    expiry_on: datetime
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name

    def to_dict(self) -> dict[str, str]:
        """The document that commands print (azure-ml.md §3.1)."""
        return {
            "accessToken": self.access_token,
            "expiryOn": self.expiry_on.isoformat(),
            "refreshAfter": self.refresh_after.isoformat(),
            "tokenType": self.token_type,
        }


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """Signs the tokens of one service, with a secret of its own: who learns it can sign for no other.

    Attributes:
        secret: derived from the workspace's.
        audience: the service's name.
    """

    secret: str = field(repr=False)
    audience: str

    @classmethod
    def of_service(cls, name: str, *, workspace_secret: Path) -> TokenSigner:
        """The signer of a service.

        Args:
            name: the service's.
            workspace_secret: the file of the workspace's secret; made when it is not there.

        Raises:
            InternalError: when the file cannot be read.
        """
        if not workspace_secret.exists():
            write_secret(workspace_secret, secrets.token_hex(_SECRET_BYTES), keep=True)
        try:
            secret = workspace_secret.read_bytes()
        except OSError as error:
            raise InternalError(f"the file {workspace_secret} cannot be read: {error.strerror}") from error
        return cls(hmac.new(secret, f"service {name}".encode(), hashlib.sha256).hexdigest(), name)

    @classmethod
    def read(cls, path: Path) -> TokenSigner:
        """The signer in a file that `write` made.

        Raises:
            InternalError: when the file is missing or does not hold one.
        """
        try:
            document = json.loads(path.read_bytes())
            return cls(document["tokenSecret"], document["tokenAudience"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InternalError(f"the token file {path} cannot be read: {error}") from error

    def write(self, path: Path) -> None:
        """Replace the file that the service's server reads, readable for its owner only."""
        write_secret(path, json.dumps({"tokenSecret": self.secret, "tokenAudience": self.audience}))

    def issue(self, lifetime: timedelta = _LIFETIME) -> AccessToken:
        """A new token."""
        import jwt

        now = datetime.now(UTC)
        expiry = now + lifetime
        claims = {"aud": self.audience, "iat": now, "exp": expiry}
        token = jwt.encode(claims, self.secret, algorithm="HS256")
        return AccessToken(token, now + _REFRESH_AFTER, expiry)


def read_bearer(path: Path) -> str:
    """Something that opens the server of a service's file of keys or of a token secret.

    Raises:
        InternalError: when the file is missing or holds neither.
    """
    if path.name == TOKEN_FILE:
        return TokenSigner.read(path).issue(_HEALTH_LIFETIME).access_token
    return ServiceKeys.read(path).primary
