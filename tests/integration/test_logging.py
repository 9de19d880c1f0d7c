"""The logging extension with Triton's client: a server really writes what it is told to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.support.onnx_models import TINY_CONFIG, tiny, write_model
from tests.support.server import Server, running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    write_model(tmp_path / "models", "tiny", tiny(), TINY_CONFIG)
    with running(tmp_path / "models", "--model-control-mode=explicit", directory=tmp_path) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.http_port}") as made:
        yield made


def test_settings_come_and_go(client: Any) -> None:
    before = client.get_log_settings()
    assert before == {
        "log_file": "",
        "log_info": True,
        "log_warning": True,
        "log_error": True,
        "log_verbose_level": 0,
        "log_format": "default",
    }
    changed = client.update_log_settings({"log_info": False, "log_verbose_level": 2})
    assert changed == {**before, "log_info": False, "log_verbose_level": 2}
    assert client.get_log_settings() == changed
    with pytest.raises(InferenceServerException, match="log file location can not be updated through network protocol"):
        client.update_log_settings({"log_file": "elsewhere"})
    assert "logging" in client.get_server_metadata()["extensions"]


def test_the_log_follows(server: Server, client: Any) -> None:
    client.load_model("tiny")
    assert '"loading: tiny:1"' in server.log
    client.update_log_settings({"log_info": False})
    size = len(server.log)
    client.unload_model("tiny")
    client.load_model("tiny")
    assert len(server.log) == size
    client.update_log_settings({"log_info": True, "log_format": "ISO8601"})
    client.unload_model("tiny")
    client.load_model("tiny")
    line = server.log[size:].splitlines()[0]
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ I \d+ engine\.py:\d+] ", line)


def test_verbose_names_every_request(server: Server, client: Any) -> None:
    client.is_server_live()
    assert "HTTP request" not in server.log
    client.update_log_settings({"log_verbose_level": 1})
    client.is_server_live()
    assert re.search(r'^V.*] "HTTP request: GET /v2/health/live"$', server.log, re.MULTILINE)
    client.update_log_settings({"log_verbose_level": 0})
    size = len(server.log)
    client.is_server_live()
    assert len(server.log) == size


def test_verbose_from_the_start(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "tiny", tiny(), TINY_CONFIG)
    with running(tmp_path / "models", "--log-verbose=1", directory=tmp_path) as server:
        assert server.ask("GET", "/v2/logging").json["log_verbose_level"] == 1
        assert '"HTTP request: GET /v2/logging"' in server.log
        assert server.ask("POST", "/v2/logging", b"").status == 500
        assert server.ask("PUT", "/v2/logging", b"{}").status == 405
