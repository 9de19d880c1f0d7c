"""Loading, reloading and unloading: what serves goes on serving, and nothing is left behind (triton.md §1.7, §4.8)."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from naiad.engine.engine import Engine
from naiad.engine.execution import clock_ns
from naiad.engine.loader import LoadSettings
from naiad.engine.model import Model
from naiad.engine.request import InferRequest
from naiad.errors import InternalError, InvalidArgumentError, NotFoundError
from naiad.repository.local import LocalRepository
from tests.support.engine import RecordingSink
from tests.support.onnx_models import TINY_CONFIG, spinner, tiny, write_model


@asynccontextmanager
async def engine_on(*repositories: Path, auto_complete: bool = True) -> AsyncIterator[Engine]:
    engine = Engine(
        [LocalRepository(path) for path in repositories], settings=LoadSettings(auto_complete=auto_complete)
    )
    try:
        yield engine
    finally:
        await engine.close()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "models"
    write_model(path, "tiny", tiny(), TINY_CONFIG)
    return path


def request_for(model: Model, sink: RecordingSink) -> InferRequest:
    row = np.zeros((1, 16), np.float32)
    return InferRequest(model, sink, None, [row], [(1, 16)], 1, None, clock_ns())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


def states(rows: list[Any]) -> Iterator[tuple[str, str, str, str]]:
    for name, version, status in rows:
        yield name, version, str(status.state) if status else "", status.reason if status else ""


async def test_everything_is_loaded_at_the_start_and_failures_are_told(repository: Path) -> None:
    write_model(repository, "broken", b"no graph")
    async with engine_on(repository) as engine:
        failures = await engine.start()
        assert list(failures) == ["broken"]
        assert "onnx runtime error" in failures["broken"].message
        assert engine.model("tiny").version == "1"
        assert not engine.is_ready


async def test_only_named_models_are_loaded_when_names_are_given(repository: Path) -> None:
    write_model(repository, "other", tiny())
    async with engine_on(repository) as engine:
        assert list(await engine.start(["tiny", "absent"])) == ["absent"]
        assert list(states(await engine.index())) == [("other", "", "", ""), ("tiny", "1", "READY", "")]


async def test_a_name_in_two_repositories_is_served_from_neither(repository: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "second", "tiny", tiny())
    async with engine_on(repository, tmp_path / "second") as engine:
        assert "two or more repositories" in (await engine.start())["tiny"].message


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "../tiny"])
async def test_names_that_are_paths_are_refused(repository: Path, name: str) -> None:
    async with engine_on(repository) as engine:
        with pytest.raises(InvalidArgumentError):
            await engine.load(name)


async def test_an_unknown_name_leaves_nothing_behind(repository: Path) -> None:
    async with engine_on(repository) as engine:
        await engine.start([])
        with pytest.raises(InternalError, match="failed to load 'nope', failed to poll from model repository"):
            await engine.load("nope")
        assert [row[0] for row in await engine.index()] == ["tiny"]
        assert engine.is_ready


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (TINY_CONFIG.replace("dims: 16", "dims: 0"), "dimension must be integer >= 1"),
        (TINY_CONFIG.replace("count: 1", "count: 1 gpus: 0"), "has kind KIND_CPU but specifies one or more GPUs"),
        (TINY_CONFIG + "response_cache { enable: true }", "which this version of naiad does not serve"),
    ],
)
async def test_what_is_wrong_with_a_version_is_told_as_its_state(repository: Path, config: str, message: str) -> None:
    """Triton's answer names the version and the cause (triton.md §1.7)."""
    (repository / "tiny/config.pbtxt").write_text(config)
    async with engine_on(repository) as engine:
        with pytest.raises(InvalidArgumentError) as caught:
            await engine.load("tiny")
        start, _, cause = caught.value.message.partition(" state: ")
        assert start == "load failed for model 'tiny': version 1 is at UNAVAILABLE"
        assert message in cause
        assert cause.endswith(";\n")
        assert [row[:3] for row in states(await engine.index())] == [("tiny", "1", "UNAVAILABLE")]
        with pytest.raises(NotFoundError, match="'tiny' has no available versions"):
            engine.model("tiny")


async def test_what_is_wrong_with_a_model_is_told_as_a_hint(repository: Path) -> None:
    (repository / "tiny/config.pbtxt").write_text(TINY_CONFIG.replace("64", "-1"))
    async with engine_on(repository) as engine:
        with pytest.raises(InternalError, match="failed to poll from model repository") as caught:
            await engine.load("tiny")
        assert caught.value.hint == "failed to load 'tiny': 'max_batch_size' must be non-negative value for tiny"
        with pytest.raises(NotFoundError, match="'tiny' is not found"):
            engine.model("tiny")


@pytest.mark.parametrize(
    ("policy", "hint"),
    [
        ("version_policy { specific { versions: 7 } }", "the version policy wants none of its versions 1"),
        ("", "it has no version folder tiny/1"),
    ],
)
async def test_a_model_without_a_version_to_serve(repository: Path, policy: str, hint: str) -> None:
    (repository / "tiny/config.pbtxt").write_text(TINY_CONFIG + policy)
    if not policy:
        (repository / "tiny/1/model.onnx").unlink()
        (repository / "tiny/1").rmdir()
    async with engine_on(repository) as engine:
        with pytest.raises(InvalidArgumentError) as caught:
            await engine.load("tiny")
        assert caught.value.message == (
            "load failed for model 'tiny': at least one version must be available under the version policy of model "
            "'tiny'\n"
        )
        assert caught.value.hint == f"failed to load 'tiny': {hint}"
        with pytest.raises(NotFoundError, match="'tiny' has no available versions"):
            engine.model("tiny")


async def test_requests_in_the_queue_survive_an_unload(repository: Path) -> None:
    async with engine_on(repository) as engine:
        await engine.start()
        sink, model = RecordingSink(), engine.model("tiny")
        requests = [request_for(model, sink) for _ in range(20)]
        for request in requests:
            model.infer(request)
        await engine.unload("tiny")
        with pytest.raises(NotFoundError, match="has no available versions"):
            engine.model("tiny")
        await until(lambda: len(sink.order) == len(requests))
        assert sink.answers.keys() == set(requests)
        await until(lambda: not model.scheduler.is_busy)
        assert list(states(await engine.index())) == [("tiny", "1", "UNAVAILABLE", "unloaded")]


async def test_the_old_version_serves_while_the_new_one_loads_and_when_it_fails(repository: Path) -> None:
    async with engine_on(repository) as engine:
        await engine.start()
        old = engine.model("tiny")
        (repository / "tiny/1/model.onnx").write_bytes(b"no graph")
        loading = asyncio.ensure_future(engine.load("tiny"))
        while not loading.done():
            assert engine.model("tiny") is old
            await asyncio.sleep(0)
        with pytest.raises(InvalidArgumentError, match="version 1 is at UNAVAILABLE state: Internal: onnx runtime"):
            loading.result()
        assert engine.model("tiny") is old
        assert engine.is_ready
        sink = RecordingSink()
        request = request_for(old, sink)
        old.infer(request)
        await until(lambda: bool(sink.order))
        assert request in sink.answers


async def test_a_new_version_that_fails_does_not_take_the_old_one_along(repository: Path) -> None:
    async with engine_on(repository) as engine:
        await engine.start()
        (repository / "tiny" / "2").mkdir()
        (repository / "tiny" / "2" / "model.onnx").write_bytes(b"no graph")
        await engine.poll()
        assert engine.ready_versions("tiny") == ["1"]
        assert engine.model("tiny").version == "1"
        assert not engine.is_ready
        (repository / "tiny" / "2" / "model.onnx").write_bytes(tiny().SerializeToString())
        await engine.poll()
        assert engine.ready_versions("tiny") == ["2"]


async def test_an_unchanged_model_is_not_loaded_again(repository: Path) -> None:
    async with engine_on(repository) as engine:
        await engine.start()
        before = engine.model("tiny")
        await engine.load("tiny")
        assert engine.model("tiny") is before


async def test_other_instances_come_in_place(repository: Path) -> None:
    async with engine_on(repository) as engine:
        await engine.start()
        before = engine.model("tiny")
        (repository / "tiny/config.pbtxt").write_text(TINY_CONFIG.replace("count: 1", "count: 3"))
        await engine.load("tiny")
        assert engine.model("tiny") is before
        assert before.config.instance_group[0].count == 3


async def test_another_batch_size_means_another_model(repository: Path) -> None:
    async with engine_on(repository) as engine:
        await engine.start()
        before = engine.model("tiny")
        (repository / "tiny/config.pbtxt").write_text(TINY_CONFIG.replace("64", "8"))
        await engine.load("tiny")
        assert engine.model("tiny") is not before
        assert engine.model("tiny").max_batch_size == 8


async def test_versions_follow_the_folder(repository: Path) -> None:
    async with engine_on(repository) as engine:
        await engine.start()
        first = engine.model("tiny")
        (repository / "tiny/2").mkdir()
        (repository / "tiny/2/model.onnx").write_bytes((repository / "tiny/1/model.onnx").read_bytes())
        await engine.load("tiny")
        assert engine.ready_versions("tiny") == ["2"]
        assert engine.model("tiny").version == "2"
        assert engine.model("tiny") is not first


async def test_a_configuration_in_the_request_lasts_until_the_next_load(repository: Path) -> None:
    async with engine_on(repository) as engine:
        await engine.start()
        await engine.load("tiny", config=json.dumps({"max_batch_size": 7}))
        assert engine.model("tiny").max_batch_size == 7
        await engine.load("tiny")
        assert engine.model("tiny").max_batch_size == 64
        with pytest.raises(InternalError) as caught:
            await engine.load("tiny", config="{")
        assert "Invalid config override" in (caught.value.hint or "")


async def test_files_in_the_request_are_the_whole_model(repository: Path) -> None:
    content = (repository / "tiny/1/model.onnx").read_bytes()
    async with engine_on(repository) as engine:
        with pytest.raises(InternalError, match="failed to poll from model repository") as caught:
            await engine.load("new", files={"5/model.onnx": content})
        assert "'config' must be specified for model file override" in str(caught.value.hint)
        await engine.load("new", config="{}", files={"5/model.onnx": content})
        assert engine.ready_versions("new") == ["5"]
        for path in ("../x", "/x", "a/../../x", "", "1/", "a\\b"):
            with pytest.raises(InternalError, match="failed to poll from model repository") as caught:
                await engine.load("new", config="{}", files={path: content})
            assert "expected a path inside the model's folder" in str(caught.value.hint)
        assert engine.ready_versions("new") == ["5"]
        await engine.unload("new")
        with pytest.raises(NotFoundError):
            engine.model("new")


async def test_polling_notices_what_is_new_changed_broken_and_gone(repository: Path) -> None:
    async with engine_on(repository) as engine:
        await engine.start()
        write_model(repository, "second", tiny())
        await engine.poll()
        assert engine.model("second").version == "1"
        before = engine.model("tiny")
        await engine.poll()
        assert engine.model("tiny") is before
        (repository / "tiny/config.pbtxt").write_text("nonsense")
        await engine.poll()
        assert engine.model("tiny") is before
        (repository / "tiny/config.pbtxt").write_text(TINY_CONFIG.replace("64", "9"))
        await engine.poll()
        assert engine.model("tiny").max_batch_size == 9
        for path in sorted((repository / "second").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (repository / "second").rmdir()
        await engine.poll()
        with pytest.raises(NotFoundError):
            engine.model("second")


async def test_loads_and_unloads_of_one_model_take_turns(repository: Path) -> None:
    write_model(repository, "slow", spinner())
    async with engine_on(repository) as engine:
        await engine.start()
        await asyncio.gather(
            *(engine.load("slow") if turn % 2 else engine.unload("slow") for turn in range(10)), engine.load("slow")
        )
        assert engine.ready_versions("slow") == ["1"]


async def test_strict_mode_wants_a_configuration(repository: Path) -> None:
    write_model(repository, "bare", tiny())
    async with engine_on(repository, auto_complete=False) as engine:
        failures = await engine.start()
        assert list(failures) == ["bare"]
        assert "no config.pbtxt" in failures["bare"].message


async def test_an_unloaded_model_is_freed_without_the_collector_of_cycles(repository: Path) -> None:
    """It may hold gigabytes, and threads; that must not depend on what else is going on."""
    sink = RecordingSink()
    async with engine_on(repository) as engine:
        gc.collect()
        gc.disable()
        try:
            await engine.load("tiny")
            model = engine.model("tiny")
            parts: list[Callable[[], object]] = [weakref.ref(model), weakref.ref(model.scheduler)]
            model.infer(request_for(model, sink))
            await until(lambda: bool(sink.order))
            sink.order.clear()
            sink.answers.clear()
            del model
            await engine.unload("tiny")
            await until(lambda: not any(part() for part in parts))
        finally:
            gc.enable()
