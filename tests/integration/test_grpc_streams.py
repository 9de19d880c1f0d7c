"""Streams of inferences with Triton's clients, synchronous and not, and with bare grpcio."""

from __future__ import annotations

import itertools
import queue
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2, service_pb2_grpc

from tests.support.http_client import ask
from tests.support.onnx_models import TINY_CONFIG, identity, picker, ports_config, spinner, tiny, write_model
from tests.support.prometheus import parse_metrics
from tests.support.server import Server, running
from tests.support.waiting import wait_for

TIMEOUT_S = 20.0
SPIN_CONFIG = """backend: "onnxruntime"
max_batch_size: 1
input { name: "steps" data_type: TYPE_INT64 dims: 1 }
output { name: "done" data_type: TYPE_INT64 dims: 1 }
instance_group { kind: KIND_CPU count: 1 }
"""
SLOW_STEPS = 500_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("streams")
    write_model(directory / "models", "tiny", tiny(), TINY_CONFIG)
    write_model(directory / "models", "pick", picker())
    write_model(directory / "models", "spin", spinner(), SPIN_CONFIG)
    write_model(directory / "models", "fp32", identity(("FP32", ["n"])), ports_config([("FP32", [-1])]))
    with running(directory / "models", directory=directory) as started:
        yield started


@pytest.fixture
def stub(server: Server) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def x() -> Any:
    made = triton.InferInput("x", [1, 16], "FP32")
    made.set_data_from_numpy(np.ones((1, 16), np.float32))
    return made


def request(identity: str = "", *, model: str = "tiny", steps: int | None = None) -> Any:
    made = service_pb2.ModelInferRequest(model_name="spin" if steps is not None else model, id=identity)
    if steps is None:
        made.inputs.add(name="x", datatype="FP32", shape=[1, 16])
        made.raw_input_contents.append(np.ones(16, np.float32).tobytes())
    else:
        made.inputs.add(name="steps", datatype="INT64", shape=[1, 1])
        made.raw_input_contents.append(np.int64(steps).tobytes())
    return made


def counted(server: Server, model: str, kind: str) -> int:
    (told,) = server.ask("GET", f"/v2/models/{model}/stats").json["model_stats"]
    count: int = told["inference_stats"][kind]["count"]
    return count


def pending(server: Server, model: str) -> float:
    text = ask(server.metrics_port, "GET", "/metrics").body.decode()
    return parse_metrics(text)["nv_inference_pending_request_count"].value(model=model, version="1")


class OpenStream:
    """A stream whose requests the test sends one by one."""

    def __init__(self, stub: Any, metadata: tuple[tuple[str, str], ...] = (), timeout_s: float = TIMEOUT_S) -> None:
        self._requests: queue.Queue[Any] = queue.Queue()
        sent = iter(self._requests.get, None)
        self.responses = stub.ModelStreamInfer(sent, metadata=metadata, timeout=timeout_s)

    def ask(self, *requests: Any) -> None:
        for each in requests:
            self._requests.put(each)

    def close(self) -> list[Any]:
        """Half-close, and the rest of the answers."""
        self._requests.put(None)
        return list(self.responses)


class TestTritonsClient:
    def test_answers_and_errors_in_order(self, server: Server) -> None:
        told: queue.Queue[Any] = queue.Queue()
        with triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
            client.start_stream(lambda result, error: told.put((result, error)))
            for number in range(50):
                model = "nope" if number == 20 else "tiny"
                client.async_stream_infer(model, [x()], request_id=str(number), enable_empty_final_response=True)
            client.stop_stream()
        answers = [told.get(timeout=TIMEOUT_S) for _ in range(50)]
        for number, (result, error) in enumerate(answers):
            if number == 20:
                assert error.message() == "Request for unknown model: 'nope' is not found"
            else:
                response = result.get_response()
                assert response.id == str(number)
                assert response.parameters["triton_final_response"].bool_param
                assert result.as_numpy("y").shape == (1, 4)
        assert told.empty()

    async def test_the_asynchronous_one(self, server: Server) -> None:
        async def requests() -> AsyncIterator[dict[str, Any]]:
            for number in range(20):
                yield {"model_name": "tiny", "inputs": [x()], "request_id": str(number)}

        async with triton_aio.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as client:
            answers = [answer async for answer in client.stream_infer(requests())]
        assert [result.get_response().id for result, _ in answers] == [str(number) for number in range(20)]
        assert not any(error for _, error in answers)


class TestOrder:
    def test_a_fast_model_waits_for_a_slow_one(self, stub: Any) -> None:
        stream = OpenStream(stub)
        stream.ask(request("slow", steps=300_000), request("fast"), request("bad", model="nope"), request("last"))
        answers = stream.close()
        assert [each.infer_response.id for each in answers] == ["slow", "fast", "bad", "last"]
        assert [bool(each.error_message) for each in answers] == [False, False, True, False]

    def test_answers_come_before_the_stream_ends(self, stub: Any) -> None:
        stream = OpenStream(stub)
        for number in range(3):
            stream.ask(request(str(number)))
            assert next(stream.responses).infer_response.id == str(number)
        assert stream.close() == []
        assert stream.responses.code() is grpc.StatusCode.OK


class TestEnds:
    def test_with_an_error_of_the_model_where_the_client_wants_it(self, stub: Any) -> None:
        broken = service_pb2.ModelInferRequest(model_name="pick", id="b")
        broken.inputs.add(name="index", datatype="INT64", shape=[1, 1])
        broken.raw_input_contents.append(np.int64(9).tobytes())
        plain = OpenStream(stub)
        plain.ask(request("a"), broken, request("c"))
        assert [each.infer_response.id for each in plain.close()] == ["a", "b", "c"]
        stream = OpenStream(stub, (("triton_grpc_error", "true"),))
        stream.ask(request("a"), request("nope", model="nope"), broken, request("c"))
        assert [next(stream.responses).infer_response.id for _ in range(2)] == ["a", "nope"]
        with pytest.raises(grpc.RpcError) as caught:
            next(stream.responses)
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert "out of data bounds" in caught.value.details()

    def test_a_deadline_cancels_what_runs(self, server: Server, stub: Any) -> None:
        before = counted(server, "spin", "fail")
        stream = OpenStream(stub, timeout_s=0.3)
        stream.ask(*(request(str(number), steps=SLOW_STEPS) for number in range(20)))
        with pytest.raises(grpc.RpcError) as caught:
            list(stream.responses)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        wait_for(lambda: counted(server, "spin", "fail") > before, "requests are cancelled")
        assert stub.ModelInfer(request(steps=1), timeout=TIMEOUT_S).model_name == "spin"

    def test_a_client_that_cancels(self, server: Server, stub: Any) -> None:
        before = counted(server, "spin", "fail")
        stream = OpenStream(stub)
        stream.ask(request("first", steps=1), *(request(str(number), steps=SLOW_STEPS) for number in range(20)))
        assert next(stream.responses).infer_response.id == "first"
        wait_for(lambda: pending(server, "spin"), "requests wait")
        stream.responses.cancel()
        wait_for(lambda: counted(server, "spin", "fail") > before, "requests are cancelled")
        assert stub.ModelInfer(request(steps=1), timeout=TIMEOUT_S).model_name == "spin"

    def test_a_unary_call_that_is_cancelled(self, server: Server, stub: Any) -> None:
        before = counted(server, "spin", "fail")
        calls = [stub.ModelInfer.future(request(steps=SLOW_STEPS), timeout=TIMEOUT_S) for _ in range(5)]
        wait_for(lambda: pending(server, "spin"), "requests wait")
        for call in calls:
            call.cancel()
        wait_for(lambda: counted(server, "spin", "fail") > before, "calls are cancelled")


def test_a_client_that_does_not_read(server: Server, stub: Any) -> None:
    """Requests go on only as far as windows and the stream's own bound reach; then all are answered."""
    import psutil

    size, count = 1 << 20, 300
    big = service_pb2.ModelInferRequest(model_name="fp32")
    big.inputs.add(name="i0", datatype="FP32", shape=[size // 4])
    big.raw_input_contents.append(bytes(size))
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", options=options) as channel:
        responses = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelStreamInfer(
            itertools.repeat(big, count), timeout=60
        )
        first = next(responses)
        assert len(first.infer_response.raw_output_contents[0]) == size
        # The client's library reads ahead only as far as its window; the server stays answering others meanwhile.
        for _ in range(3):
            assert stub.ModelInfer(request(), timeout=TIMEOUT_S).model_name == "tiny"
        grown = process.memory_info().rss - before
        assert grown < 150 << 20, f"{grown >> 20} MiB for a client that does not read"
        assert sum(1 for _ in responses) == count - 1
