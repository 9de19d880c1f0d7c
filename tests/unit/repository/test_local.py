"""A model repository in a local folder, and the things that people leave in one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from naiad.errors import ConfigError, InternalError, InvalidArgumentError, UnsupportedError
from naiad.repository.local import LocalRepository, ModelFolder


@pytest.fixture
def model(tmp_path: Path) -> ModelFolder:
    path = tmp_path / "m"
    (path / "1").mkdir(parents=True)
    return ModelFolder("m", path)


def write(model: ModelFolder, name: str, content: bytes = b"x") -> Path:
    path = model.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


class TestRepository:
    def test_folders_are_models(self, tmp_path: Path) -> None:
        for name in ("b", "a", "Z", "with space", "é"):
            (tmp_path / name).mkdir()
        (tmp_path / "README.md").write_text("")
        (tmp_path / ".git").mkdir()
        repository = LocalRepository(tmp_path)
        assert [folder.name for folder in repository.models()] == ["Z", "a", "b", "with space", "é"]
        assert all(folder.path == repository.path / folder.name for folder in repository.models())

    def test_a_link_to_a_folder_is_a_model_and_a_broken_one_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "linked").symlink_to(tmp_path / "real")
        (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
        assert [folder.name for folder in LocalRepository(tmp_path).models()] == ["linked", "real"]

    @pytest.mark.parametrize("name", ["nothing", "file"])
    def test_what_is_no_folder(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(InvalidArgumentError) as caught:
            LocalRepository(tmp_path / name)
        assert caught.value.message == f"model repository '{tmp_path / name}' is not a directory"
        assert caught.value.hint

    def test_one_that_is_gone(self, tmp_path: Path) -> None:
        path = tmp_path / "models"
        path.mkdir()
        repository = LocalRepository(path)
        path.rmdir()
        with pytest.raises(InvalidArgumentError, match="unable to read model repository"):
            repository.models()

    def test_a_model_by_name(self, tmp_path: Path) -> None:
        (tmp_path / "a" / "1").mkdir(parents=True)
        repository = LocalRepository(tmp_path)
        found = repository.model("a")
        assert found is not None
        assert found.path == repository.path / "a"

    @pytest.mark.parametrize("name", ["", ".", "..", "b", "a/1", "./a", "a/", "/", "*", "a\0"])
    def test_nothing_else_finds_one(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "a" / "1").mkdir(parents=True)
        assert LocalRepository(tmp_path).model(name) is None


class TestVersions:
    def test_numbers_in_numeric_order(self, model: ModelFolder) -> None:
        for name in ("10", "2", "9223372036854775807"):
            (model.path / name).mkdir()
        assert model.versions() == [1, 2, 10, 9223372036854775807]

    @pytest.mark.parametrize("name", ["0", "01", "-1", "1.0", "v1", "latest", "1a", "٣", "²"])
    def test_other_names_are_left_out_with_a_warning(
        self, model: ModelFolder, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        (model.path / name).mkdir()
        assert model.versions() == [1]
        assert f"ignoring folder '{name}'" in caplog.text

    @pytest.mark.parametrize("name", ["warmup", "initial_state", "configs", ".hidden"])
    def test_known_folders_without_one(self, model: ModelFolder, name: str, caplog: pytest.LogCaptureFixture) -> None:
        (model.path / name).mkdir()
        assert model.versions() == [1]
        assert not caplog.text

    def test_files_are_no_versions(self, model: ModelFolder) -> None:
        write(model, "2")
        assert model.versions() == [1]

    def test_the_folder_of_one(self, model: ModelFolder) -> None:
        assert model.version_path(1) == model.path / "1"


class TestConfig:
    def test_none(self, model: ModelFolder) -> None:
        assert model.config_text() is None

    def test_text(self, model: ModelFolder) -> None:
        write(model, "config.pbtxt", 'name: "é"'.encode())
        assert model.config_text() == 'name: "é"'

    def test_what_is_no_text(self, model: ModelFolder) -> None:
        write(model, "config.pbtxt", b"ab\xff")
        with pytest.raises(ConfigError, match=r"config\.pbtxt is not UTF-8 text: invalid start byte at byte 2"):
            model.config_text()

    def test_what_is_no_file(self, model: ModelFolder) -> None:
        (model.path / "config.pbtxt").mkdir()
        with pytest.raises(InternalError, match=r"unable to read .*config\.pbtxt: "):
            model.config_text()


class TestFiles:
    def test_beside_the_configuration(self, model: ModelFolder) -> None:
        write(model, "labels.txt", "é\n".encode())
        assert model.read_text("labels.txt", purpose="labels") == "é\n"

    @pytest.mark.parametrize("name", ["../secret", "1/../../secret", "{}/../secret", "{}", "link"])
    def test_outside_the_folder(self, model: ModelFolder, name: str) -> None:
        write(model, "../secret")
        (model.path / "link").symlink_to(model.path.parent / "secret")
        with pytest.raises(UnsupportedError, match="labels in model 'm' is outside model directory"):
            model.read_text(name.format(model.path.parent / "secret"), purpose="labels")

    def test_a_sibling_whose_name_begins_alike_is_outside(self, model: ModelFolder) -> None:
        write(model, "../m2/secret")
        with pytest.raises(UnsupportedError):
            model.read_text("../m2/secret", purpose="labels")

    @pytest.mark.parametrize("name", ["nothing", "1", "1/nothing/x", "a" * 300])
    def test_what_is_no_file(self, model: ModelFolder, name: str) -> None:
        with pytest.raises(InternalError, match="failed to open text file for read ") as caught:
            model.read_text(name, purpose="labels")
        assert caught.value.hint == "labels in model 'm' names that file"

    def test_what_is_no_text(self, model: ModelFolder) -> None:
        write(model, "labels.txt", b"\xff")
        with pytest.raises(InvalidArgumentError, match="labels in model 'm' is not UTF-8 text"):
            model.read_text("labels.txt", purpose="labels")


class TestFingerprint:
    def test_it_stays_when_nothing_changes(self, model: ModelFolder) -> None:
        write(model, "config.pbtxt")
        write(model, "1/model.onnx")
        assert model.fingerprint() == model.fingerprint()

    @pytest.mark.parametrize(
        ("name", "part"),
        [("config.pbtxt", "config"), ("labels.txt", "shared"), ("warmup/data", "shared"), ("1/model.onnx", "1")],
    )
    def test_a_change_shows_where_it_is(self, model: ModelFolder, name: str, part: str) -> None:
        path = write(model, name)
        before = model.fingerprint()
        os.utime(path, ns=(1, 1))
        after = model.fingerprint()
        changed = {
            "config": before.config != after.config,
            "shared": before.shared != after.shared,
            "1": before.versions != after.versions,
        }
        assert [name for name, is_changed in changed.items() if is_changed] == [part]

    def test_new_versions_show(self, model: ModelFolder) -> None:
        write(model, "1/model.onnx")
        before = model.fingerprint()
        write(model, "2/model.onnx")
        after = model.fingerprint()
        assert set(after.versions) == {1, 2}
        assert before.versions[1] == after.versions[1]
