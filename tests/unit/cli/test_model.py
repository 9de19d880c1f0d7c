from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace

from .conftest import Naiad

REGISTER = ("model", "register", "-n", "bert", "-p", "models")


@pytest.mark.parametrize(
    "arguments",
    [
        "ml model register -n my_triton_model -p models --model-framework=Multi",
        "model register --name=my_triton_model --model-path=models --model-framework Multi",
    ],
)
def test_the_seeds_registration(naiad: Naiad, models: Path, arguments: str) -> None:
    outcome = naiad(*arguments.split())
    assert outcome.document["id"] == "my_triton_model:1"
    assert outcome.document["framework"] == "Multi"
    assert outcome.err == "Registering model my_triton_model\n"


def test_everything_that_can_be_said(naiad: Naiad, models: Path, tmp_path: Path) -> None:
    document = naiad(
        *REGISTER,
        *("--model-framework", "Onnx", "--model-framework-version", "1.19", "-d", "a test"),
        *("--tag", "a=1", "--tag", "b=2", "--property", "p=q=r"),
        *("--cc", "0.5", "--gb", "2", "--gc", "1", "-t", "modelinfo.json"),
    ).document
    assert document["frameworkVersion"] == "1.19"
    assert document["description"] == "a test"
    assert document["tags"] == {"a": "1", "b": "2"}
    assert document["properties"] == {"p": "q=r"}
    assert document["resourceConfiguration"] == {"cpu": 0.5, "memoryInGB": 2.0, "gpu": 1}
    assert json.loads((tmp_path / "modelinfo.json").read_text()) == {
        "modelId": "bert:1",
        "workspaceName": "default",
        "resourceGroupName": None,
    }


def test_registering_twice_gives_the_next_version(naiad: Naiad, models: Path) -> None:
    assert [naiad(*REGISTER).document["version"] for _ in range(2)] == [1, 2]


def test_the_seeds_drawing_is_warned_about(naiad: Naiad, models: Path) -> None:
    (models / "triton" / "bert" / "1" / "config.pbtxt").write_bytes(b"")
    outcome = naiad(*REGISTER, "--model-framework", "Multi")
    assert "warning: models/triton/bert/1/config.pbtxt is inside the version folder" in outcome.err
    assert json.loads(outcome.out)["version"] == 1
    quiet = naiad(*REGISTER, "--model-framework", "Multi", "--only-show-errors")
    assert quiet.err == ""


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["-n", "bad name", "-p", "models"], 1, "error: Error, provided model name is invalid."),
        (["-n", "a", "-p", "nothing"], 1, "error: Path does not exist: nothing"),
        (["-n", "a", "-p", "models", "--model-framework", "Caffe"], 1, "error: model framework 'Caffe' is not known"),
        (["-n", "a", "-p", "models/triton/bert", "--model-framework", "Multi"], 1, "holds no Triton model repository"),
        (["-n", "a", "-p", "models", "--tag", "x"], 2, "error: --tag must be key=value, not 'x'"),
        (["-n", "a", "-p", "models", "--cc", "many"], 2, "'--cpu-cores' / '--cc'"),
        (["-n", "a", "-p", "models", "-t", "no/folder.json"], 2, "lies in a folder that does not exist"),
    ],
)
def test_registrations_that_fail(naiad: Naiad, models: Path, arguments: list[str], status: int, message: str) -> None:
    outcome = naiad("model", "register", *arguments)
    assert (outcome.status, outcome.out) == (status, "")
    assert message in outcome.err
    assert naiad("model", "list").document == []


def test_list(naiad: Naiad, models: Path) -> None:
    naiad(*REGISTER, "--tag", "a=1", "--property", "p=q")
    naiad(*REGISTER, "--tag", "a=2")
    naiad("model", "register", "-n", "cnn", "-p", "models", "--model-framework", "Multi")

    def ids(*arguments: str) -> Any:
        return naiad("model", "list", *arguments, "--query", "[].id").document

    assert ids() == ["bert:1", "bert:2", "cnn:1"]
    assert ids("-n", "bert") == ["bert:1", "bert:2"]
    assert ids("--latest") == ["bert:2", "cnn:1"]
    assert ids("--tag", "a") == ["bert:1", "bert:2"]
    assert ids("--tag", "a=2") == ["bert:2"]
    assert ids("--property", "p=q") == ["bert:1"]
    assert ids("--model-framework", "multi") == ["cnn:1"]
    lines = naiad("model", "list", "-o", "table").out.splitlines()
    assert lines[0].split() == ["Id", "Framework", "SizeBytes", "CreatedTime"]
    assert [line.split()[0] for line in lines[2:]] == ["bert:1", "bert:2", "cnn:1"]


def test_show(naiad: Naiad, models: Path) -> None:
    for _ in range(2):
        naiad(*REGISTER)
    for arguments, version in (
        (["-i", "bert:1"], 1),
        (["-i", "bert"], 2),
        (["-n", "bert"], 2),
        (["-n", "bert", "--version", "1"], 1),
    ):
        assert naiad("model", "show", *arguments).document["version"] == version
    for arguments in ([], ["-i", "bert:1", "-n", "bert"], ["-i", "bert:1", "--version", "1"]):
        assert naiad("model", "show", *arguments).status == 2
    missing = naiad("model", "show", "-n", "bert", "--version", "7")
    assert missing.status == 1
    assert missing.err == "error: model 'bert:7' is not registered\n\nhint: registered versions of 'bert': 1, 2\n"
    assert naiad("model", "show", "-i", "bert:x").status == 1


def test_update(naiad: Naiad, models: Path) -> None:
    naiad(*REGISTER, "--tag", "a=1", "--property", "p=1", "-d", "old")
    changed = naiad(
        *("model", "update", "-i", "bert:1", "--add-tag", "b=2", "--add-tag", "c=3", "--remove-tag", "a"),
        *("--add-property", "q=2", "--description", "new", "--gb", "4"),
    ).document
    assert (changed["tags"], changed["properties"]) == ({"b": "2", "c": "3"}, {"p": "1", "q": "2"})
    assert (changed["description"], changed["resourceConfiguration"]["memoryInGB"]) == ("new", 4.0)
    assert naiad("model", "show", "-i", "bert").document == changed
    assert naiad("model", "update", "-i", "bert", "--cc", "2", "--gc", "1").document["resourceConfiguration"] == {
        "cpu": 2.0,
        "memoryInGB": 4.0,
        "gpu": 1,
    }
    refused = naiad("model", "update", "-i", "bert:1", "--add-property", "p=2")
    assert refused.status == 1
    assert "properties are immutable, the following keys cannot be added/modified: p" in refused.err


def test_download(naiad: Naiad, models: Path, tmp_path: Path) -> None:
    naiad(*REGISTER)
    assert naiad("model", "download", "-i", "bert:1", "-t", "out").document == str(tmp_path / "out" / "models")
    assert (tmp_path / "out/models/triton/bert/1/model.onnx").read_bytes() == b"weights"
    again = naiad("model", "download", "-i", "bert:1", "-t", "out")
    assert again.status == 1
    assert "already exists" in again.err
    assert naiad("model", "download", "-i", "bert:1", "-t", "out", "--overwrite").status == 0


def test_delete(naiad: Naiad, models: Path, tmp_path: Path) -> None:
    naiad(*REGISTER)
    services = Workspace(tmp_path / "workspace").services
    services.create(Service("qa-service", ("bert:1",)), overwrite=False)
    refused = naiad("model", "delete", "-i", "bert:1")
    assert refused.status == 1
    assert refused.err == (
        "error: model 'bert:1' is used by service 'qa-service' and cannot be deleted\n\n"
        "hint: delete it first: naiad service delete -n qa-service\n"
    )
    services.delete("qa-service")
    assert naiad("model", "delete", "--model-id=bert:1").document["id"] == "bert:1"
    assert naiad("model", "delete", "-i", "bert:1").status == 1


def test_deploy_is_a_verb_of_model(naiad: Naiad) -> None:
    outcome = naiad("model", "deploy", "--help")
    assert outcome.status == 0
    assert "--deploy-config-file, --dc" in outcome.out


def test_a_terminal_gets_a_bar(naiad: Naiad, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    outcome = naiad(*REGISTER)
    assert "Registering model bert" in outcome.err
    assert "7/7 bytes" in outcome.err
    assert json.loads(outcome.out)["sizeBytes"] == 7
