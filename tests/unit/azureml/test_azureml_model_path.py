from __future__ import annotations

from pathlib import Path

import pytest

from naiad.azureml.core import Model, Workspace
from naiad.azureml.exceptions import ModelNotFoundException, WebserviceException


@pytest.fixture
def app_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service's folder with `bert` 2 and 10, and an odd folder beside them."""
    for version in ("2", "10"):
        folder = tmp_path / "app" / "azureml-models" / "bert" / version
        folder.mkdir(parents=True)
        (folder / f"weights{version}.bin").write_bytes(b"")
    (tmp_path / "app" / "azureml-models" / "bert" / "odd").mkdir()
    monkeypatch.setenv("AML_APP_ROOT", str(tmp_path / "app"))
    return tmp_path / "app"


def test_the_only_entry_of_the_latest_version(app_root: Path) -> None:
    models = app_root / "azureml-models" / "bert"
    assert Model.get_model_path("bert") == str(models / "10" / "weights10.bin")
    assert Model.get_model_path("bert", 2) == str(models / "2" / "weights2.bin")


def test_several_entries_are_refused(app_root: Path) -> None:
    (app_root / "azureml-models" / "bert" / "10" / "more").mkdir()
    with pytest.raises(WebserviceException, match=r"can contain only 1 file or folder\. Found \['more', 'weights10"):
        Model.get_model_path("bert")


def test_what_is_here_is_taken_when_no_version_is_asked_for(app_root: Path, project: Path) -> None:
    assert Model.get_model_path("models") == "models"
    with pytest.raises(ModelNotFoundException):
        Model.get_model_path("models", 1)


@pytest.mark.parametrize(("name", "version"), [("gone", None), ("bert", 3), ("../azureml-models/bert", None)])
def test_models_that_are_not_there(app_root: Path, name: str, version: int | None) -> None:
    with pytest.raises(ModelNotFoundException, match=f"Model {name} not found in cache at {app_root}/azureml-models"):
        Model.get_model_path(name, version)


def test_models_of_a_workspace(ws: Workspace) -> None:
    Model.register(ws, "models", "bert")
    path = Path(Model.get_model_path("bert", _workspace=ws))
    assert (path.name, (path / "triton").is_dir()) == ("models", True)
    with pytest.raises(ModelNotFoundException, match="model 'bert:2' is not registered"):
        Model.get_model_path("bert", 2, ws)
