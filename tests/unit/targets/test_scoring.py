from __future__ import annotations

import json
from pathlib import Path

import pytest

from naiad.errors import InvalidArgumentError, NotFoundError, UnauthorizedError, UnavailableError
from naiad.targets.deployment import deploy
from naiad.targets.deployment_config import DeploymentConfig
from naiad.targets.local_target import stop
from naiad.targets.scoring import infer_path, run
from naiad.targets.status import status
from naiad.workspace.workspace import Workspace

LOCAL = DeploymentConfig.local()


def asked(answer: bytes) -> dict[str, str]:
    """What the fake process says that it was asked."""
    document = json.loads(answer)
    return {name: document[name] for name in ("path", "authorization", "body")}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("words", "digits", ".hidden"):
        (tmp_path / name / "1").mkdir(parents=True)
    (tmp_path / "README").touch()
    return tmp_path


def test_paths_of_models(repository: Path) -> None:
    assert infer_path(repository, "words") == "/v2/models/words/infer"
    assert infer_path(repository, "digits:12") == "/v2/models/digits/versions/12/infer"
    with pytest.raises(NotFoundError, match="no model 'numbers'") as raised:
        infer_path(repository, "numbers:1")
    assert raised.value.hint == "it has: digits, words"
    with pytest.raises(InvalidArgumentError, match="has 2 models; name one"):
        infer_path(repository, None)
    with pytest.raises(InvalidArgumentError, match=r"whole number, not '\.\./1'"):
        infer_path(repository, "words:../1")
    (repository / "words" / "1").rmdir()
    (repository / "words").rmdir()
    assert infer_path(repository, None) == "/v2/models/digits/infer"


def test_sends_the_request_with_the_key(workspace: Workspace, engine_options: list[str]) -> None:
    deploy(workspace, name="qa1", models=["repository"], config=DeploymentConfig.local(auth_enabled=True))
    answer = asked(run(workspace, "qa1", b'{"inputs": []}'))
    key = workspace.services.keys("qa1").primary
    assert answer == {
        "path": "/v2/models/digits/infer",
        "authorization": f"Bearer {key}",
        "body": '{"inputs": []}',
    }
    workspace.services.regenerate_key("qa1", "primary", value="refused-key")
    with pytest.raises(UnauthorizedError, match="Service qa1 refused the request: that key was refused"):
        run(workspace, "qa1", b"{}")


def test_an_open_service_gets_no_key(workspace: Workspace, engine_options: list[str]) -> None:
    deploy(workspace, name="qa1", models=["pair"], config=LOCAL)
    answer = asked(run(workspace, "qa1", b"{}", model="words:1"))
    assert answer == {"path": "/v2/models/words/versions/1/infer", "authorization": None, "body": "{}"}


def test_a_service_that_does_not_run_cannot_be_called(workspace: Workspace, engine_options: list[str]) -> None:
    deploy(workspace, name="qa1", models=["repository"], config=LOCAL)
    stop(workspace.services.directory("qa1"), report=lambda _: None)
    with pytest.raises(UnavailableError, match="Service qa1 is failed: The service was stopped"):
        run(workspace, "qa1", b"{}")
    assert status(workspace, "qa1").scoring_uri is None
    with pytest.raises(NotFoundError):
        run(workspace, "absent", b"{}")
