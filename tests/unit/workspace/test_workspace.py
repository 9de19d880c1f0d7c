from __future__ import annotations

import os
import stat
from pathlib import Path

import platformdirs
import pytest

from naiad.errors import ConfigError, InvalidArgumentError
from naiad.workspace.workspace import Workspace, find_root


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAIAD_WORKSPACE", raising=False)
    monkeypatch.setattr(platformdirs, "user_data_path", lambda name: tmp_path / "data" / name)
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")


def test_the_users_own_is_the_last_resort(tmp_path: Path) -> None:
    workspace = Workspace.open()
    assert workspace.root == tmp_path / "data" / "naiad"
    assert workspace.name == "default"


def test_the_nearest_folder_up(tmp_path: Path) -> None:
    (tmp_path / ".naiad").mkdir()
    assert Workspace.open().root == tmp_path / ".naiad"
    (tmp_path / "a" / ".naiad").mkdir()
    workspace = Workspace.open()
    assert workspace.root == tmp_path / "a" / ".naiad"
    assert workspace.name == "a"


def test_a_file_of_that_name_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "a" / ".naiad").write_bytes(b"")
    assert find_root(Path.cwd()) == tmp_path / "data" / "naiad"


def test_the_environment_wins_over_folders_and_the_argument_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".naiad").mkdir()
    monkeypatch.setenv("NAIAD_WORKSPACE", str(tmp_path / "named"))
    assert Workspace.open().root == tmp_path / "named"
    assert Workspace.open(tmp_path / "given").root == tmp_path / "given"
    monkeypatch.setenv("NAIAD_WORKSPACE", "relative")
    assert Workspace.open().root == tmp_path / "a" / "b" / "relative"


def test_anothers_folder_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".naiad").mkdir()
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    assert find_root(Path.cwd()) == tmp_path / "data" / "naiad"
    assert "belongs to another user and is passed over" in caplog.text


def test_a_new_workspace_is_private() -> None:
    assert stat.S_IMODE(Workspace.open().root.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot be made: ") as caught:
        Workspace.open(tmp_path / "file" / "workspace")
    assert "NAIAD_WORKSPACE" in str(caught.value.hint)


def test_limits_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAIAD_MODEL_MAX_FILES", "none")
    with pytest.raises(InvalidArgumentError, match="NAIAD_MODEL_MAX_FILES"):
        Workspace.open()


def test_database_and_artifacts_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    workspace = Workspace(
        tmp_path / "root",
        database_url=f"sqlite:///{tmp_path / 'elsewhere.db'}",
        artifact_root=tmp_path / "blobs",
    )
    workspace.models.register(tmp_path / "file", name="m")
    assert workspace.models.path("m").read_bytes() == b"x"
    assert (tmp_path / "elsewhere.db").exists()
    assert (tmp_path / "blobs" / "sha256").is_dir()
    assert sorted(path.name for path in workspace.root.iterdir()) == ["models"]
