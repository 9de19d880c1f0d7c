from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from naiad.errors import InternalError, InvalidArgumentError
from naiad.workspace.keys import ServiceKeys
from naiad.workspace.services import Service
from naiad.workspace.tokens import TOKEN_FILE, TokenSigner, read_bearer
from naiad.workspace.workspace import Workspace


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return tmp_path / "token.key"


def test_a_token_is_signed_for_its_service_and_expires(secret: Path) -> None:
    signer = TokenSigner.of_service("qa1", workspace_secret=secret)
    token = signer.issue()
    claims = jwt.decode(token.access_token, signer.secret, algorithms=["HS256"], audience="qa1")
    assert claims["exp"] == int(token.expiry_on.timestamp())
    assert datetime.now(UTC) < token.refresh_after < token.expiry_on
    assert token.to_dict() == {
        "accessToken": token.access_token,
        "expiryOn": token.expiry_on.isoformat(),
        "refreshAfter": token.refresh_after.isoformat(),
        "tokenType": "Bearer",
    }
    assert token.access_token not in repr(token)
    assert signer.secret not in repr(signer)


def test_each_service_has_a_secret_of_its_own(secret: Path) -> None:
    first, second = (TokenSigner.of_service(name, workspace_secret=secret) for name in ("qa1", "qa2"))
    assert first.secret != second.secret
    assert TokenSigner.of_service("qa1", workspace_secret=secret) == first
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert first.secret not in secret.read_text()


def test_a_file_opens_the_server_that_reads_it(secret: Path, tmp_path: Path) -> None:
    signer = TokenSigner.of_service("qa1", workspace_secret=secret)
    file = tmp_path / TOKEN_FILE
    signer.write(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert TokenSigner.read(file) == signer
    claims = jwt.decode(read_bearer(file), signer.secret, algorithms=["HS256"], audience="qa1")
    assert claims["exp"] - claims["iat"] == timedelta(minutes=1).total_seconds()
    keys = tmp_path / "keys.json"
    ServiceKeys("the-first-key", "the-second-key").write(keys)
    assert read_bearer(keys) == "the-first-key"


@pytest.mark.parametrize("content", ["", "[]", '{"tokenSecret": "x"}'])
def test_a_damaged_file_is_told(tmp_path: Path, content: str) -> None:
    file = tmp_path / TOKEN_FILE
    file.write_text(content)
    with pytest.raises(InternalError, match=r"token\.json cannot be read"):
        read_bearer(file)


def test_a_service_gives_tokens_when_it_takes_them(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    workspace.services.create(Service("qa1", (), token_auth_enabled=True), overwrite=False)
    workspace.services.create(Service("qa2", (), auth_enabled=True), overwrite=False)
    token = workspace.services.issue_token("qa1")
    file = workspace.services.access_file(workspace.services.get("qa1"))
    assert file is not None
    signer = TokenSigner.read(file)
    assert jwt.decode(token.access_token, signer.secret, algorithms=["HS256"], audience="qa1")
    with pytest.raises(InvalidArgumentError, match="service 'qa2' takes no access tokens"):
        workspace.services.issue_token("qa2")
    keys = workspace.services.access_file(workspace.services.get("qa2"))
    assert keys is not None
    assert read_bearer(keys) == workspace.services.keys("qa2").primary
    workspace.services.create(Service("qa3", ()), overwrite=False)
    assert workspace.services.access_file(workspace.services.get("qa3")) is None
