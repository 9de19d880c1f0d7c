from __future__ import annotations

import json
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from naiad.errors import (
    AlreadyExistsError,
    ConfigError,
    ConflictError,
    ContentTooLargeError,
    InvalidArgumentError,
    NotFoundError,
)
from naiad.workspace.models import Model, parse_id
from naiad.workspace.services import Service
from naiad.workspace.tree import ModelLimits
from naiad.workspace.workspace import Workspace


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"weights")
    return path


def register(workspace: Workspace, path: Path, name: str = "bert", **given: Any) -> Model:
    return workspace.models.register(path, name=name, **given)


def stored_files(workspace: Workspace) -> set[bytes]:
    return {path.read_bytes() for path in (workspace.root / "artifacts" / "sha256").rglob("*") if path.is_file()}


def test_what_is_registered_is_what_is_found(workspace: Workspace, file: Path) -> None:
    model = register(
        workspace,
        file,
        framework="onnx",
        framework_version="1.19",
        description="a test",
        tags={"area": "nlp"},
        properties={"run": "7"},
        cpu=0.5,
        memory_gb=2,
        gpu=0,
    )
    assert workspace.models.get("bert") == model
    assert workspace.models.get("bert", 1) == model
    assert workspace.models.get_by_id("bert:1") == workspace.models.get_by_id("bert") == model
    assert (model.id, model.version, model.framework, model.entry) == ("bert:1", 1, "Onnx", "model.onnx")
    assert (model.size_bytes, model.cpu, model.memory_gb, model.gpu) == (7, 0.5, 2.0, 0)
    assert datetime.now(UTC) - model.created_time < timedelta(minutes=1)
    assert model.created_by
    assert Workspace(workspace.root).models.get("bert") == model


def test_the_document_has_azures_keys(workspace: Workspace, file: Path) -> None:
    document = register(workspace, file, tags={"a": "b"}, memory_gb=2).to_dict()
    assert json.loads(json.dumps(document)) == document
    assert document["id"] == "bert:1"
    assert document["resourceConfiguration"] == {"cpu": None, "memoryInGB": 2, "gpu": None}
    azure = "createdTime description experimentName framework frameworkVersion id name properties runId tags version"
    assert set(document) >= set(azure.split())


def test_versions_only_grow(workspace: Workspace, file: Path) -> None:
    assert [register(workspace, file).version for _ in range(3)] == [1, 2, 3]
    workspace.models.delete("bert:3")
    assert workspace.models.get("bert").version == 2
    assert register(workspace, file).version == 4
    for version in (1, 2, 4):
        workspace.models.delete(f"bert:{version}")
    assert register(workspace, file).version == 5
    assert register(workspace, file, "other").version == 1


def test_registrations_at_once_get_versions_of_their_own(workspace: Workspace, file: Path) -> None:
    threads = [threading.Thread(target=register, args=(Workspace(workspace.root), file)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [model.version for model in workspace.models.list("bert")] == list(range(1, 9))


@pytest.mark.parametrize("name", ["a", "0", "A.b-c_d", "x" * 255])
def test_names(workspace: Workspace, file: Path, name: str) -> None:
    assert register(workspace, file, name).name == name


@pytest.mark.parametrize("name", ["", "-a", ".a", "_a", "a b", "a/b", "../a", "a:1", "ä", "x" * 256, "a\n"])
def test_names_that_are_none(workspace: Workspace, file: Path, name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="provided model name is invalid"):
        register(workspace, file, name)
    assert not (workspace.root / "models").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"framework": "Caffe"}, "model framework 'Caffe' is not known: expected one of Custom, TensorFlow"),
        ({"framework_version": "2"}, "Model framework version cannot be provided without a valid framework"),
        ({"tags": {"": "x"}}, "a tag must be"),
        ({"properties": {"x": 1}}, "a property must be"),
        ({"cpu": 0}, "cpu must be greater than zero, not 0"),
        ({"memory_gb": float("nan")}, "memory_gb must be greater than zero, not nan"),
        ({"gpu": -1}, "gpu must be greater than zero, not -1"),
    ],
)
def test_values_that_cannot_be_registered(workspace: Workspace, file: Path, given: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        register(workspace, file, **given)
    assert workspace.models.list() == []


def test_limits(tmp_path: Path, file: Path) -> None:
    workspace = Workspace(tmp_path / "small", limits=ModelLimits(max_size_bytes=6))
    with pytest.raises(ContentTooLargeError, match="bigger than 6 bytes"):
        register(workspace, file)


def test_a_workspace_is_never_part_of_a_model(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "project" / ".naiad")
    (tmp_path / "project" / "file").write_bytes(b"x")
    model = register(workspace, tmp_path / "project")
    assert [path.name for path in workspace.models.path(model.id).iterdir()] == ["file"]


def test_models_that_are_not_there(workspace: Workspace, file: Path) -> None:
    with pytest.raises(NotFoundError, match="model 'bert' is not registered") as caught:
        workspace.models.get("bert")
    assert caught.value.hint == "no model is registered in this workspace yet"
    register(workspace, file)
    register(workspace, file)
    with pytest.raises(NotFoundError, match="model 'bert:7' is not registered") as caught:
        workspace.models.get_by_id("bert:7")
    assert caught.value.hint == "registered versions of 'bert': 1, 2"
    for version in (0, -1, 10**30):
        with pytest.raises(NotFoundError, match=f"model 'bert:{version}' is not registered"):
            workspace.models.get("bert", version)
    with pytest.raises(NotFoundError) as caught:
        workspace.models.get("gpt")
    assert caught.value.hint == "registered models: bert"


def test_ids() -> None:
    assert parse_id("bert:12") == ("bert", 12)
    assert parse_id("bert") == ("bert", None)
    for malformed in ("bert:", "bert:x", "bert:-1", "bert:²"):
        with pytest.raises(InvalidArgumentError, match="is malformed: expected name:version"):
            parse_id(malformed)


def test_lists(workspace: Workspace, file: Path) -> None:
    register(workspace, file, "a", tags={"k": "1"}, framework="Onnx")
    register(workspace, file, "b", tags={"k": "2", "l": "x"}, properties={"p": "q"})
    register(workspace, file, "a", tags={"k": "2"})

    def ids(*args: Any, **given: Any) -> list[str]:
        return [model.id for model in workspace.models.list(*args, **given)]

    assert ids() == ["a:1", "a:2", "b:1"]
    assert ids("a") == ["a:1", "a:2"]
    assert ids(latest=True) == ["a:2", "b:1"]
    assert ids(None, {"k": "2"}) == ["a:2", "b:1"]
    assert ids(None, {"k": None, "l": None}) == ["b:1"]
    assert ids(properties={"p": "q"}) == ["b:1"]
    assert ids(framework="ONNX") == ["a:1"]
    assert ids(None, {"k": "1"}, latest=True) == ["a:1"]
    assert ids("nothing") == []


def test_versions_are_listed_as_numbers(workspace: Workspace, file: Path) -> None:
    for _ in range(11):
        register(workspace, file)
    assert workspace.models.list(latest=True)[0].version == 11
    assert workspace.models.get("bert").version == 11


def test_update(workspace: Workspace, file: Path) -> None:
    register(workspace, file, tags={"a": "1"}, properties={"p": "1"}, description="old", cpu=1)
    changed = workspace.models.update("bert:1", description="new", add_tags={"b": "2"}, remove_tags=["a"])
    assert (changed.description, changed.tags, changed.properties, changed.cpu) == ("new", {"b": "2"}, {"p": "1"}, 1)
    assert workspace.models.get("bert") == changed
    changed = workspace.models.update("bert", tags={"c": "3"}, add_properties={"q": "2"}, cpu=None)
    assert (changed.tags, changed.properties, changed.cpu) == ({"c": "3"}, {"p": "1", "q": "2"}, None)
    with pytest.raises(InvalidArgumentError, match="properties are immutable"):
        workspace.models.update("bert:1", description="lost", add_properties={"p": "2"})
    assert workspace.models.get("bert").description == "new"


def test_delete_keeps_what_others_have(workspace: Workspace, tmp_path: Path) -> None:
    for name, content in (("shared", b"shared"), ("own", b"own")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "common").write_bytes(b"common")
        (tmp_path / name / "file").write_bytes(content)
    register(workspace, tmp_path / "shared", "a")
    register(workspace, tmp_path / "shared", "b")
    register(workspace, tmp_path / "own", "c")
    workspace.models.path("c:1")
    workspace.models.delete("c:1")
    assert stored_files(workspace) == {b"common", b"shared"}
    assert not (workspace.root / "models" / "c" / "1").exists()
    workspace.models.delete("a:1")
    assert stored_files(workspace) == {b"common", b"shared"}
    assert (workspace.models.path("b") / "file").read_bytes() == b"shared"
    workspace.models.delete("b:1")
    assert stored_files(workspace) == set()


def test_delete_is_refused_while_services_use_the_model(workspace: Workspace, file: Path) -> None:
    register(workspace, file)
    for name in ("qa2", "qa1"):
        workspace.services.create(Service(name, ("bert:1",)), overwrite=False)
    with pytest.raises(ConflictError, match="model 'bert:1' is used by services 'qa1', 'qa2'") as caught:
        workspace.models.delete("bert:1")
    assert caught.value.hint == "delete it first: naiad service delete -n qa1"
    for name in ("qa2", "qa1"):
        workspace.services.delete(name)
    workspace.models.delete("bert:1")


def test_a_blob_that_is_deleted_during_a_registration_is_stored_again(
    workspace: Workspace, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(workspace, file, "old")
    store = workspace.models._store
    add, calls = store.add, []

    def add_and_delete(*args: Any, **given: Any) -> Any:
        artifact = add(*args, **given)
        calls.append(artifact)
        if len(calls) == 1:
            workspace.models.delete("old:1")
        return artifact

    monkeypatch.setattr(store, "add", add_and_delete)
    register(workspace, file, "new")
    assert workspace.models.path("new").read_bytes() == b"weights"
    assert len(calls) == 2


def test_the_laid_out_tree_is_read_only_and_stays(workspace: Workspace, repository: Path) -> None:
    register(workspace, repository)
    path = workspace.models.path("bert:1")
    assert path == workspace.root / "models" / "bert" / "1" / "models"
    weights = path / "triton" / "bert" / "1" / "model.onnx"
    assert weights.read_bytes() == b"weights of bert"
    assert not stat.S_IMODE(weights.stat().st_mode) & 0o222
    before = weights.stat().st_ino
    assert workspace.models.path("bert") == path
    assert weights.stat().st_ino == before
    assert [entry.name for entry in (workspace.root / "models" / "bert").iterdir()] == ["1"]


def test_a_tree_that_two_lay_out_at_once(workspace: Workspace, repository: Path) -> None:
    register(workspace, repository)
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(workspace.models.path("bert"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 6
    assert len(set(found)) == 1
    assert [entry.name for entry in (workspace.root / "models" / "bert").iterdir()] == ["1"]


def test_a_registry_that_was_thrown_away_without_its_folder(workspace: Workspace, tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        (tmp_path / "model").write_bytes(content)
        workspace = Workspace(workspace.root)
        register(workspace, tmp_path / "model")
        assert workspace.models.path("bert:1").read_bytes() == content
        for leftover in workspace.root.glob("workspace.db*"):
            leftover.unlink()


def test_downloads(workspace: Workspace, repository: Path, tmp_path: Path) -> None:
    register(workspace, repository)
    target = workspace.models.download("bert", tmp_path / "new" / "folder")
    assert target == tmp_path / "new" / "folder" / "models"
    weights = target / "triton" / "bert" / "1" / "model.onnx"
    assert weights.read_bytes() == b"weights of bert"
    assert stat.S_IMODE(weights.stat().st_mode) & 0o200
    weights.write_bytes(b"changed")
    (target / "mine").write_bytes(b"mine")
    with pytest.raises(AlreadyExistsError, match="already exists and downloading model 'bert:1' would write over it"):
        workspace.models.download("bert:1", target.parent)
    assert weights.read_bytes() == b"changed"
    workspace.models.download("bert:1", target.parent, overwrite=True)
    assert weights.read_bytes() == b"weights of bert"
    assert (target / "mine").read_bytes() == b"mine"
    assert [path.name for path in target.parent.iterdir()] == ["models"]


def test_downloads_that_cannot_be_written(workspace: Workspace, file: Path, tmp_path: Path) -> None:
    register(workspace, file)
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(InvalidArgumentError, match="cannot be written: Not a directory"):
        workspace.models.download("bert", tmp_path / "taken")
    (tmp_path / "folder" / "model.onnx" / "inside").mkdir(parents=True)
    with pytest.raises(InvalidArgumentError, match="cannot be written: Is a directory"):
        workspace.models.download("bert", tmp_path / "folder", overwrite=True)


def test_triton_repositories(workspace: Workspace, repository: Path) -> None:
    for name, path, place in (
        ("containing", repository, "models/triton"),
        ("named", repository / "triton", "triton"),
    ):
        register(workspace, path, name, framework="Multi")
        assert workspace.models.triton_repository(name) == workspace.root / "models" / name / "1" / place
    bare = (repository / "triton").rename(repository / "bare")
    register(workspace, bare, "bare", framework="Multi")
    found = workspace.models.triton_repository("bare")
    assert sorted(entry.name for entry in found.iterdir()) == ["bert", "cnn"]
    assert (found / "cnn" / "config.pbtxt").read_text() == "max_batch_size: 8"


def test_a_model_without_a_repository(workspace: Workspace, file: Path) -> None:
    with pytest.raises(ConfigError, match="model 'bert' holds no Triton model repository"):
        register(workspace, file, framework="Multi")
    assert workspace.models.list() == []
    assert stored_files(workspace) == set()
    register(workspace, file)
    with pytest.raises(ConfigError, match="model 'bert:1' holds no Triton model repository"):
        workspace.models.triton_repository("bert")


def test_the_seeds_drawing_is_put_right_where_it_is_served(
    workspace: Workspace, repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = repository / "triton" / "bert" / "1" / "config.pbtxt"
    config.write_text("max_batch_size: 4")
    register(workspace, repository, framework="Multi")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "triton/bert/1/config.pbtxt is inside the version folder" in caplog.text
    served = workspace.models.triton_repository("bert")
    assert (served / "bert" / "config.pbtxt").read_text() == "max_batch_size: 4"
    assert (served / "cnn" / "config.pbtxt").read_text() == "max_batch_size: 8"
    copy = workspace.models.download("bert", repository.parent / "copy")
    assert not (copy / "triton" / "bert" / "config.pbtxt").exists()
