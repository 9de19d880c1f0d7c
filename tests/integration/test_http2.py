"""HTTP/2 against a server process: one port for all, keys, deadlines, big messages, a stop that loses nothing."""

from __future__ import annotations

import concurrent.futures
import json
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from naiad.messages import service_pb2
from tests.support.http2_client import framed_message
from tests.support.http_client import ask, infer_body
from tests.support.onnx_models import TINY_CONFIG, spinner, tiny, write_model
from tests.support.server import Server, running
from tests.support.waiting import wait_for

TIMEOUT_S = 20.0
ROW = infer_body("x", [1, 16], "FP32", [0.0] * 16)
STEPS = 30_000
NEVER_STEPS = 10**15
SPIN_CONFIG = """backend: "onnxruntime"
max_batch_size: 4
input { name: "steps" data_type: TYPE_INT64 dims: 1 }
output { name: "done" data_type: TYPE_INT64 dims: 1 }
instance_group { kind: KIND_CPU count: 1 }
parameters { key: "execution" value { string_value: "thread" } }
"""

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("http2") / "models"
    write_model(path, "tiny", tiny(), TINY_CONFIG)
    write_model(path, "spin", spinner(), SPIN_CONFIG)
    return path


@pytest.fixture(scope="module")
def guarded(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One port for HTTP and gRPC, keys, compressed answers."""
    folder = tmp_path_factory.mktemp("guarded")
    keys = folder / "keys.json"
    keys.write_text(json.dumps({"primaryKey": "one", "secondaryKey": "two"}), encoding="utf-8")
    keys.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    flags = (f"--http-port={port}", f"--grpc-port={port}", "--grpc-infer-response-compression-level=high")
    with running(models, *flags, f"--auth-keys={keys}", directory=folder) as started:
        yield started


def curl(port: int, path: str, *arguments: str, body: bytes = b"") -> tuple[str, dict[str, str], bytes]:
    """Status line, headers and body of an answer over HTTP/2."""
    done = subprocess.run(
        ["curl", "-s", "-i", "--http2-prior-knowledge", *arguments, f"http://127.0.0.1:{port}{path}"],
        input=body,
        capture_output=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    head, _, rest = done.stdout.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first.strip(), dict(line.split(": ", 1) for line in lines), rest


def row(steps: int | None = None) -> triton.InferInput:
    if steps is not None:
        given = triton.InferInput("steps", [1, 1], "INT64")
        given.set_data_from_numpy(np.array([[steps]], np.int64))
    else:
        given = triton.InferInput("x", [1, 16], "FP32")
        given.set_data_from_numpy(np.zeros((1, 16), np.float32))
    return given


def client_of(port: int) -> Any:
    return triton.InferenceServerClient(f"127.0.0.1:{port}")


@needs_curl
class TestRest:
    @pytest.mark.parametrize("path", ["/v2", "/v2/health/ready", "/v2/models/tiny/config", "/v2/nothing"])
    def test_the_same_answers(self, server: Server, path: str) -> None:
        first, headers, body = curl(server.http_port, path)
        plain = server.ask("GET", path)
        assert (first, body) == (f"HTTP/2 {plain.status}", plain.body)
        assert headers == plain.headers

    def test_an_inference_with_binary_outputs(self, server: Server) -> None:
        document = {**json.loads(ROW), "parameters": {"binary_data_output": True}}
        asked = json.dumps(document).encode()
        first, headers, body = curl(server.http_port, "/v2/models/tiny/infer", "--data-binary", "@-", body=asked)
        plain = server.ask("POST", "/v2/models/tiny/infer", asked)
        assert (first, body, headers) == ("HTTP/2 200", plain.body, plain.headers)
        assert "inference-header-content-length" in headers

    @pytest.mark.parametrize("flag", ["Content-Length: 8000000", "Content-Length:"])
    def test_a_large_body(self, server: Server, flag: str) -> None:
        values = np.arange(2_000_000, dtype=np.float32)
        headers = ("-H", "Inference-Header-Content-Length: 0", "-H", flag, "--data-binary", "@-")
        first, told, body = curl(server.http_port, "/v2/models/fp32/infer", *headers, body=values.tobytes())
        assert first == "HTTP/2 200"
        np.testing.assert_array_equal(
            np.frombuffer(body[int(told["inference-header-content-length"]) :], np.float32), values
        )

    def test_events(self, server: Server) -> None:
        asked = json.dumps({"x": [[0.0] * 16]}).encode()
        first, headers, body = curl(server.http_port, "/v2/models/tiny/generate_stream", "-d", "@-", body=asked)
        plain = server.ask("POST", "/v2/models/tiny/generate_stream", asked)
        assert first == f"HTTP/2 {plain.status}"
        assert headers["content-type"] == plain.headers["content-type"]
        assert body.startswith(b"data: ") or plain.status != 200

    def test_metrics(self, server: Server) -> None:
        first, headers, body = curl(server.http_port, "/metrics")
        assert first == "HTTP/2 200"
        assert headers["content-type"] == "text/plain; charset=utf-8"
        assert b"nv_inference_count" in body

    def test_the_port_of_grpc(self, server: Server) -> None:
        first, _, body = curl(server.grpc_port, "/v2")
        assert first == "HTTP/2 404"
        assert json.loads(body)["hint"] == "this port answers gRPC; --http-port is where HTTP is answered"
        assert ask(server.grpc_port, "GET", "/v2").status == 404


class TestNghttp2sOwnClients:
    """What nghttp2 makes of our frames."""

    @pytest.mark.skipif(shutil.which("nghttp") is None, reason="nghttp is not installed")
    def test_nghttp(self, server: Server) -> None:
        command = ["nghttp", "--verbose", f"http://127.0.0.1:{server.http_port}/v2/models/tiny"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT_S).stdout
        assert ":status: 200" in said
        assert server.ask("GET", "/v2/models/tiny").body.decode() in said
        assert "error_code=NO_ERROR(0x00)" in said
        assert "PROTOCOL_ERROR" not in said

    @pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load is not installed")
    @pytest.mark.parametrize(("clients", "streams"), [(8, 1), (1, 32)])
    def test_h2load(self, server: Server, clients: int, streams: int, tmp_path: Path) -> None:
        call = tmp_path / "call"
        call.write_bytes(bytes(5))  # an empty message
        command = ["h2load", "-n", "400", "-c", str(clients), "-m", str(streams), "-d", str(call)]
        command += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
        command += [f"http://127.0.0.1:{server.grpc_port}/inference.GRPCInferenceService/ServerLive"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT_S).stdout
        assert "400 done, 400 succeeded, 0 failed, 0 errored, 0 timeout" in said
        assert "status codes: 400 2xx" in said


class TestOnePort:
    def test_all_services_on_the_port_of_http(self, server: Server) -> None:
        with client_of(server.http_port) as client:
            assert client.is_server_ready()
            assert client.infer("tiny", [row()]).as_numpy("y").shape == (1, 4)
        assert server.ask("GET", "/v2/health/ready").status == 200
        assert b"nv_inference_count" in server.ask("GET", "/metrics").body

    def test_a_port_that_both_are_given(self, guarded: Server) -> None:
        assert guarded.http_port == guarded.grpc_port
        for title in ("HTTPService", "GRPCInferenceService"):
            assert f"Started {title} at 127.0.0.1:{guarded.http_port}" in guarded.log
        headers = {"authorization": "Bearer one"}
        with client_of(guarded.grpc_port) as client:
            assert client.is_server_live(headers=headers)
        assert guarded.ask("GET", "/v2", headers=("Authorization: Bearer one",)).status == 200

    def test_no_grpc(self, models: Path, tmp_path: Path) -> None:
        flags = ("--allow-grpc=false", "--allow-metrics=false")
        with running(models, *flags, directory=tmp_path) as server:
            assert server.grpc_port == 0
            with client_of(server.http_port) as client, pytest.raises(InferenceServerException, match="404"):
                client.is_server_live()
            assert server.ask("GET", "/metrics").status == 404

    def test_grpc_alone(self, models: Path, tmp_path: Path) -> None:
        with running(models, "--allow-http=false", directory=tmp_path) as server:
            assert server.http_port == 0
            with client_of(server.grpc_port) as client:
                assert client.infer("tiny", [row()]).as_numpy("y").shape == (1, 4)


class TestMessages:
    @pytest.mark.parametrize("values", [1, 150_528, 16_000_000])
    def test_sizes(self, server: Server, values: int) -> None:
        sent = np.arange(values, dtype=np.float32)
        given = triton.InferInput("i0", [values], "FP32")
        given.set_data_from_numpy(sent)
        with client_of(server.grpc_port) as client:
            np.testing.assert_array_equal(client.infer("fp32", [given]).as_numpy("o0"), sent)

    @pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
    def test_compressed_ones(self, server: Server, algorithm: str) -> None:
        sent = np.arange(100_000, dtype=np.float32)
        given = triton.InferInput("i0", [100_000], "FP32")
        given.set_data_from_numpy(sent)
        with client_of(server.grpc_port) as client:
            result = client.infer("fp32", [given], compression_algorithm=algorithm)
            np.testing.assert_array_equal(result.as_numpy("o0"), sent)

    @needs_curl
    @pytest.mark.parametrize("accepted", ["gzip", "deflate", "identity"])
    def test_compressed_answers(self, guarded: Server, accepted: str) -> None:
        message = service_pb2.ModelConfigRequest(name="tiny").SerializeToString()
        given = ("content-type: application/grpc", "te: trailers", "authorization: Bearer one")
        fields = [word for field in (*given, f"grpc-accept-encoding: {accepted}") for word in ("-H", field)]
        path = "/inference.GRPCInferenceService/ModelConfig"
        first, headers, _ = curl(guarded.grpc_port, path, *fields, "--data-binary", "@-", body=framed_message(message))
        assert first == "HTTP/2 200"
        assert headers.get("grpc-encoding", "identity") == accepted

    def test_many_calls_on_one_connection(self, server: Server) -> None:
        given = row()
        with client_of(server.grpc_port) as client:
            done: list[Any] = []
            everything = threading.Event()

            def note(result: Any, error: Any) -> None:
                done.append(error)
                if len(done) == 2000:
                    everything.set()

            for _ in range(2000):
                client.async_infer("tiny", [given], callback=note)
            assert everything.wait(TIMEOUT_S)
        assert done == [None] * 2000


class TestAccess:
    def test_keys(self, guarded: Server) -> None:
        with client_of(guarded.grpc_port) as client:
            for headers in ({}, {"authorization": "Bearer three"}, {"authorization": "Basic one"}):
                with pytest.raises(InferenceServerException) as caught:
                    client.infer("tiny", [row()], headers=headers)
                assert caught.value.status() == "StatusCode.UNAUTHENTICATED"
            assert client.infer("tiny", [row()], headers={"authorization": "Bearer two"})


class TestCancellation:
    def test_a_deadline_reaches_the_queue_and_the_model(self, models: Path, tmp_path: Path) -> None:
        with (
            running(models, "--exit-timeout-secs=0", directory=tmp_path) as server,
            client_of(server.grpc_port) as client,
        ):
            for _ in range(2):
                with pytest.raises(InferenceServerException) as caught:
                    client.infer("spin", [row(NEVER_STEPS)], client_timeout=0.2)
                assert caught.value.status() == "StatusCode.DEADLINE_EXCEEDED"
            wait_for(lambda: _cancelled(server) == 2, "both are cancelled")
            assert client.infer("tiny", [row()])

    def test_a_client_that_goes(self, models: Path, tmp_path: Path) -> None:
        with running(models, "--exit-timeout-secs=0", directory=tmp_path) as server:
            with client_of(server.grpc_port) as client:
                running_call = client.async_infer("spin", [row(NEVER_STEPS)], callback=lambda result, error: None)
                waiting_call = client.async_infer("spin", [row(NEVER_STEPS)], callback=lambda result, error: None)
                wait_for(lambda: _pending(server), "one runs and one waits")
                running_call.cancel()
                waiting_call.cancel()
                wait_for(lambda: _cancelled(server) == 2, "both are cancelled")
            assert server.ask("GET", "/v2/health/ready").status == 200


class TestStop:
    def test_what_is_being_answered_is_answered(self, models: Path, tmp_path: Path) -> None:
        results: list[tuple[Any, Any]] = []
        with running(models, directory=tmp_path) as server, client_of(server.grpc_port) as client:
            for _ in range(6):
                client.async_infer("spin", [row(STEPS)], callback=lambda result, error: results.append((result, error)))
            wait_for(lambda: _pending(server), "some run and some wait")
            server.signal(signal.SIGTERM)
            wait_for(lambda: len(results) == 6, "all are answered")
            assert server.wait() == 0
        assert [error for _, error in results] == [None] * 6
        assert [result.as_numpy("done").tolist() for result, _ in results] == [[[STEPS]]] * 6

    def test_calls_in_full_flight_are_answered_or_never_taken(self, models: Path, tmp_path: Path) -> None:
        with running(models, directory=tmp_path) as server:
            under_way = threading.Event()
            outcomes: list[str] = []

            def ask_on() -> None:
                with client_of(server.grpc_port) as client:
                    given = row()
                    while True:
                        try:
                            client.infer("tiny", [given])
                        except InferenceServerException as error:
                            outcomes.append(f"{error.status()}: {error.message()}")
                            return
                        under_way.set()

            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                asking = [pool.submit(ask_on) for _ in range(8)]
                assert under_way.wait(TIMEOUT_S)
                server.signal(signal.SIGTERM)
                for each in asking:
                    each.result(TIMEOUT_S)
            assert server.wait() == 0
        # The client has found nobody to connect to; a call that was lost would end otherwise.
        assert len(outcomes) == 8
        for outcome in outcomes:
            assert outcome.startswith("StatusCode.UNAVAILABLE: failed to connect to all addresses"), outcome

    def test_an_open_stream_is_ended_with_a_reason(self, models: Path, tmp_path: Path) -> None:
        with running(models, directory=tmp_path) as server, client_of(server.grpc_port) as client:
            results: list[tuple[Any, Any]] = []
            client.start_stream(callback=lambda result, error: results.append((result, error)))
            client.async_stream_infer("tiny", [row()])
            wait_for(lambda: results, "the stream has answered")
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
            wait_for(lambda: len(results) == 2, "the stream has ended")
            assert results[0][1] is None
            assert results[1][1].message() == ("GRPC server is shutting down and has stopped accepting new requests.")


def _numbers(server: Server) -> dict[str, float]:
    text = server.ask("GET", "/metrics").body.decode()
    lines = [line for line in text.splitlines() if 'model="spin"' in line]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def _cancelled(server: Server) -> float:
    return sum(value for name, value in _numbers(server).items() if 'reason="CANCELED"' in name)


def _pending(server: Server) -> float:
    return sum(value for name, value in _numbers(server).items() if "pending" in name)
