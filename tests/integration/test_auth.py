"""Keys in front of everything, and their rotation while serving."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.support.http_client import Answer, Connection, infer_body, request_bytes
from tests.support.onnx_models import TINY_CONFIG, tiny, write_model
from tests.support.server import Server, fails_to_start, running
from tests.support.waiting import wait_for

INFER = "/v2/models/tiny/infer"
ROW = infer_body("x", [1, 16], "FP32", [0.0] * 16)


def write_keys(path: Path, primary: str, secondary: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({"primaryKey": primary, "secondaryKey": secondary}), encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("auth")
    write_model(path / "models", "tiny", tiny(), TINY_CONFIG)
    return path


@pytest.fixture(scope="module")
def keys(directory: Path) -> Path:
    return directory / "keys.json"


@pytest.fixture(scope="module")
def guarded(directory: Path, keys: Path) -> Iterator[Server]:
    write_keys(keys, "one", "two")
    with running(directory / "models", f"--auth-keys={keys}", directory=directory) as started:
        yield started


def ask(port: int, method: str, path: str, key: str | None, body: bytes | None = None) -> Answer:
    headers = [] if key is None else [f"Authorization: Bearer {key}"]
    with Connection(port) as connection:
        return connection.ask(request_bytes(method, path, body, headers=headers))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/health/live"),
        ("GET", "/v2/health/ready"),
        ("GET", "/v2"),
        ("GET", "/v2/models/tiny"),
        ("GET", "/v2/models/tiny/config"),
        ("GET", "/v2/models/stats"),
        ("POST", "/v2/repository/index"),
        ("POST", INFER),
        ("GET", "/nowhere"),
        ("PUT", "/v2"),
    ],
)
def test_nothing_opens_without_a_key(guarded: Server, method: str, path: str) -> None:
    body = ROW if method == "POST" else None
    for key in (None, "three", "", "One"):
        answer = ask(guarded.http_port, method, path, key, body)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "key" in answer.error
    for key in ("one", "two"):
        assert ask(guarded.http_port, method, path, key, body).status != 401


def test_metrics_need_one_too(guarded: Server) -> None:
    assert ask(guarded.metrics_port, "GET", "/metrics", None).status == 401
    assert ask(guarded.metrics_port, "GET", "/metrics", "two").status == 200


def test_a_refusal_keeps_the_connection(guarded: Server) -> None:
    with guarded.connect() as connection:
        assert connection.ask(request_bytes("POST", INFER, ROW)).status == 401
        headers = ["Authorization: Bearer one"]
        assert connection.ask(request_bytes("POST", INFER, ROW, headers=headers)).status == 200


def test_a_large_body_without_a_key_is_not_taken(guarded: Server) -> None:
    with guarded.connect() as connection:
        answer = connection.ask(request_bytes("POST", INFER, headers=["Content-Length: 60000000"]))
        assert answer.status == 401
        assert connection.is_closed()


def test_tritons_client_with_and_without(guarded: Server) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{guarded.http_port}") as client:
        assert not client.is_server_live()
        assert client.is_server_live(headers={"Authorization": "Bearer one"})
        with pytest.raises(InferenceServerException) as caught:
            client.get_server_metadata()
        assert caught.value.status() == "401"


def test_new_keys_count_without_a_restart(guarded: Server, keys: Path) -> None:
    def is_open(key: str) -> bool:
        return ask(guarded.http_port, "GET", "/v2", key).status == 200

    try:
        write_keys(keys, "three", "two")
        wait_for(lambda: is_open("three"), "the new key opens")
        assert is_open("two")
        assert not is_open("one")
        keys.write_text("no JSON", encoding="utf-8")
        wait_for(lambda: is_open("three") and "keeping the old keys" in guarded.log, "the broken file is noticed")
        assert is_open("two")
    finally:
        write_keys(keys, "one", "two")
        wait_for(lambda: is_open("one"), "the old keys are back")


def test_keys_are_not_in_the_log(guarded: Server) -> None:
    assert "three" not in guarded.log
    assert '"two"' not in guarded.log


@pytest.mark.parametrize("content", [None, "no JSON", "{}"])
def test_a_server_does_not_start_without_usable_keys(directory: Path, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    status, output = fails_to_start(directory / "models", f"--auth-keys={path}", directory=tmp_path)
    assert status == 1
    assert str(path) in output
    assert "Traceback" not in output
