"""Tracing with Triton's client against a real server: settings, the files, and a server that stops."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from tests.support.http_client import json_body
from tests.support.onnx_models import TINY_CONFIG, tiny, write_model
from tests.support.server import Server, fails_to_start, running
from tests.support.waiting import wait_for

MOMENTS = {
    "HTTP_RECV_START",
    "HTTP_RECV_END",
    "REQUEST_START",
    "QUEUE_START",
    "COMPUTE_START",
    "COMPUTE_INPUT_END",
    "COMPUTE_OUTPUT_START",
    "INFER_RESPONSE_COMPLETE",
    "COMPUTE_END",
    "REQUEST_END",
    "HTTP_SEND_START",
    "HTTP_SEND_END",
}
X = np.arange(16, dtype=np.float32).reshape(1, 16)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "models"
    write_model(path, "tiny", tiny(), TINY_CONFIG)
    write_model(path, "other", tiny(), TINY_CONFIG)
    return path


@pytest.fixture
def trace_path(tmp_path: Path) -> Path:
    return tmp_path / "t.json"


@pytest.fixture
def server(repository: Path, trace_path: Path, tmp_path: Path) -> Iterator[Server]:
    flags = (f"--trace-config=triton,file={trace_path}", "--trace-config=rate=1", "--model-control-mode=explicit")
    with running(repository, *flags, "--load-model=*", directory=tmp_path) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.http_port}") as made:
        yield made


def infer(client: Any, model: str = "tiny", request_id: str = "") -> Any:
    tensor = triton.InferInput("x", [1, 16], "FP32")
    tensor.set_data_from_numpy(X)
    return client.infer(model, [tensor], request_id=request_id).as_numpy("y")


def traces(path: Path) -> dict[int, dict[str, Any]]:
    """By number: the model, the moments by name, and the tensors by activity."""
    found: dict[int, dict[str, Any]] = {}
    for event in json.loads(path.read_text(encoding="utf-8")):
        trace = found.setdefault(event["id"], {"moments": {}, "tensors": {}})
        trace["moments"] |= {stamp["name"]: stamp["ns"] for stamp in event.get("timestamps", ())}
        if "tensor" in event:
            trace["tensors"][event["activity"]] = event["tensor"]
        trace |= {key: event[key] for key in ("model_name", "model_version", "request_id") if key in event}
    return found


def stop(server: Server) -> None:
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def test_settings_with_triton_s_client(client: Any, trace_path: Path) -> None:
    before = {
        "trace_level": ["OFF"],
        "trace_rate": "1",
        "trace_count": "-1",
        "log_frequency": "0",
        "trace_file": str(trace_path),
        "trace_mode": "triton",
    }
    assert client.get_trace_settings() == client.get_trace_settings("tiny") == before
    changed = client.update_trace_settings("tiny", {"trace_rate": "7", "trace_level": ["TIMESTAMPS", "TENSORS"]})
    assert changed == {**before, "trace_rate": "7", "trace_level": ["TIMESTAMPS", "TENSORS"]}
    assert client.get_trace_settings() == before
    assert client.update_trace_settings("tiny", {"trace_rate": None, "trace_level": None}) == before
    for model, settings, sentence in (
        ("nope", {"trace_rate": "1"}, "Request for unknown model : nope"),
        (None, {"trace_file": "x"}, "trace file location can not be updated through network protocol"),
        (None, {"trace_rate": "x"}, "Unable to parse 'trace_rate', got: x"),
        (None, {"trace_mode": "opentelemetry"}, "does not export them to OpenTelemetry"),
    ):
        with pytest.raises(InferenceServerException, match=sentence):
            client.update_trace_settings(model, settings)
    assert "trace" in client.get_server_metadata()["extensions"]


def test_moments_and_tensors(server: Server, client: Any, trace_path: Path) -> None:
    infer(client)
    client.update_trace_settings(settings={"trace_level": ["TIMESTAMPS", "TENSORS"]})
    answer = infer(client, request_id="q")
    body = {"x": X.ravel().tolist()}
    assert server.ask("POST", "/v2/models/other/generate_stream", json_body(body)).status == 200
    client.update_trace_settings(settings={"trace_level": ["OFF"]})
    infer(client)
    stop(server)
    found = traces(trace_path)
    assert sorted(found) == [1, 2]
    inferred, generated = found[1], found[2]
    assert (inferred["model_name"], inferred["model_version"], inferred["request_id"]) == ("tiny", 1, "q")
    assert generated["model_name"] == "other"
    assert "request_id" not in generated
    for trace in found.values():
        assert set(trace["moments"]) == MOMENTS
        assert list(trace["moments"].values()) == sorted(trace["moments"].values())
    given, got = inferred["tensors"]["TENSOR_QUEUE_INPUT"], inferred["tensors"]["TENSOR_BACKEND_OUTPUT"]
    assert (given["name"], given["shape"], given["dtype"]) == ("x", "1,16", "FP32")
    assert given["data"] == ",".join(f"{value:g}" for value in X.ravel())
    np.testing.assert_allclose([float(text) for text in got["data"].split(",")], answer.ravel(), rtol=1e-5)


def test_files_of_so_many_and_a_count(server: Server, client: Any, trace_path: Path) -> None:
    client.update_trace_settings("tiny", {"trace_level": ["TIMESTAMPS"], "trace_count": "3", "trace_rate": "2"})
    for _ in range(4):
        infer(client)
        infer(client, "other")
    assert client.get_trace_settings("tiny")["trace_count"] == "1"
    for _ in range(4):
        infer(client)
    assert client.get_trace_settings("tiny")["trace_count"] == "0"
    first = trace_path.with_name("t.json.0")
    wait_for(lambda: first.exists() and first.read_bytes().endswith(b"]\n"), "as many as were wanted are written")
    client.update_trace_settings("tiny", {"trace_count": "-1", "trace_rate": "1", "log_frequency": "2"})
    for _ in range(3):
        infer(client)
    stop(server)
    files = sorted(path.name for path in trace_path.parent.glob("t.json*"))
    assert files == ["t.json.0", "t.json.1", "t.json.2"]
    assert [sorted(traces(trace_path.with_name(name))) for name in files] == [[1, 2, 3], [4, 5], [6]]


def test_a_model_that_is_loaded_again_is_traced_again(server: Server, client: Any, trace_path: Path) -> None:
    client.update_trace_settings("tiny", {"trace_level": ["TIMESTAMPS"]})
    infer(client)
    client.unload_model("tiny")
    client.load_model("tiny")
    infer(client)
    stop(server)
    assert len(traces(trace_path)) == 2


def test_from_the_start(repository: Path, trace_path: Path, tmp_path: Path) -> None:
    options = ("level=TIMESTAMPS", "rate=1", f"triton,file={trace_path}")
    with running(repository, *(f"--trace-config={option}" for option in options), directory=tmp_path) as server:
        with triton.InferenceServerClient(f"127.0.0.1:{server.http_port}") as client:
            infer(client)
        stop(server)
    assert set(traces(trace_path)[1]["moments"]) == MOMENTS


def test_what_cannot_be_is_told_at_the_start(repository: Path, tmp_path: Path) -> None:
    status, log = fails_to_start(repository, "--trace-config=mode=opentelemetry", directory=tmp_path)
    assert status != 0
    assert "does not export them to OpenTelemetry" in log
    status, log = fails_to_start(repository, "--trace-config=level=TENSORS", directory=tmp_path)
    assert status != 0
    assert "has a level and no file" in log
    assert "Traceback" not in log
