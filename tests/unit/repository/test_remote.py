from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from naiad.errors import InternalError, InvalidArgumentError, NotFoundError, UnavailableError
from naiad.repository.location import FetchSettings, parse_location
from naiad.repository.remote import RemoteRepository
from tests.support.object_store import ObjectStore, object_store


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with object_store() as store:
        store.put("models/a/1/model.onnx", b"one")
        store.put("models/a/config.pbtxt", b"config")
        store.put("models/b/1/model.onnx", b"b")
        store.put("models/README.md")
        yield store


@pytest.fixture
def repository(store: ObjectStore, tmp_path: Path) -> Iterator[RemoteRepository]:
    repository = open_at("memory://models", tmp_path)
    yield repository
    repository.close()


def open_at(url: str, cache: Path, *, max_model_bytes: int = 1000, max_model_files: int = 10) -> RemoteRepository:
    settings = FetchSettings(cache, max_model_bytes=max_model_bytes, max_model_files=max_model_files)
    return RemoteRepository(parse_location(url), settings)


def fetch(repository: RemoteRepository, name: str = "a") -> dict[str, bytes]:
    model = repository.model(name)
    assert model is not None
    folder = model.fetch()
    assert folder.name == name
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}


class TestModels:
    def test_folders_are_models(self, repository: RemoteRepository, store: ObjectStore) -> None:
        assert [model.name for model in repository.models()] == ["a", "b"]
        assert store.fetched == []

    @pytest.mark.parametrize("name", ["", "c", "README.md", "a/1", "..", ".", "a\\b", "a\0", "A"])
    def test_there_is_none_of_this_name(self, repository: RemoteRepository, name: str) -> None:
        assert repository.model(name) is None

    def test_a_name_that_begins_like_another(self, repository: RemoteRepository, store: ObjectStore) -> None:
        store.put("models/ab/1/model.onnx", b"ab")
        assert fetch(repository, "a") == {"1/model.onnx": b"one", "config.pbtxt": b"config"}

    @pytest.mark.parametrize("url", ["memory://models/", "memory:///models"])
    def test_slashes(self, store: ObjectStore, tmp_path: Path, url: str) -> None:
        repository = open_at(url, tmp_path)
        assert fetch(repository)["config.pbtxt"] == b"config"
        repository.close()

    def test_the_whole_store(self, store: ObjectStore, tmp_path: Path) -> None:
        repository = open_at("memory://", tmp_path)
        assert fetch(repository, "models")["a/config.pbtxt"] == b"config"
        repository.close()

    def test_no_such_repository(self, store: ObjectStore, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgumentError, match=r"^model repository 'memory://nothing' does not exist$"):
            open_at("memory://nothing", tmp_path)


class TestFetching:
    def test_only_what_changed_is_fetched(self, repository: RemoteRepository, store: ObjectStore) -> None:
        assert fetch(repository) == {"1/model.onnx": b"one", "config.pbtxt": b"config"}
        store.fetched.clear()
        store.put("models/a/config.pbtxt", b"CONFIG")
        store.put("models/a/2/model.onnx", b"two")
        store.delete("models/a/1")
        assert fetch(repository) == {"2/model.onnx": b"two", "config.pbtxt": b"CONFIG"}
        assert sorted(store.fetched) == ["/models/a/2/model.onnx", "/models/a/config.pbtxt"]

    def test_nothing_changed(self, repository: RemoteRepository, store: ObjectStore) -> None:
        fetch(repository)
        store.fetched.clear()
        assert fetch(repository) == {"1/model.onnx": b"one", "config.pbtxt": b"config"}
        assert store.fetched == []

    def test_the_next_process_finds_the_copies(self, store: ObjectStore, tmp_path: Path) -> None:
        for expected in (2, 0):
            repository = open_at("memory://models", tmp_path)
            store.fetched.clear()
            fetch(repository)
            assert len(store.fetched) == expected
            repository.close()

    def test_the_folder_stays_the_same(self, repository: RemoteRepository, store: ObjectStore) -> None:
        before = repository.models()[0].fetch()
        store.put("models/a/2/model.onnx", b"two")
        after = repository.models()[0].fetch()
        assert before == after
        assert before.fingerprint() != after.fingerprint()
        assert before.fingerprint().versions[1] == after.fingerprint().versions[1]

    def test_the_fingerprint_is_that_of_the_listing(self, repository: RemoteRepository) -> None:
        assert repository.models()[0].fetch().fingerprint() == repository.models()[0].fingerprint()

    def test_a_model_that_vanished(self, repository: RemoteRepository, store: ObjectStore) -> None:
        fetch(repository, "b")
        store.delete("models/b")
        assert [model.name for model in repository.models()] == ["a"]
        assert not [path for path in repository_folders(repository) if path.name == "b"]

    def test_a_failure_leaves_the_old_copy(self, repository: RemoteRepository, store: ObjectStore) -> None:
        fetch(repository)
        folder = repository.models()[0].fetch().path
        store.put("models/a/config.pbtxt", b"new")
        store.put("models/a/2/model.onnx", b"two")

        def fail(name: str) -> None:
            if name.endswith("2/model.onnx"):
                raise OSError("the network is down")

        store.before_fetch = fail
        with pytest.raises(UnavailableError) as caught:
            fetch(repository)
        assert caught.value.message == "unable to read model repository 'memory://models': the network is down"
        assert (folder / "config.pbtxt").read_bytes() == b"config"
        store.before_fetch = lambda _: None
        assert fetch(repository) == {"1/model.onnx": b"one", "2/model.onnx": b"two", "config.pbtxt": b"new"}

    def test_a_model_that_changes_meanwhile_is_fetched_again(
        self, repository: RemoteRepository, store: ObjectStore
    ) -> None:
        def change(_: str) -> None:
            store.before_fetch = lambda _: None
            store.put("models/a/1/model.onnx", b"ONE!")
            store.put("models/a/config.pbtxt", b"other")

        store.before_fetch = change
        assert fetch(repository) == {"1/model.onnx": b"ONE!", "config.pbtxt": b"other"}

    def test_a_model_that_never_holds_still(self, repository: RemoteRepository, store: ObjectStore) -> None:
        store.before_fetch = lambda _: store.put("models/a/config.pbtxt", b"again")
        with pytest.raises(UnavailableError, match=r"^model 'a' changes while it is fetched from 'memory://models'$"):
            fetch(repository)
        assert [path for path in repository_folders(repository) if path.name == "a"] == []

    def test_a_model_that_goes_away_meanwhile(self, repository: RemoteRepository, store: ObjectStore) -> None:
        model = repository.model("b")
        assert model is not None
        store.before_listing = lambda: store.delete("models/b")
        with pytest.raises(NotFoundError, match="no folder 'b' in the model repositories"):
            model.fetch()

    def test_limits(self, store: ObjectStore, tmp_path: Path) -> None:
        for limits in ({"max_model_bytes": 8}, {"max_model_files": 1}):
            repository = open_at("memory://models", tmp_path, **limits)
            with pytest.raises(InvalidArgumentError, match="that are allowed"):
                fetch(repository)
            assert fetch(repository, "b") == {"1/model.onnx": b"b"}
            repository.close()
        assert store.fetched == ["/models/b/1/model.onnx"]

    def test_the_disk_is_full(
        self, repository: RemoteRepository, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> Path:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "replace", fail)
        with pytest.raises(InternalError, match="unable to write the copy of model 'a': No space left on device"):
            fetch(repository)

    def test_two_at_a_time(self, repository: RemoteRepository, store: ObjectStore) -> None:
        together = threading.Barrier(2, timeout=20)
        store.before_fetch = lambda name: together.wait() if name.endswith("model.onnx") else None
        contents: dict[str, dict[str, bytes]] = {}
        threads = [
            threading.Thread(target=lambda name=name: contents.update({name: fetch(repository, name)})) for name in "ab"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert contents["a"]["1/model.onnx"] == b"one"
        assert contents["b"] == {"1/model.onnx": b"b"}


def test_an_unreachable_repository(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = open_at("memory://models", tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("ftp://user:s3cret@host refused")

    monkeypatch.setattr(type(repository._fs), "find", fail)
    with pytest.raises(UnavailableError) as caught:
        repository.models()
    assert caught.value.message == "unable to read model repository 'memory://models': ftp://***@host refused"
    repository.close()


def repository_folders(repository: RemoteRepository) -> list[Path]:
    """The copies there are."""
    root = repository._mirror.root / "models"
    return list(root.iterdir()) if root.exists() else []
