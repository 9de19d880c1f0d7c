from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from naiad.azureml.core import Model, Workspace
from naiad.azureml.core.workspace import local_workspace
from naiad.azureml.exceptions import UserErrorException, WorkspaceException

LABELS = {"subscription_id": "s", "resource_group": "g", "workspace_name": "w"}


def write(file: Path, content: Any = LABELS) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))


def root_of(workspace: Workspace) -> Path:
    return local_workspace(workspace).root


def test_no_file_is_needed(project: Path) -> None:
    ws = Workspace.from_config()
    assert root_of(ws) == project / ".naiad"
    assert (ws.name, ws.subscription_id, ws.resource_group) == ("project", None, None)


def test_without_any_folder_it_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_data_path", lambda name: tmp_path / "data" / name)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert root_of(Workspace.from_config()) == tmp_path / "data" / "naiad"


@pytest.mark.parametrize(
    "place", [".azureml/config.json", "aml_config/config.json", "config.json", ".azureml/project.json", "project.json"]
)
def test_files_are_found_from_below(project: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    write(project / place)
    (project / "src" / "deep").mkdir(parents=True)
    monkeypatch.chdir(project / "src" / "deep")
    for ws in (Workspace.from_config(), Workspace.from_config("."), Workspace.from_config(project / place)):
        assert (ws.name, ws.subscription_id, ws.resource_group) == ("w", "s", "g")
        assert root_of(ws) == project / ".naiad"


def test_the_nearest_file_wins_and_then_the_folders_order(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project / "config.json", {**LABELS, "workspace_name": "plain"})
    write(project / "aml_config" / "config.json", {**LABELS, "workspace_name": "old"})
    assert Workspace.from_config().name == "old"
    write(project / ".azureml" / "config.json", {**LABELS, "workspace_name": "new"})
    assert Workspace.from_config().name == "new"
    write(project / "src" / "config.json", {**LABELS, "workspace_name": "near"})
    monkeypatch.chdir(project / "src")
    assert Workspace.from_config().name == "near"


def test_a_config_json_of_another_kind_is_passed_over(project: Path) -> None:
    write(project / "config.json", {"hidden_size": 768})
    assert Workspace.from_config().name == "project"


def test_a_path_without_a_file(project: Path) -> None:
    with pytest.raises(UserErrorException) as caught:
        Workspace.from_config(path=project)
    assert caught.value.message.startswith(
        f"The workspace configuration file config.json, could not be found in {project} or its parent directories. "
        "Please check whether the workspace configuration file exists, or provide the full path to the configuration "
        "file as an argument."
    )


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_file_that_cannot_be_used(project: Path, content: str) -> None:
    write(project / ".azureml" / "config.json", content)
    with pytest.raises(UserErrorException, match="must be JSON with the keys subscription_id"):
        Workspace.from_config()


def test_write_config(project: Path) -> None:
    Workspace("s", "g", "w").write_config()
    assert json.loads((project / ".azureml" / "config.json").read_text()) == LABELS
    assert Workspace.from_config().name == "w"
    Workspace("s", "g", "other").write_config(project / "sub", "mine.json")
    assert Workspace.from_config(project / "sub", _file_name="mine.json").name == "other"


def test_a_workspace_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("NAIAD_WORKSPACE", str(tmp_path / "file" / "sub"))
    with pytest.raises(WorkspaceException, match="cannot be made"):
        Workspace.from_config()


def test_models_by_name(ws: Workspace) -> None:
    for name in ("a", "a", "b"):
        Model.register(ws, "models", name)
    assert {name: model.version for name, model in ws.models.items()} == {"a": 2, "b": 1}
    assert ws.webservices == {}


def test_something_else_than_a_workspace() -> None:
    with pytest.raises(UserErrorException, match=r"workspace must be a naiad.azureml.core.Workspace, not str"):
        Model.list("ws")  # type: ignore[arg-type]
