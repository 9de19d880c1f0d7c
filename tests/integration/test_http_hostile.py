"""Clients that mean harm, or only do it: the server stays up, stays small, and goes on serving everybody else."""

from __future__ import annotations

import gzip
import random
import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psutil
import pytest

from tests.support.http_client import Answer, Connection, infer_body, json_body, request_bytes
from tests.support.onnx_models import TINY_CONFIG, identity, ports_config, spinner, tiny, write_model
from tests.support.prometheus import parse_metrics
from tests.support.server import Server, running
from tests.support.waiting import wait_for

INFER = "/v2/models/tiny/infer"
ROW = infer_body("x", [1, 16], "FP32", [0.0] * 16)
GOOD = request_bytes("POST", INFER, ROW)
MIB = 1 << 20
LARGEST_JSON = 64 * MIB

SPIN_CONFIG = """backend: "onnxruntime"
max_batch_size: 4
input { name: "steps" data_type: TYPE_INT64 dims: 1 }
output { name: "done" data_type: TYPE_INT64 dims: 1 }
instance_group { kind: KIND_CPU count: 1 }
dynamic_batching { default_queue_policy { max_queue_size: 4 } }
parameters { key: "execution" value { string_value: "thread" } }
"""
SLOW = 60_000
"""Steps that take a good while, and not too long."""


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without patience."""
    directory = tmp_path_factory.mktemp("short")
    write_model(directory / "models", "tiny", tiny(), TINY_CONFIG)
    write_model(directory / "models", "fp32", identity(("FP32", ["n"])), ports_config([("FP32", [-1])]))
    write_model(directory / "models", "spin", spinner(), SPIN_CONFIG)
    flags = ("--http-receive-timeout-secs=1", "--http-idle-timeout-secs=1.5", "--http-max-connections=300")
    with running(directory / "models", *flags, directory=directory) as started:
        yield started


@contextmanager
def well_behaved(server: Server) -> Iterator[list[int]]:
    """A client that asks all the while and must always be answered; yields how often it was."""
    answered = [0]
    failures: list[object] = []
    stop = threading.Event()

    def ask() -> None:
        try:
            with Connection(server.http_port) as connection:
                while not stop.is_set():
                    answer = connection.ask(GOOD)
                    assert answer.status == 200
                    answered[0] += 1
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answered
    finally:
        stop.set()
        thread.join()
    assert not failures


def resident(server: Server) -> int:
    """Bytes of memory that the server holds."""
    return int(psutil.Process(server.process.pid).memory_info().rss)


def spin(steps: int) -> bytes:
    return request_bytes("POST", "/v2/models/spin/infer", infer_body("steps", [1, 1], "INT64", [steps]))


def statistics(server: Server, model: str) -> dict[str, Any]:
    (numbers,) = server.ask("GET", f"/v2/models/{model}/stats").json["model_stats"]
    return dict(numbers)


def test_garbage_harms_nobody_else(short: Server) -> None:
    noise = random.Random(0)
    with well_behaved(short) as answered:
        for _ in range(200):
            data = noise.randbytes(noise.randrange(1, 3000)) + b"\r\n\r\n"
            with short.connect() as connection:
                assert connection.ask(data).status in (400, 431)
        before = answered[0]
        wait_for(lambda: answered[0] > before + 10, "the others go on")


def test_requests_that_never_end_harm_nobody_else(short: Server) -> None:
    parts = (
        b"POST ",
        GOOD[:40],
        GOOD[:-1],
        request_bytes("POST", INFER, b"5\r\nab", headers=["Transfer-Encoding: chunked"]),
    )
    with ExitStack() as stack, well_behaved(short) as answered:
        slow = [stack.enter_context(short.connect()) for _ in range(100)]
        for index, connection in enumerate(slow):
            connection.send(parts[index % len(parts)])
        before = answered[0]
        for connection in slow:
            answer = connection.read_answer()
            assert (answer.status, answer.error) == (408, "the request did not arrive in time")
            assert connection.is_closed()
        assert answered[0] > before + 10


def test_a_byte_now_and_then_does_not_keep_a_connection(short: Server) -> None:
    with short.connect() as connection:
        connection.send(GOOD[:10])
        position = [10]

        def is_refused() -> bool:
            try:
                connection.send(GOOD[position[0] : position[0] + 1])
                position[0] = min(position[0] + 1, len(GOOD) - 2)
                connection.socket.settimeout(0.05)
                return connection.read_answer().status == 408
            except TimeoutError:
                return False

        assert wait_for(is_refused, "the connection is closed")


def test_idle_connections_are_closed(short: Server) -> None:
    with short.connect() as connection:
        assert connection.ask(GOOD).status == 200
        assert connection.is_closed()


def test_more_connections_than_allowed_are_turned_away(short: Server) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(short.connect()) for _ in range(300)]
        assert idle[-1].ask(request_bytes("GET", "/v2/health/live")).status == 200
        with short.connect() as connection:
            answer = connection.read_answer()
            assert answer.status == 503
            assert answer.error == "the server has as many connections as it may have, try again later"
    wait_for(lambda: short.ask("GET", "/v2/health/live").status == 200, "there is room again")


def test_a_client_that_does_not_read_is_dropped(short: Server) -> None:
    count = 5_000_000
    body = json_body(
        {
            "inputs": [
                {"name": "i0", "shape": [count], "datatype": "FP32", "parameters": {"binary_data_size": 4 * count}}
            ],
            "parameters": {"binary_data_output": True},
        }
    )
    headers = [f"Inference-Header-Content-Length: {len(body)}"]
    request = request_bytes("POST", "/v2/models/fp32/infer", body + bytes(4 * count), headers=headers)
    process = psutil.Process(short.process.pid)
    before = resident(short)
    with ExitStack() as stack, well_behaved(short):
        for _ in range(3):
            deaf = stack.enter_context(short.connect())
            deaf.send(request)
        wait_for(
            lambda: len([one for one in process.net_connections("tcp") if one.status == "ESTABLISHED"]) <= 2,
            "the server has closed the connections",
        )
    assert resident(short) < before + 100 * MIB


class TestBombs:
    """Small or allowed bodies that would cost gigabytes or hours when read naively."""

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(
                lambda: infer_body("i0", [3], "FP32", ["x" * 1_000_000, *[""] * 200_000]), id="one long string"
            ),
            pytest.param(lambda: infer_body("i0", [(1 << 63) - 1] * 200_000, "FP32", [1]), id="many huge dimensions"),
            pytest.param(lambda: infer_body("i0", [3] * 200_000, "FP32", [1]), id="many dimensions"),
            pytest.param(lambda: infer_body("i0", [1] * 200_000, "FP32", [1]), id="many dimensions of one"),
            pytest.param(
                lambda: infer_body("i0", [0, *[1 << 62] * 200_000], "FP32", []), id="nothing of many dimensions"
            ),
            pytest.param(lambda: infer_body("i0", [1 << 40], "BYTES", [""]), id="very many elements"),
            pytest.param(lambda: b"[" * 5_000_000, id="deep lists"),
            pytest.param(lambda: b'{"a":' * 1_000_000, id="deep objects"),
            pytest.param(lambda: b'{"inputs":' + b"9" * 3_000_000 + b"}", id="a long number"),
            pytest.param(lambda: b'{"inputs":[' + b"{}," * 1_000_000 + b"{}]}", id="many inputs"),
            pytest.param(lambda: json_body({"inputs": [], "outputs": [{"name": "o0"}] * 300_000}), id="many outputs"),
        ],
    )
    def test_json(self, server: Server, body: Any) -> None:
        before = resident(server)
        answer = server.ask("POST", "/v2/models/fp32/infer", body())
        assert answer.status in (400, 500)
        assert answer.error
        assert resident(server) < before + 200 * MIB
        assert server.ask("GET", "/v2/health/live").status == 200

    def test_ragged_data(self, server: Server) -> None:
        data = [[1], *[[1, 2]] * 100_000, 3]
        answer = server.ask("POST", "/v2/models/fp32/infer", infer_body("i0", [200_002], "FP32", data))
        assert answer.status == 200

    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    def test_compressed(self, server: Server, encoding: str) -> None:
        pack = gzip.compress if encoding == "gzip" else zlib.compress
        bomb = pack(bytes(LARGEST_JSON + 1))
        before = resident(server)
        answer = server.ask("POST", INFER, bomb, (f"Content-Encoding: {encoding}",))
        assert answer.status == 400
        assert answer.error == (
            f"Decompressed data size exceeds the maximum allowed value of {LARGEST_JSON} bytes. "
            "Use --http-max-input-size to increase the limit."
        )
        assert resident(server) < before + 2 * LARGEST_JSON

    def test_many_names_of_one_output(self, server: Server) -> None:
        """Allowed, and large; remembering a few hundred of them would take gigabytes."""
        before = 0
        for count in range(20):
            outputs = [{"name": "y", "parameters": {"classification": count + 1}}] * 50_000
            body = infer_body("x", [1, 16], "FP32", [0.0] * 16, outputs=outputs)
            assert server.ask("POST", INFER, body).status == 200
            before = before or resident(server)
        assert resident(server) < before + 50 * MIB


BAD = (
    request_bytes("POST", INFER, b"{"),
    request_bytes("POST", INFER, infer_body("x", [1, 17], "FP32", [0.0] * 17)),
    request_bytes("POST", INFER, infer_body("nothing", [1, 16], "FP32", [0.0] * 16)),
    request_bytes("POST", "/v2/models/nothing/infer", ROW),
    request_bytes("GET", "/v2/models/nothing"),
    request_bytes("GET", "/nowhere"),
    request_bytes("PUT", "/v2", b"x"),
)


def test_memory_stays_flat_over_many_requests(short: Server) -> None:
    """Every request is another one: other ids, other heads, other batch sizes, other connections."""

    def burst(start: int, count: int) -> None:
        with short.connect() as connection:
            pieces = []
            for index in range(start, start + count):
                rows = index % 64 + 1
                good = infer_body("x", [rows, 16], "FP32", [0.0] * 16 * rows, id=f"request {index}")
                pieces += [
                    request_bytes("POST", f"{INFER}?{index}", good, headers=[f"X-Trace: {index}"]),
                    BAD[index % len(BAD)],
                ]
            sender = threading.Thread(target=connection.send, args=(b"".join(pieces),))
            sender.start()
            statuses = [connection.read_answer().status for _ in pieces]
            sender.join()
            assert set(statuses[::2]) == {200}
            assert set(statuses[1::2]) <= {400, 404, 405, 500}

    for start in range(0, 4_000, 500):
        burst(start, 500)
    before = resident(short)
    for start in range(4_000, 12_000, 500):
        burst(start, 500)
    assert resident(short) < before + 10 * MIB


def test_overload_is_refused_and_everybody_is_answered(short: Server) -> None:
    answers: list[Answer] = []

    def ask() -> None:
        with short.connect() as connection:
            answers.append(connection.ask(spin(SLOW)))

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 40
    refused = [answer for answer in answers if answer.status == 503]
    assert {answer.error for answer in refused} == {"[request id: <id_unknown>] Exceeds maximum queue size"}
    assert {answer.status for answer in answers} == {200, 503}
    numbers = statistics(short, "spin")
    assert numbers["inference_stats"]["fail"]["count"] == len(refused)
    assert short.ask("POST", INFER, ROW).status == 200


def test_nobody_works_for_a_client_that_has_gone(short: Server) -> None:
    before = statistics(short, "spin")["inference_count"]
    with short.connect() as busy:
        busy.send(spin(SLOW))
        wait_for(lambda: _pending(short) == 0, "the first one runs")
        gone = [short.connect() for _ in range(4)]
        for connection in gone:
            connection.send(spin(SLOW))
        wait_for(lambda: _pending(short) == 4, "the others wait")
        for connection in gone:
            connection.close()
        wait_for(lambda: _cancelled(short) >= 4, "their requests are cancelled")
        assert busy.read_answer().status == 200
    wait_for(lambda: _pending(short) == 0, "the queue is empty")
    assert statistics(short, "spin")["inference_count"] == before + 1


def _metric(server: Server, name: str, **labels: str) -> float:
    with Connection(server.metrics_port) as connection:
        text = connection.ask(request_bytes("GET", "/metrics")).body.decode()
    return parse_metrics(text)[name].value(model="spin", version="1", **labels)


def _pending(server: Server) -> float:
    return _metric(server, "nv_inference_pending_request_count")


def _cancelled(server: Server) -> float:
    return _metric(server, "nv_inference_request_failure", reason="CANCELED")


def test_the_log_has_no_surprises(short: Server, server: Server) -> None:
    for one in (short, server):
        assert one.process.poll() is None
        assert "Traceback" not in one.log
        assert "unexpected internal error" not in one.log
