from __future__ import annotations

import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from naiad.errors import AlreadyExistsError, InternalError, InvalidArgumentError, NotFoundError
from naiad.workspace.keys import ServiceKeys
from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace


@pytest.fixture(autouse=True)
def models(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for name in ("bert", "bert", "cnn"):
        workspace.models.register(tmp_path / "file", name=name)


def create(workspace: Workspace, name: str = "qa-service", *, overwrite: bool = False, **given: Any) -> Service:
    service = Service(name=name, **{"model_ids": ("bert:1",), **given})
    return workspace.services.create(service, overwrite=overwrite)


def test_what_is_created_is_what_is_found(workspace: Workspace) -> None:
    service = create(
        workspace,
        description="answers",
        tags={"a": "b"},
        properties={"p": "q"},
        auth_enabled=True,
        port=6789,
        deployment={"computeType": "local", "port": 6789},
    )
    assert Workspace(workspace.root).services.get("qa-service") == service
    assert (service.compute_type, service.port, service.auth_enabled) == ("Local", 6789, True)
    assert service.deployment == {"computeType": "local", "port": 6789}
    assert service.created_time == service.updated_time
    assert service.created_by


def test_models_are_recorded_with_their_versions_in_order(workspace: Workspace) -> None:
    service = create(workspace, model_ids=("cnn", "bert", "bert:1"))
    assert service.model_ids == ("cnn:1", "bert:2", "bert:1")
    assert workspace.services.get("qa-service").model_ids == ("cnn:1", "bert:2", "bert:1")


def test_a_model_that_is_not_registered(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match="model 'bert:9' is not registered"):
        create(workspace, model_ids=("bert:9",))
    assert workspace.services.list() == []


@pytest.mark.parametrize("name", ["abc", "a-1", "triton-densenet-onnx-local12345", "x" * 32])
def test_names(workspace: Workspace, name: str) -> None:
    assert create(workspace, name).name == name


@pytest.mark.parametrize("name", ["", "ab", "1ab", "-ab", "ab-", "Abc", "a_b", "a.b", "../x", "a/b", "x" * 33, "abc\n"])
def test_names_that_are_none(workspace: Workspace, name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="provided service name is invalid"):
        create(workspace, name)
    with pytest.raises(InvalidArgumentError, match="provided service name is invalid"):
        workspace.services.directory(name)


def test_a_name_that_is_taken(workspace: Workspace) -> None:
    create(workspace)
    with pytest.raises(AlreadyExistsError) as caught:
        create(workspace)
    assert caught.value.message == (
        "Service qa-service with the same name already exists, please use a different service name or delete the "
        "existing service."
    )


def test_overwriting_keeps_keys_and_the_first_time(workspace: Workspace) -> None:
    before = create(workspace, tags={"old": "1"}, port=1234)
    keys = workspace.services.keys("qa-service")
    after = create(workspace, overwrite=True, model_ids=("cnn:1",))
    assert workspace.services.keys("qa-service") == keys
    assert after.created_time == before.created_time
    assert after.updated_time > before.updated_time
    assert (after.tags, after.port, after.model_ids) == ({}, None, ("cnn:1",))
    workspace.models.delete("bert:1")


def test_overwriting_what_is_not_there_creates_it(workspace: Workspace) -> None:
    assert create(workspace, overwrite=True).name == "qa-service"


def test_the_folder_is_private(workspace: Workspace) -> None:
    create(workspace)
    folder = workspace.services.directory("qa-service")
    assert folder == workspace.root / "services" / "qa-service"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == ["keys.json"]


def test_update(workspace: Workspace) -> None:
    before = create(workspace, tags={"a": "1"}, description="d")
    after = workspace.services.update("qa-service", error="it fell over", port=1, model_ids=("cnn:1",))
    assert (after.error, after.port, after.model_ids) == ("it fell over", 1, ("cnn:1",))
    assert (after.tags, after.description) == ({"a": "1"}, "d")
    assert after.updated_time > before.updated_time
    assert workspace.services.update("qa-service", error=None).error is None
    with pytest.raises(NotFoundError, match="service 'nothing' does not exist"):
        workspace.services.update("nothing", error=None)
    with pytest.raises(NotFoundError, match="model 'gpt' is not registered"):
        workspace.services.update("qa-service", model_ids=("gpt",), description="lost")
    assert workspace.services.get("qa-service").description == "d"


def test_lists(workspace: Workspace) -> None:
    create(workspace, "one", tags={"k": "1"})
    create(workspace, "two", model_ids=("bert:2", "cnn:1"), tags={"k": "2"}, properties={"p": "q"})

    def names(**given: Any) -> list[str]:
        return [service.name for service in workspace.services.list(**given)]

    assert names() == ["one", "two"]
    assert names(compute_type="local") == ["one", "two"]
    assert names(compute_type="aks") == []
    assert names(model_name="bert") == ["one", "two"]
    assert names(model_name="cnn") == names(model_id="bert:2") == ["two"]
    assert names(model_id="bert") == []
    assert names(tags={"k": "1"}) == ["one"]
    assert names(tags={"k": None}) == ["one", "two"]
    assert names(properties={"p": "q"}) == ["two"]


def test_delete(workspace: Workspace) -> None:
    create(workspace)
    folder = workspace.services.directory("qa-service")
    (folder / "log").write_text("lines")
    assert workspace.services.delete("qa-service").name == "qa-service"
    assert not folder.exists()
    with pytest.raises(NotFoundError, match="service 'qa-service' does not exist") as caught:
        workspace.services.get("qa-service")
    assert caught.value.hint == "no service is deployed in this workspace yet"
    create(workspace, "other")
    with pytest.raises(NotFoundError) as caught:
        workspace.services.delete("qa-service")
    assert caught.value.hint == "existing services: other"


def test_keys(workspace: Workspace) -> None:
    create(workspace)
    first = workspace.services.keys("qa-service")
    assert workspace.services.regenerate_key("qa-service", "primary").secondary == first.secondary
    second = workspace.services.keys("qa-service")
    assert second.primary != first.primary
    chosen = workspace.services.regenerate_key("qa-service", "secondary", value="chosen-by-hand")
    assert chosen == workspace.services.keys("qa-service") == ServiceKeys(second.primary, "chosen-by-hand")
    with pytest.raises(InvalidArgumentError, match="a key must consist of"):
        workspace.services.regenerate_key("qa-service", "primary", value="x")
    workspace.services.set_keys("qa-service", first)
    assert workspace.services.keys("qa-service") == first


def test_both_keys_regenerated_at_once(workspace: Workspace) -> None:
    create(workspace)
    before = workspace.services.keys("qa-service")
    threads = [
        threading.Thread(target=workspace.services.regenerate_key, args=("qa-service", which))
        for which in ("primary", "secondary")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    after = workspace.services.keys("qa-service")
    assert after.primary != before.primary
    assert after.secondary != before.secondary


def test_keys_of_a_service_that_is_not_there(workspace: Workspace) -> None:
    for call in (workspace.services.keys, workspace.services.keys_file):
        with pytest.raises(NotFoundError, match="service 'nothing' does not exist"):
            call("nothing")
    with pytest.raises(NotFoundError):
        workspace.services.regenerate_key("nothing", "primary")


def test_a_key_file_that_is_gone(workspace: Workspace) -> None:
    create(workspace)
    workspace.services.keys_file("qa-service").unlink()
    with pytest.raises(InternalError, match="cannot be read"):
        workspace.services.keys("qa-service")
