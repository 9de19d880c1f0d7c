"""What gRPC shares with HTTP, on servers of their own: control, shared memory, settings, traces, restrictions."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.utils import InferenceServerException

from tests.support.onnx_models import TINY_CONFIG, tiny, write_model
from tests.support.server import Server, fails_to_start, running
from tests.support.waiting import wait_for

TIMEOUT_S = 20.0
ROWS = np.arange(32, dtype=np.float32).reshape(2, 16)


@pytest.fixture(scope="module")
def trace_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traces") / "t.json"


@pytest.fixture(scope="module")
def server(trace_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("extensions")
    write_model(directory / "models", "tiny", tiny(), TINY_CONFIG)
    write_model(directory / "models", "other", tiny())
    flags = (
        "--model-control-mode=explicit",
        "--load-model=tiny",
        "--allow-client-shm=true",
        f"--trace-config=triton,file={trace_path}",
        "--trace-config=rate=1",
        "--grpc-restricted-protocol=statistics:key=secret",
    )
    with running(directory / "models", *flags, directory=directory) as started:
        yield started


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as made:
        yield made


@pytest.fixture
def channel(server: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as made:
        yield made


def tensor(array: Any = ROWS) -> Any:
    made = triton.InferInput("x", list(array.shape), "FP32")
    made.set_data_from_numpy(array)
    return made


class TestModelControl:
    def test_models_come_and_go(self, client: Any) -> None:
        client.load_model("other")
        assert client.is_model_ready("other")
        client.infer("other", [tensor()])
        client.unload_model("other")
        with pytest.raises(InferenceServerException, match="has no available versions"):
            client.infer("other", [tensor()])

    def test_a_configuration_and_files_that_are_sent_along(self, client: Any) -> None:
        config = json.dumps({"backend": "onnxruntime", "max_batch_size": 5})
        files = {"file:7/model.onnx": tiny().SerializeToString()}
        client.load_model("sent", config=config, files=files)
        assert client.get_model_config("sent").config.max_batch_size == 5
        assert client.get_model_metadata("sent").versions == ["7"]
        np.testing.assert_array_equal(
            client.infer("sent", [tensor()]).as_numpy("y"), client.infer("tiny", [tensor()]).as_numpy("y")
        )
        client.unload_model("sent")

    def test_what_is_refused(self, client: Any) -> None:
        with pytest.raises(InferenceServerException, match="failed to load 'nope', failed to poll") as caught:
            client.load_model("nope")
        assert caught.value.status() == "StatusCode.INTERNAL"
        with pytest.raises(InferenceServerException, match="must not contain path traversal") as caught:
            client.load_model("../x")
        assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"


class TestSharedMemory:
    @pytest.fixture
    def keys(self, client: Any) -> Iterator[tuple[str, str]]:
        paths = [Path(f"/dev/shm/naiad_grpc_{name}_{os.getpid()}") for name in ("in", "out")]
        paths[0].write_bytes(ROWS.tobytes())
        paths[1].write_bytes(bytes(64))
        yield f"/{paths[0].name}", f"/{paths[1].name}"
        client.unregister_system_shared_memory()
        for path in paths:
            path.unlink()

    def test_both_ways(self, client: Any, keys: tuple[str, str]) -> None:
        client.register_system_shared_memory("in", keys[0], 128)
        client.register_system_shared_memory("out", keys[1], 48, offset=16)
        regions = client.get_system_shared_memory_status().regions
        assert {name: (region.key, region.offset, region.byte_size) for name, region in regions.items()} == {
            "in": (keys[0], 0, 128),
            "out": (keys[1], 16, 48),
        }
        given = triton.InferInput("x", [2, 16], "FP32")
        given.set_shared_memory("in", 128)
        wanted = triton.InferRequestedOutput("y")
        wanted.set_shared_memory("out", 32, offset=16)
        for _ in range(2):
            response = client.infer("tiny", [given], outputs=[wanted]).get_response()
            assert list(response.raw_output_contents) == [b""]
            assert list(response.outputs[0].shape) == [2, 4]
        written = np.fromfile(f"/dev/shm{keys[1]}", np.float32)[8:].reshape(2, 4)
        np.testing.assert_array_equal(written, client.infer("tiny", [tensor()]).as_numpy("y"))

    def test_what_is_refused(self, client: Any, keys: tuple[str, str]) -> None:
        with pytest.raises(InferenceServerException, match="Unable to open shared memory region") as caught:
            client.register_system_shared_memory("r", "/naiad_nope", 8)
        assert caught.value.status() == "StatusCode.INTERNAL"
        client.register_system_shared_memory("in", keys[0], 128)
        with pytest.raises(InferenceServerException, match="already in manager") as caught:
            client.register_system_shared_memory("in", keys[0], 128)
        assert caught.value.status() == "StatusCode.ALREADY_EXISTS"
        with pytest.raises(InferenceServerException, match="Unable to find cuda shared memory region: 'r'"):
            client.get_cuda_shared_memory_status("r")


class TestSettings:
    def test_what_is_logged(self, client: Any, server: Server) -> None:
        told = client.update_log_settings({"log_verbose_level": 1, "log_format": "ISO8601"}, as_json=True)["settings"]
        assert (told["log_verbose_level"], told["log_format"]) == (
            {"uint32_param": 1},
            {"string_param": "ISO8601"},
        )
        assert server.ask("GET", "/v2/logging").json["log_format"] == "ISO8601"
        client.update_log_settings({"log_verbose_level": 0, "log_format": "default"})
        with pytest.raises(InferenceServerException, match="log file location can not be updated") as caught:
            client.update_log_settings({"log_file": "x"})
        assert caught.value.status() == "StatusCode.UNIMPLEMENTED"

    def test_what_is_traced(self, client: Any, server: Server, trace_path: Path) -> None:
        client.update_trace_settings("tiny", {"trace_level": ["TIMESTAMPS"], "trace_count": "2"})
        client.infer("tiny", [tensor()], request_id="traced")
        client.infer("tiny", [tensor()])
        settings = wait_for(lambda: client.get_trace_settings("tiny").settings, "settings")
        assert list(settings["trace_count"].value) == ["0"]
        assert list(client.get_trace_settings().settings["trace_level"].value) == ["OFF"]
        first = wait_for(lambda: _moments(trace_path.with_name("t.json.0"), "traced"), "the trace is written")
        assert list(first) == [
            "GRPC_WAITREAD_START",
            "GRPC_WAITREAD_END",
            "REQUEST_START",
            "QUEUE_START",
            "COMPUTE_START",
            "COMPUTE_INPUT_END",
            "COMPUTE_OUTPUT_START",
            "INFER_RESPONSE_COMPLETE",
            "COMPUTE_END",
            "REQUEST_END",
            "GRPC_SEND_START",
            "GRPC_SEND_END",
        ]
        client.update_trace_settings("tiny", {"trace_level": [], "trace_count": []})

    def test_of_a_model_that_there_is_not(self, client: Any) -> None:
        with pytest.raises(InferenceServerException, match=r"Request for unknown model : nope$"):
            client.get_trace_settings("nope")


def _moments(path: Path, request_id: str) -> dict[str, int]:
    """By name, of one request; none while the file is not whole."""
    try:
        events = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    numbers = [event["id"] for event in events if event.get("request_id") == request_id]
    stamps = [stamp for event in events if event["id"] in numbers for stamp in event.get("timestamps", ())]
    return {stamp["name"]: stamp["ns"] for stamp in stamps}


class TestRestricted:
    def test_a_protocol_that_needs_a_header(self, client: Any) -> None:
        for headers in (None, {"triton-grpc-protocol-key": "wrong"}, {"key": "secret"}):
            with pytest.raises(InferenceServerException) as caught:
                client.get_inference_statistics(headers=headers)
            assert caught.value.status() == "StatusCode.UNAVAILABLE"
            sentence = "This protocol is restricted, expecting header 'triton-grpc-protocol-key'"
            assert caught.value.message() == sentence
        assert client.get_inference_statistics(headers={"triton-grpc-protocol-key": "secret"}).model_stats

    def test_a_protocol_that_there_is_not(self, tmp_path: Path) -> None:
        (tmp_path / "models").mkdir()
        flag = "--grpc-restricted-protocol=nope:key=secret"
        status, log = fails_to_start(tmp_path / "models", flag, directory=tmp_path)
        assert status
        assert "nope" in log


class TestHealth:
    def test_of_the_server_and_of_models(self, channel: grpc.Channel) -> None:
        stub = health_pb2_grpc.HealthStub(channel)
        for service, status in (("", 1), ("tiny", 1), ("other.Service", 1)):
            assert stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_S).status == status

    def test_of_a_model_that_is_watched(self, client: Any, channel: grpc.Channel) -> None:
        client.load_model("other")
        request = health_pb2.HealthCheckRequest(service="other")
        watch = health_pb2_grpc.HealthStub(channel).Watch(request, timeout=TIMEOUT_S)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        client.unload_model("other")
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()


def test_reflection(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert "inference.GRPCInferenceService" in database.get_services()
    file = database.FindFileContainingSymbol("inference.ModelInferRequest")
    assert "GRPCInferenceService" in [service.name for service in file.service]
    with pytest.raises(KeyError):
        database.FindFileByName("nope.proto")


def test_a_server_that_stops_ends_watches_and_streams(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "tiny", tiny(), TINY_CONFIG)
    with (
        running(tmp_path / "models", directory=tmp_path) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
        triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client,
    ):
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        told: list[Any] = []
        client.start_stream(lambda result, error: told.append((result, error)))
        client.async_stream_infer("tiny", [tensor()])
        wait_for(lambda: told, "an answer")
        server.signal(signal.SIGTERM)
        assert server.wait(timeout_s=10) == 0
        assert list(watch) == []
        wait_for(lambda: len(told) == 2, "the stream ends")
        assert "shutting down" in told[1][1].message()
        client.stop_stream(cancel_requests=True)
