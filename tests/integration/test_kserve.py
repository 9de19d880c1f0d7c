"""What KServe's clients read in answers, and Triton's do not (peers.md §5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import tritonclient.http as triton

from tests.support.onnx_models import TINY_CONFIG, tiny, write_model
from tests.support.server import Server, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = tmp_path_factory.mktemp("kserve") / "models"
    for name in ("b", "a", "c"):
        write_model(path, name, tiny(), TINY_CONFIG)
    (path / "a" / "2").mkdir()
    (path / "a" / "2" / "model.onnx").write_bytes(tiny().SerializeToString())
    (path / "a" / "config.pbtxt").write_text(TINY_CONFIG + "version_policy { all {} }\n", encoding="utf-8")
    write_model(path, "bad", b"nothing", TINY_CONFIG)
    flags = ("--model-control-mode=explicit", "--load-model=a", "--load-model=b")
    with running(path, *flags, directory=tmp_path_factory.mktemp("server")) as started:
        yield started


def ask(server: Server, method: str, path: str) -> tuple[int, Any]:
    answer = requests.request(method, f"http://127.0.0.1:{server.http_port}{path}", timeout=20)
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json()


def test_health(server: Server) -> None:
    assert ask(server, "GET", "/v2/health/live") == (200, {"live": True})
    assert ask(server, "GET", "/v2/health/ready") == (200, {"ready": True})


def test_a_model_is_ready(server: Server) -> None:
    assert ask(server, "GET", "/v2/models/a/ready") == (200, {"name": "a", "ready": True})
    assert ask(server, "GET", "/v2/models/a/versions/1/ready") == (200, {"name": "a", "ready": True})


def test_a_list_of_models_that_are_ready(server: Server) -> None:
    assert ask(server, "GET", "/v2/models") == (200, {"models": ["a", "b"]})


def test_load_and_unload(server: Server) -> None:
    assert ask(server, "POST", "/v2/repository/models/c/load") == (200, {"name": "c", "load": True})
    assert ask(server, "GET", "/v2/models") == (200, {"models": ["a", "b", "c"]})
    assert ask(server, "POST", "/v2/repository/models/c/unload") == (200, {"name": "c", "unload": True})
    assert ask(server, "GET", "/v2/models") == (200, {"models": ["a", "b"]})
    assert server.ask("GET", "/v2/models/c/ready").status == 400


def test_a_server_that_is_not_ready(server: Server) -> None:
    assert ask(server, "POST", "/v2/repository/models/bad/load")[0] == 400
    assert ask(server, "GET", "/v2/health/ready") == (400, {"ready": False})
    assert ask(server, "GET", "/v2/health/live") == (200, {"live": True})
    assert ask(server, "POST", "/v2/repository/models/bad/unload")[0] == 200


def test_tritons_client_does_not_mind(server: Server) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{server.http_port}") as client:
        assert client.is_server_live()
        assert client.is_model_ready("a")
        client.load_model("c")
        assert client.is_model_ready("c")
        client.unload_model("c")
        assert not client.is_model_ready("c")
