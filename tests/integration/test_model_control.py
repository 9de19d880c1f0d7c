"""Loading and unloading by request, with Triton's client against a real server (triton.md §1.7)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.support.onnx_models import TINY_CONFIG, tiny, write_model
from tests.support.server import Server, running
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("control") / "models"
    write_model(path, "first", tiny(), TINY_CONFIG)
    write_model(path, "second", tiny())
    return path


@pytest.fixture(scope="module")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    flags = ("--model-control-mode=explicit", "--load-model=first")
    with running(repository, *flags, directory=tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.http_port}") as made:
        yield made


def infer(client: Any, model: str) -> Any:
    tensor = triton.InferInput("x", [1, 16], "FP32")
    tensor.set_data_from_numpy(np.ones((1, 16), np.float32))
    return client.infer(model, [tensor]).as_numpy("y")


def states(client: Any) -> dict[str, str]:
    return {row["name"]: row.get("state", "") for row in client.get_model_repository_index()}


def test_models_come_and_go(client: Any) -> None:
    assert states(client) == {"first": "READY", "second": ""}
    client.load_model("second")
    assert client.is_model_ready("second")
    assert np.array_equal(infer(client, "second"), infer(client, "first"))
    client.unload_model("second")
    with pytest.raises(InferenceServerException, match="has no available versions"):
        infer(client, "second")
    wait_for(lambda: states(client)["second"] == "UNAVAILABLE", "second is unloaded")
    assert client.is_server_ready()


def test_a_configuration_and_files_come_with_the_request(client: Any, repository: Path) -> None:
    content = (repository / "first/1/model.onnx").read_bytes()
    client.load_model("brought", config=json.dumps({"max_batch_size": 3}), files={"file:7/model.onnx": content})
    assert client.get_model_metadata("brought")["versions"] == ["7"]
    assert client.get_model_config("brought")["max_batch_size"] == 3
    assert np.array_equal(infer(client, "brought"), infer(client, "first"))
    client.unload_model("brought")
    assert not client.is_model_ready("brought")


def test_what_cannot_be_loaded_says_why(server: Server, client: Any) -> None:
    with pytest.raises(InferenceServerException, match="failed to load 'absent', failed to poll from model repository"):
        client.load_model("absent")
    answer = server.ask("POST", "/v2/repository/models/first/load", b'{"parameters":{"config":"{\\"nope\\":1}"}}')
    assert answer.status == 500
    assert "Invalid config override" in json.loads(answer.body)["hint"]
    answer = server.ask("POST", "/v2/repository/elsewhere/models/first/load", b"")
    assert answer.status == 501
    client.load_model("first")


def test_reloads_under_load_lose_nothing(server: Server, repository: Path) -> None:
    stop, wrong = threading.Event(), list[str]()
    answered = 0

    def ask() -> None:
        nonlocal answered
        with triton.InferenceServerClient(f"127.0.0.1:{server.http_port}") as client:
            expected = infer(client, "first")
            while not stop.is_set():
                try:
                    if not np.allclose(infer(client, "first"), expected):
                        wrong.append("another answer")
                except InferenceServerException as error:
                    wrong.append(str(error))
                answered += 1

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        with triton.InferenceServerClient(f"127.0.0.1:{server.http_port}") as client:
            for turn in range(10):
                (repository / "first/config.pbtxt").write_text(TINY_CONFIG.replace("64", str(8 + turn)))
                client.load_model("first")
                assert client.get_model_config("first")["max_batch_size"] == 8 + turn
            wait_for(lambda: answered > 100, "a hundred answers")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []


@pytest.mark.parametrize("mode", ["none", "poll"])
def test_requests_may_not_load_in_other_modes(mode: str, tmp_path: Path) -> None:
    write_model(tmp_path / "models", "tiny", tiny())
    with running(tmp_path / "models", f"--model-control-mode={mode}", directory=tmp_path) as started:
        answer = started.ask("POST", "/v2/repository/models/tiny/load", b"")
        assert answer.status == 503
        message = "explicit model load / unload is not allowed if polling is enabled"
        assert json.loads(answer.body)["error"] == message


def test_polling_serves_what_appears(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "tiny", tiny())
    flags = ("--model-control-mode=poll", "--repository-poll-secs=0.1")
    with (
        running(tmp_path / "models", *flags, directory=tmp_path) as started,
        triton.InferenceServerClient(f"127.0.0.1:{started.http_port}") as client,
    ):
        write_model(tmp_path / "new", "later", tiny())
        (tmp_path / "new/later").rename(tmp_path / "models/later")
        wait_for(lambda: client.is_model_ready("later"), "the new model is served")
        (tmp_path / "models/later").rename(tmp_path / "gone")
        wait_for(lambda: not client.is_model_ready("later"), "the model is gone")
        assert client.is_model_ready("tiny")
