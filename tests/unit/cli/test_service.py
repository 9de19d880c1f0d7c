from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from naiad.cli.main import run
from naiad.targets import local_target, plan, update
from naiad.targets.deployment import deploy
from naiad.targets.deployment_config import DeploymentConfig
from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace

FAKE_ENGINE = Path(__file__).parents[1] / "targets" / "fake_engine.py"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The workspace of the commands, with the deployed services `open1` and `keyed1` of one model each."""
    workspace = Workspace(tmp_path / ".naiad")
    monkeypatch.setenv("NAIAD_WORKSPACE", str(workspace.root))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plan, "engine_command", lambda *_, **__: (sys.executable, str(FAKE_ENGINE)))
    for model in ("digits", "words"):
        (tmp_path / model / model / "1").mkdir(parents=True)
        (tmp_path / model / model / "1" / "model.onnx").touch()
        workspace.models.register(tmp_path / model, name=model, framework="Multi")
    deploy(workspace, name="open1", models=["digits"], config=DeploymentConfig.local(), tags={"area": "vision"})
    deploy(workspace, name="keyed1", models=["words"], config=DeploymentConfig.local(auth_enabled=True))
    yield workspace
    for service in workspace.services.list():
        local_target.stop(workspace.services.directory(service.name), report=lambda _: None)


def document(words: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    assert run(["service", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_services_are_listed_and_selected(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    def names(*words: str) -> list[str]:
        return [service["name"] for service in document(["list", *words], capsys)]

    assert names() == ["keyed1", "open1"]
    assert names("-c", "local") == ["keyed1", "open1"]
    assert names("-c", "AKS") == []
    assert names("--model-name", "digits") == ["open1"]
    assert names("--model-id", "words:1") == ["keyed1"]
    assert names("--tag", "area=vision") == ["open1"]
    assert names("--tag", "area=text") == []
    assert names("--property", "p") == []
    assert run(["service", "list", "-o", "table", "--query", "[].{name: name, state: state}"]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == ["keyed1  running", "open1   running"]


def test_a_service_is_shown(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    shown = document(["show", "--name=open1"], capsys)
    assert set(shown) >= {
        *("name", "description", "tags", "properties", "state", "createdTime", "updatedTime", "error"),
        *("computeType", "workspaceName", "imageId", "scoringUri", "swaggerUri", "createdBy", "port"),
    }
    assert shown["scoringUri"] == f"http://localhost:{shown['port']}"
    assert run(["service", "show", "-n", "absent"]) == 1
    assert "service 'absent' does not exist" in capsys.readouterr().err


def test_keys_are_shown_and_replaced(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    before = document(["get-keys", "-n", "keyed1"], capsys)
    assert set(before) == {"primaryKey", "secondaryKey"}
    after = document(["regen-key", "-n", "keyed1", "-k", "Secondary"], capsys)
    assert after["primaryKey"] == before["primaryKey"]
    assert after["secondaryKey"] != before["secondaryKey"]
    given = document(["regen-key", "-n", "keyed1", "--key=primary", "-s", "the-key-of-mine"], capsys)
    assert given == {"primaryKey": "the-key-of-mine", "secondaryKey": after["secondaryKey"]}
    assert run(["service", "regen-key", "-n", "keyed1", "-k", "third"]) == 2
    assert "Valid options are: Primary, Secondary" in capsys.readouterr().err


def test_keys_of_an_open_service_come_with_a_note(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["service", "get-keys", "-n", "open1"]) == 0
    assert capsys.readouterr().err == "Requests to service open1 need no key\n"
    assert run(["service", "get-keys", "-n", "keyed1"]) == 0
    assert capsys.readouterr().err == ""


def test_logs_are_printed_as_they_are(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["service", "get-logs", "-n", "open1"]) == 0
    out = capsys.readouterr().out
    assert "the engine starts\n" in out
    assert run(["service", "get-logs", "-n", "open1", "--num_lines", "1"]) == 0
    assert capsys.readouterr().out == out.splitlines(keepends=True)[-1]


def test_following_logs_ends_with_the_service(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    local_target.stop(workspace.services.directory("open1"), report=lambda _: None)
    assert run(["service", "get-logs", "-n", "open1", "--follow", "-l", "2"]) == 0
    assert [line.split("] ")[-1] for line in capsys.readouterr().out.splitlines()] == [
        "the engine has drained",
        '"Service stopped on request"',
    ]


def test_a_request_from_the_command_line_or_a_file(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = document(["run", "-n", "keyed1", "-d", '{"inputs": []}'], capsys)
    assert answer["path"] == "/v2/models/words/infer"
    assert answer["body"] == '{"inputs": []}'
    assert answer["authorization"] == f"Bearer {workspace.services.keys('keyed1').primary}"
    (tmp_path / "request.json").write_text("{}")
    answer = document(["run", "-n", "open1", "--model", "digits:1", "--input-data=@request.json"], capsys)
    assert (answer["path"], answer["body"]) == ("/v2/models/digits/versions/1/infer", "{}")
    assert run(["service", "run", "-n", "open1", "-d", "@absent.json"]) == 2
    assert "@absent.json cannot be read: No such file or directory" in capsys.readouterr().err
    assert run(["service", "run", "-n", "open1", "-d", "{}", "--model", "words"]) == 1
    assert "The service has no model 'words'" in capsys.readouterr().err


def test_deleting_shows_what_was_deleted_and_can_be_repeated(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    deleted = document(["delete", "-n", "open1"], capsys)
    assert (deleted["name"], deleted["state"]) == ("open1", "deleted")
    assert run(["service", "delete", "-n", "open1"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "No service with name open1 found to delete.\n")
    assert [service["name"] for service in document(["list"], capsys)] == ["keyed1"]


@pytest.fixture
def updates(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What updates ask for; none happens."""
    asked: list[dict[str, Any]] = []

    def record(workspace: Workspace, name: str, **changes: Any) -> Service:
        given = {key: value for key, value in changes.items() if value not in (None, {}, []) and key != "report"}
        asked.append({"name": name, **given})
        return workspace.services.get(name)

    monkeypatch.setattr(update, "update", record)
    return asked


def test_an_update_asks_for_what_changes(updates: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    Path("info.json").write_text(json.dumps({"modelId": "digits:1"}))
    shown = document(["update", "-n", "open1", "-f", "info.json", "--no-wait"], capsys)
    assert shown["name"] == "open1"
    assert updates[-1] == {"name": "open1", "models": ["digits:1"], "wait": False}
    document(["update", "-n", "open1", "--ae", "true", "--cc", "2"], capsys)
    changes = {"authEnabled": True, "containerResourceRequirements": {"cpu": 2}}
    assert updates[-1] == {"name": "open1", "config": changes, "wait": True}
    Path("dc.yml").write_text("computeType: aks\nscoringTimeoutMs: 5\nauthEnabled: false\n")
    document(["update", "-n", "open1", "--dc", "dc.yml", "--tm", "6"], capsys)
    assert updates[-1]["config"] == {"scoringTimeoutMs": 6, "authEnabled": False, "routerCodes": True}


def test_an_update_of_labels(updates: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--add-tag", "stage=two", "--remove-tag", "area", "--add-property", "p=q", "--description", "of words"]
    document(["update", "-n", "open1", *words], capsys)
    labels = {"tags": {"stage": "two"}, "properties": {"p": "q"}, "description": "of words"}
    assert updates[-1] == {"name": "open1", **labels, "wait": True}
    assert run(["service", "update", "-n", "absent", "--add-tag", "a=b"]) == 1
    assert "service 'absent' does not exist" in capsys.readouterr().err


def test_an_update_of_the_script_or_its_environment(
    updates: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("score.py").write_text("def init(): ...\ndef run(data): ...\n")
    document(["update", "-n", "open1", "--entry-script", "score.py", "-e", "AzureML-Minimal"], capsys)
    assert updates[-1]["inference"].environment.name == "AzureML-Minimal"
    document(["update", "-n", "open1", "-e", "AzureML-Triton", "--ev", "1"], capsys)
    assert updates[-1]["environment"].name == "AzureML-Triton"
    assert "inference" not in updates[-1]
    assert run(["service", "update", "-n", "open1", "-e", "Nowhere"]) == 1
    assert "environment 'Nowhere' is not registered" in capsys.readouterr().err


def test_an_update_that_is_interrupted_says_what_goes_on(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, **__: Any) -> Service:
        raise KeyboardInterrupt

    monkeypatch.setattr(update, "update", interrupted)
    assert run(["service", "update", "-n", "open1", "--ae", "true"]) == 130
    assert "an update that was begun goes on without this command" in capsys.readouterr().err


def test_an_update_with_nothing_to_change(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["service", "update", "-n", "open1"]) == 1
    assert capsys.readouterr().err == "error: No parameters provided to update.\n"
    assert run(["service", "update", "-n", "open1", "-e", "AzureML-Triton"]) == 1
    assert "Service open1 has no entry script, and so no environment" in capsys.readouterr().err


def test_access_tokens_are_made_for_services_that_take_them(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["service", "get-access-token", "-n", "open1"]) == 1
    assert "service 'open1' takes no access tokens" in capsys.readouterr().err
    workspace.services.update("open1", token_auth_enabled=True)
    assert set(document(["get-access-token", "-n", "open1"], capsys)) == {
        *("accessToken", "tokenType", "refreshAfter", "expiryOn")
    }
