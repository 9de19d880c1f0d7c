"""A server's life: starting, not starting, being told to stop, being killed."""

from __future__ import annotations

import concurrent.futures
import json
import signal
import socket
import threading
from pathlib import Path

import pytest

from tests.support.http_client import CLOSED, Connection, ask, infer_body, request_bytes
from tests.support.onnx_models import TINY_CONFIG, spinner, tiny, write_model
from tests.support.server import Server, end, fails_to_start, running, spawn
from tests.support.waiting import wait_for

INFER = "/v2/models/tiny/infer"
ROW = infer_body("x", [1, 16], "FP32", [0.0] * 16)
GOOD = request_bytes("POST", INFER, ROW)

SPIN_CONFIG = """backend: "onnxruntime"
max_batch_size: 4
input { name: "steps" data_type: TYPE_INT64 dims: 1 }
output { name: "done" data_type: TYPE_INT64 dims: 1 }
instance_group { kind: KIND_CPU count: 1 }
parameters { key: "execution" value { string_value: "thread" } }
"""
ENDLESS = f"""{SPIN_CONFIG}
model_warmup {{
  name: "w"
  batch_size: 1
  inputs {{ key: "steps" value {{ data_type: TYPE_INT64 dims: 1 input_data_file: "steps" }} }}
}}
"""


def spin(steps: int) -> bytes:
    return request_bytes("POST", "/v2/models/spin/infer", infer_body("steps", [1, 1], "INT64", [steps]))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("process") / "models"
    write_model(path, "tiny", tiny(), TINY_CONFIG)
    write_model(path, "spin", spinner(), SPIN_CONFIG)
    return path


def statistics(server: Server, model: str) -> int:
    (numbers,) = server.ask("GET", f"/v2/models/{model}/stats").json["model_stats"]
    return int(numbers["inference_stats"]["queue"]["count"])


class TestStarting:
    def test_the_ready_file_says_where(self, models: Path, tmp_path: Path) -> None:
        with running(models, directory=tmp_path) as server:
            ports = json.loads((tmp_path / "ready.json").read_text(encoding="utf-8"))
            assert ports == {
                "http": server.http_port,
                "grpc": server.grpc_port,
                "metrics": server.metrics_port,
                "pid": server.process.pid,
            }
            assert "successfully loaded 'tiny' version 1" in server.log
            assert f"Started HTTPService at 127.0.0.1:{server.http_port}" in server.log
            assert f"Started GRPCInferenceService at 127.0.0.1:{server.grpc_port}" in server.log
        assert server.process.returncode == 0
        assert "Traceback" not in server.log

    def test_nobody_is_answered_before_the_models_are_loaded(self, models: Path, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        server = spawn(models, f"--http-port={port}", directory=tmp_path)
        try:

            def first_status() -> int:
                try:
                    return ask(port, "GET", "/v2/health/ready").status
                except ConnectionRefusedError:
                    assert server.process.poll() is None, server.log
                    return 0

            assert wait_for(first_status, "the server answers") == 200
        finally:
            end(server)

    def test_no_repository(self, tmp_path: Path) -> None:
        status, output = fails_to_start(None, directory=tmp_path)
        assert status == 2
        assert "--model-repository must be specified" in output
        assert "Traceback" not in output

    @pytest.mark.parametrize("flag", ["--http-port", "--grpc-port", "--metrics-port"])
    def test_a_port_that_somebody_has(self, models: Path, tmp_path: Path, flag: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            status, output = fails_to_start(models, f"{flag}={port}", directory=tmp_path)
        assert status == 1
        assert f"Socket '127.0.0.1:{port}' already in use" in output
        assert "Traceback" not in output

    def test_two_servers_that_start_on_one_port_at_the_same_time(self, models: Path, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        both = [spawn(models, f"--http-port={port}", directory=tmp_path / name) for name in ("one", "two")]
        try:
            wait_for(lambda: any(server.process.poll() is not None for server in both), "one of them gives up")
            (loser,) = [server for server in both if server.process.poll() is not None]
            (winner,) = [server for server in both if server is not loser]
            assert loser.wait() == 1
            assert f"Socket '127.0.0.1:{port}' already in use" in loser.log
            winner.wait_until_ready()
            assert winner.ask("GET", "/v2/health/ready").status == 200
        finally:
            for server in both:
                end(server)


class TestModelsThatDoNotLoad:
    def test_the_server_does_not_start_and_says_why(self, tmp_path: Path) -> None:
        write_model(tmp_path / "models", "bad", b"not a model")
        write_model(tmp_path / "models", "odd", tiny(), 'backend: "onnxruntime" nonsense: 1')
        write_model(tmp_path / "models", "tiny", tiny(), TINY_CONFIG)
        status, output = fails_to_start(tmp_path / "models", directory=tmp_path)
        assert status == 1
        assert "failed to load all models: 'bad': onnx runtime error 7: " in output
        assert "'odd': " in output
        assert "nonsense" in output
        assert "Traceback" not in output

    def test_the_others_are_served_where_that_is_asked(self, tmp_path: Path) -> None:
        write_model(tmp_path / "models", "bad", b"not a model")
        write_model(tmp_path / "models", "tiny", tiny(), TINY_CONFIG)
        with running(tmp_path / "models", "--exit-on-error=false", directory=tmp_path) as server:
            assert server.ask("POST", INFER, ROW).status == 200
            assert server.ask("GET", "/v2/health/live").status == 200
            assert server.ask("GET", "/v2/health/ready").status == 400
            assert server.ask("GET", "/v2/models/bad/ready").status == 400
            answer = server.ask("GET", "/v2/models/bad")
            assert (answer.status, answer.error) == (404, "Request for unknown model: 'bad' has no available versions")
            (row,) = [row for row in server.ask("POST", "/v2/repository/index").json if row["name"] == "bad"]
            assert row["state"] == "UNAVAILABLE"
            assert row["reason"].startswith("Internal: onnx runtime error 7: ")


class TestStopping:
    def test_an_idle_server_stops_at_once(self, models: Path, tmp_path: Path) -> None:
        with running(models, directory=tmp_path) as server, server.connect() as idle:
            assert idle.ask(GOOD).status == 200
            server.signal(signal.SIGINT)
            assert server.wait(timeout_s=5) == 0
            assert idle.is_closed()
        assert "Traceback" not in server.log

    def test_nothing_that_was_accepted_is_lost_under_load(self, models: Path, tmp_path: Path) -> None:
        """Every answer is whole, and clients are told which one is the last on their connection."""
        stop = threading.Event()

        def load() -> tuple[int, int]:
            answered = cut = 0
            while not stop.is_set():
                try:
                    with server.connect() as connection:
                        while True:
                            answer = connection.ask(GOOD)
                            if answer is CLOSED:
                                cut += 1
                                break
                            assert answer.status == 200
                            answered += 1
                            if answer.headers.get("connection") == "close":
                                break
                except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
                    if server.process.poll() is not None:
                        break
            return answered, cut

        with running(models, directory=tmp_path) as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
            clients = [pool.submit(load) for _ in range(8)]
            wait_for(lambda: statistics(server, "tiny") > 200, "there is load")
            server.signal(signal.SIGTERM)
            assert server.wait(timeout_s=10) == 0
            stop.set()
            results = [client.result() for client in clients]
        assert sum(answered for answered, _ in results) > 200
        # Not one as a rule; a client that the machine leaves standing for long may have one on its way.
        assert sum(cut for _, cut in results) <= 2
        assert "Traceback" not in server.log

    def test_what_waits_and_runs_is_answered_first(self, models: Path, tmp_path: Path) -> None:
        with running(models, directory=tmp_path) as server:
            connections = [server.connect() for _ in range(4)]
            for connection in connections:
                connection.send(spin(30_000))
            wait_for(lambda: _busy(server) >= 4, "all of them are accepted")
            for _ in range(3):
                server.signal(signal.SIGTERM)
            wait_for(lambda: "stopping: waiting up to 30 s" in server.log, "the server drains")
            with pytest.raises(ConnectionRefusedError):
                server.connect()
            answers = [connection.read_answer() for connection in connections]
            assert [answer.status for answer in answers] == [200] * 4
            assert {answer.headers["connection"] for answer in answers} == {"close"}
            assert server.wait(timeout_s=10) == 0
            for connection in connections:
                connection.close()

    def test_what_takes_too_long_is_refused_with_a_reason(self, models: Path, tmp_path: Path) -> None:
        with running(models, "--exit-timeout-secs=1", directory=tmp_path) as server:
            connections = [server.connect() for _ in range(3)]
            for connection in connections:
                connection.send(spin(100_000_000))
            wait_for(lambda: _busy(server) >= 3, "all of them are accepted")
            server.signal(signal.SIGTERM)
            answers = [connection.read_answer() for connection in connections]
            assert server.wait(timeout_s=10) == 1
            assert {answer.error for answer in answers} == {"Exit timeout expired. Exiting immediately."}
            assert "Exit timeout expired. Exiting immediately." in server.log
            for connection in connections:
                connection.close()

    def test_a_server_that_is_killed_frees_its_ports(self, models: Path, tmp_path: Path) -> None:
        with running(models, directory=tmp_path / "first") as server:
            with server.connect() as connection:
                assert connection.ask(GOOD).status == 200
                server.signal(signal.SIGKILL)
                assert server.wait() == -signal.SIGKILL
                assert connection.is_closed()
            flags = (
                f"--http-port={server.http_port}",
                f"--grpc-port={server.grpc_port}",
                f"--metrics-port={server.metrics_port}",
            )
            with running(models, *flags, directory=tmp_path / "second") as again:
                assert again.ask("POST", INFER, ROW).status == 200

    def test_one_that_is_told_while_it_loads(self, models: Path, tmp_path: Path) -> None:
        server = spawn(models, directory=tmp_path)
        try:
            wait_for(lambda: "loading: tiny:1" in server.log or server.process.poll() is not None, "it loads")
            server.signal(signal.SIGTERM)
            assert server.wait(timeout_s=10) == 0
            assert "Traceback" not in server.log
        finally:
            end(server)

    @pytest.mark.parametrize("mode", ["none", "explicit"])
    def test_a_load_without_end_does_not_keep_it(self, tmp_path: Path, mode: str) -> None:
        folder = write_model(tmp_path / "models", "endless", spinner(), ENDLESS)
        (folder / "warmup").mkdir()
        (folder / "warmup" / "steps").write_bytes((10**15).to_bytes(8, "little"))
        server = spawn(tmp_path / "models", f"--model-control-mode={mode}", "--exit-timeout-secs=1", directory=tmp_path)
        try:
            if mode == "explicit":
                server.wait_until_ready()
                with server.connect() as connection:
                    connection.send(request_bytes("POST", "/v2/repository/models/endless/load", b""))
                    wait_for(lambda: "loading: endless:1" in server.log, "it loads")
            wait_for(lambda: "loading: endless:1" in server.log, "it loads")
            server.signal(signal.SIGTERM)
            assert server.wait(timeout_s=10) == 1
            assert "Exit timeout expired. Exiting immediately." in server.log
        finally:
            end(server)


def _busy(server: Server) -> int:
    """Requests of the slow model that wait or run, as open connections tell."""
    with Connection(server.metrics_port) as connection:
        text = connection.ask(request_bytes("GET", "/metrics")).body.decode()
    pending = next(
        line for line in text.splitlines() if line.startswith('nv_inference_pending_request_count{model="spin"')
    )
    (numbers,) = server.ask("GET", "/v2/models/spin/stats").json["model_stats"]
    threaded = numbers["execution"]["threaded"]
    return int(float(pending.split()[-1])) + int(threaded) - int(numbers["execution_count"])
