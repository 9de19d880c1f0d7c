"""Models of remote repositories in the engine and in a real server: fetched, polled, reloaded, retried."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.http as triton

from naiad.engine.engine import Engine
from naiad.engine.loader import LoadSettings
from naiad.engine.model import Model
from naiad.errors import NaiadError
from naiad.repository.location import FetchSettings, open_repository
from tests.support.object_store import ObjectStore, object_store
from tests.support.onnx_models import TINY_CONFIG, tiny, write_model
from tests.support.server import fails_to_start, running

MODEL = tiny().SerializeToString()
CONFIG = (TINY_CONFIG + "version_policy { all {} }\n").encode()
SMALLER = CONFIG.replace(b"64", b"2")


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with object_store() as store:
        for name in ("a", "b"):
            store.put(f"models/{name}/1/model.onnx", MODEL)
            store.put(f"models/{name}/config.pbtxt", CONFIG)
        yield store


@pytest.fixture
def drive(store: ObjectStore, tmp_path: Path) -> Callable[[Callable[[Engine], Awaitable[None]]], None]:
    """Runs steps on an engine over the store."""

    def run(steps: Callable[[Engine], Awaitable[None]]) -> None:
        async def inside() -> None:
            engine = Engine([repository], settings=LoadSettings())
            await steps(engine)
            await engine.close()

        repository = open_repository("memory://models", FetchSettings(tmp_path / "cache"))
        asyncio.run(inside())
        repository.close()

    return run


Drive = Callable[[Callable[[Engine], Awaitable[None]]], None]


def models(engine: Engine) -> dict[tuple[str, str], Model]:
    return {(model.name, model.version): model for model in engine.ready_models()}


class TestPolling:
    def test_looking_downloads_nothing(self, drive: Drive, store: ObjectStore) -> None:
        async def steps(engine: Engine) -> None:
            assert await engine.start() == {}
            before = models(engine)
            assert list(before) == [("a", "1"), ("b", "1")]
            store.fetched.clear()
            store.listings = 0
            await engine.poll()
            assert (store.fetched, store.listings) == ([], 1)
            assert models(engine) == before

        drive(steps)

    def test_a_new_version_is_loaded_and_the_others_stay(self, drive: Drive, store: ObjectStore) -> None:
        async def steps(engine: Engine) -> None:
            await engine.start()
            before = models(engine)
            store.fetched.clear()
            store.put("models/a/2/model.onnx", MODEL)
            await engine.poll()
            after = models(engine)
            assert list(after) == [("a", "1"), ("a", "2"), ("b", "1")]
            assert {key: after[key] for key in before} == before
            assert store.fetched == ["/models/a/2/model.onnx"]

        drive(steps)

    def test_a_configuration_that_changes(self, drive: Drive, store: ObjectStore) -> None:
        async def steps(engine: Engine) -> None:
            await engine.start()
            store.put("models/a/config.pbtxt", SMALLER)
            await engine.poll()
            assert [engine.model(name).config.max_batch_size for name in "ab"] == [2, 64]

        drive(steps)

    def test_models_come_and_go(self, drive: Drive, store: ObjectStore) -> None:
        async def steps(engine: Engine) -> None:
            await engine.start()
            store.delete("models/a")
            store.put("models/c/1/model.onnx", MODEL)
            await engine.poll()
            assert list(models(engine)) == [("b", "1"), ("c", "1")]

        drive(steps)

    def test_a_store_that_cannot_be_reached(
        self, drive: Drive, store: ObjectStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail() -> None:
            raise OSError("the network is down")

        async def steps(engine: Engine) -> None:
            await engine.start()
            store.before_listing = fail
            store.delete("models/a")
            await engine.poll()
            assert list(models(engine)) == [("a", "1"), ("b", "1")]
            await engine.poll()
            assert list(models(engine)) == [("b", "1")]

        drive(steps)
        assert "unable to read model repository 'memory://models': the network is down" in caplog.text

    def test_what_could_not_be_fetched_is_tried_again(self, drive: Drive, store: ObjectStore) -> None:
        def fail(_: str) -> None:
            raise OSError("the network is down")

        async def steps(engine: Engine) -> None:
            await engine.start()
            store.put("models/a/config.pbtxt", SMALLER)
            store.before_fetch = fail
            await engine.poll()
            assert engine.model("a").config.max_batch_size == 64
            store.before_fetch = lambda _: None
            await engine.poll()
            assert engine.model("a").config.max_batch_size == 2

        drive(steps)

    def test_what_does_not_load_is_not_tried_again_until_it_changes(self, drive: Drive, store: ObjectStore) -> None:
        async def steps(engine: Engine) -> None:
            await engine.start()
            store.put("models/a/config.pbtxt", b"max_batch_size: [")
            await engine.poll()
            store.fetched.clear()
            await engine.poll()
            assert (store.fetched, engine.model("a").config.max_batch_size) == ([], 64)
            store.put("models/a/config.pbtxt", SMALLER)
            await engine.poll()
            assert engine.model("a").config.max_batch_size == 2

        drive(steps)


class TestLoading:
    def test_by_request(self, drive: Drive, store: ObjectStore) -> None:
        async def steps(engine: Engine) -> None:
            assert await engine.start([]) == {}
            assert [row[0] for row in await engine.index()] == ["a", "b"]
            assert store.fetched == []
            await engine.load("b")
            assert list(models(engine)) == [("b", "1")]
            assert sorted(store.fetched) == ["/models/b/1/model.onnx", "/models/b/config.pbtxt"]
            with pytest.raises(NaiadError) as caught:
                await engine.load("nothing")
            assert caught.value.hint == "failed to load 'nothing': no folder 'nothing' in the model repositories"

        drive(steps)

    def test_a_path_that_leads_elsewhere(self, drive: Drive, store: ObjectStore, tmp_path: Path) -> None:
        store.put_raw("/models/a/../../../../escaped")

        async def steps(engine: Engine) -> None:
            failures = await engine.start()
            assert list(failures) == ["a"]
            assert failures["a"].message == (
                "model 'a' has a file '../../../../escaped', which cannot be a path in its folder"
            )
            assert list(models(engine)) == [("b", "1")]

        drive(steps)
        assert [path for path in tmp_path.rglob("*") if "escaped" in path.name] == []


class TestServer:
    @pytest.fixture
    def archive(self, tmp_path: Path) -> Path:
        folder = tmp_path / "models"
        write_model(folder, "tiny", tiny(), TINY_CONFIG, labels=["a", "b", "c", "d"])
        path = tmp_path / "models.zip"
        with zipfile.ZipFile(path, "w") as made:
            for file in sorted(folder.rglob("*")):
                made.write(file, file.relative_to(tmp_path))
        return path

    def test_an_archive_is_a_repository(self, archive: Path, tmp_path: Path) -> None:
        flags = (f"--model-repository=zip://models::file://{archive}", f"--repository-cache={tmp_path / 'cache'}")
        for fetches in (1, 0):
            with (
                running(None, *flags, directory=tmp_path / "run") as server,
                triton.InferenceServerClient(f"127.0.0.1:{server.http_port}") as client,
            ):
                tensor = triton.InferInput("x", [1, 16], "FP32")
                tensor.set_data_from_numpy(np.ones((1, 16), np.float32))
                assert client.infer("tiny", [tensor]).as_numpy("y").shape == (1, 4)
                assert server.log.count("fetching 3 of 3 files of 'tiny'") == fetches
            assert server.process.returncode == 0

    def test_limits(self, archive: Path, tmp_path: Path) -> None:
        flags = (f"--model-repository=zip://models::file://{archive}", f"--repository-cache={tmp_path / 'cache'}")
        for flag, hint in (("size", "bytes"), ("files", "files")):
            status, log = fails_to_start(None, *flags, f"--repository-max-model-{flag}=2", directory=tmp_path / "run")
            assert status == 1
            assert f"{hint}, more than the 2 that are allowed" in log
            assert f"hint: --repository-max-model-{flag} sets the limit" in log

    def test_a_repository_that_is_not_there(self, archive: Path, tmp_path: Path) -> None:
        flags = (f"--model-repository=zip://other::file://{archive}", f"--repository-cache={tmp_path / 'cache'}")
        status, log = fails_to_start(None, *flags, directory=tmp_path / "run")
        assert status == 1
        assert log.startswith(f"error: model repository 'zip://other::file://{archive}' does not exist")
