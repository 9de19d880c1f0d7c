"""Triton's own gRPC client: every datatype, every kind of output, and everything else that it can ask."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from naiad.datatypes import BY_NAME, DATATYPES, object_array
from tests.integration.conftest import IDENTITY_MODELS
from tests.support.server import Server

Array = npt.NDArray[Any]
X = (np.arange(16, dtype=np.float32) / 16).reshape(1, 16)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as made:
        yield made


def tensor(name: str, array: Array, datatype: str) -> Any:
    made = triton.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def x(rows: int = 1) -> Any:
    return tensor("x", np.repeat(X, rows, axis=0), "FP32")


def values(datatype: str) -> Array:
    """Five elements, the extreme ones among them."""
    row = BY_NAME[datatype]
    if datatype == "BYTES":
        return object_array([b"", "é中😀".encode(), b'"\\\n', b"a" * 1000, b"z\0"], (5,))
    if row.dtype.kind in "iu":
        limits = np.iinfo(row.dtype)
        return np.array([limits.min, 0, 1, limits.max - 1, limits.max], row.dtype)
    if row.dtype.kind == "b":
        return np.array([True, False, True, True, False])
    return np.array([0.1, -0.0, 1e4, -2.5, 65504 if datatype == "FP16" else 1e30]).astype(row.dtype)


def assert_same(got: Any, wanted: Array) -> None:
    if wanted.dtype.hasobject:
        assert list(got) == list(wanted)
    else:
        assert got.astype(wanted.dtype).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("datatype", [row.name for row in DATATYPES])
def test_every_datatype(client: Any, datatype: str) -> None:
    wanted = values(datatype)
    result = client.infer(IDENTITY_MODELS[datatype], [tensor("i0", wanted, datatype)])
    assert_same(result.as_numpy("o0"), wanted)
    assert result.get_output("o0").datatype == datatype


@pytest.mark.parametrize("datatype", [row.name for row in DATATYPES if row.json_representable])
def test_every_datatype_as_typed_contents(client: Any, server: Server, datatype: str) -> None:
    """Triton's client always sends raw contents, others do not."""
    import grpc

    wanted = values(datatype)
    field = {"BOOL": "bool_contents", "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents"}
    small = f"{'u' * datatype.startswith('U')}int{'64' * datatype.endswith('64')}_contents"
    request = service_pb2.ModelInferRequest(model_name=IDENTITY_MODELS[datatype])
    made = request.inputs.add(name="i0", datatype=datatype, shape=[5])
    getattr(made.contents, field.get(datatype, small)).extend(wanted.tolist())
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        response = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert_same(triton.InferResult(response).as_numpy("o0"), wanted)


def test_no_elements(client: Any) -> None:
    for datatype in ("FP32", "BYTES"):
        wanted = np.empty(0, BY_NAME[datatype].dtype)
        result = client.infer(IDENTITY_MODELS[datatype], [tensor("i0", wanted, datatype)])
        assert result.as_numpy("o0").shape == (0,)


@pytest.mark.parametrize("size", [1 << 10, 1 << 20, 1 << 24])
def test_large_tensors(client: Any, size: int) -> None:
    wanted = np.arange(size // 4, dtype=np.float32)
    for _ in range(2):
        assert_same(client.infer("fp32", [tensor("i0", wanted, "FP32")]).as_numpy("o0"), wanted)


def test_two_inputs_in_any_order(client: Any) -> None:
    first = tensor("i0", np.array([[1.5, 2.5]], np.float32), "FP32")
    second = tensor("i1", np.array([[3, 4]], np.int32), "INT32")
    for inputs in ([first, second], [second, first]):
        result = client.infer("two", inputs, outputs=[triton.InferRequestedOutput("o1")])
        assert result.as_numpy("o1").tolist() == [[3, 4]]
        assert result.as_numpy("o0") is None


def test_ids_and_versions(client: Any) -> None:
    for version in ("1", "3", ""):
        for request_id in ("", "a", "é" * 100):
            response = client.infer("two_versions", [x()], model_version=version, request_id=request_id).get_response()
            assert (response.model_version, response.id) == (version or "3", request_id)


def test_the_same_answer_as_over_http(client: Any, server: Server) -> None:
    body = {"inputs": [{"name": "x", "shape": [1, 16], "datatype": "FP32", "data": X.ravel().tolist()}]}
    answer = server.ask("POST", "/v2/models/tiny/infer", json.dumps(body).encode()).json
    assert_same(client.infer("tiny", [x()]).as_numpy("y"), np.array([answer["outputs"][0]["data"]], np.float32))


def test_classes(client: Any) -> None:
    outputs = [triton.InferRequestedOutput("y", class_count=2)]
    (row,) = client.infer("labelled", [x()], outputs=outputs).as_numpy("y")
    best = np.argsort(-client.infer("labelled", [x()]).as_numpy("y")[0])[:2]
    assert [int(text.split(b":")[1]) for text in row] == best.tolist()


@pytest.mark.parametrize(
    ("model", "fields", "status", "sentence"),
    [
        ("nope", {}, "NOT_FOUND", "Request for unknown model: 'nope' is not found"),
        ("tiny", {"model_version": "9"}, "NOT_FOUND", "Request for unknown model: 'tiny' version 9 is not found"),
        ("tiny", {"model_version": "x"}, "INVALID_ARGUMENT", "failed to get model version from specified version"),
        ("fp32", {}, "INVALID_ARGUMENT", "unexpected inference input 'x' for model 'fp32'"),
    ],
)
def test_what_is_refused(client: Any, model: str, fields: dict[str, Any], status: str, sentence: str) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, [x()], **fields)
    assert caught.value.status() == f"StatusCode.{status}"
    assert caught.value.message().startswith(sentence)


def test_a_runtime_that_fails(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="out of data bounds"):
        client.infer("pick", [tensor("index", np.array([[9]], np.int64), "INT64")])
    assert client.infer("pick", [tensor("index", np.array([[2]], np.int64), "INT64")]).as_numpy("value") == 20


def test_server_and_models(client: Any, server: Server) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("two_versions", "1")
    assert not client.is_model_ready("two_versions", "2")
    assert client.get_server_metadata(as_json=True) == server.ask("GET", "/v2").json
    over_http = server.ask("GET", "/v2/models/two").json
    metadata = client.get_model_metadata("two", as_json=True)
    assert [each["shape"] for each in metadata["inputs"]] == [["-1", "-1"]] * 2
    assert (metadata["name"], metadata["versions"]) == (over_http["name"], over_http["versions"])
    config = client.get_model_config("tiny").config
    assert (config.name, config.max_batch_size, config.input[0].dims) == ("tiny", 64, [16])
    over_http = server.ask("POST", "/v2/repository/index").json
    assert client.get_model_repository_index(as_json=True)["models"] == over_http


def test_statistics_are_those_of_http(client: Any, server: Server) -> None:
    def counts() -> tuple[int, int]:
        (over_http,) = server.ask("GET", "/v2/models/labelled/stats").json["model_stats"]
        (told,) = client.get_inference_statistics("labelled").model_stats
        assert told.inference_count == over_http["inference_count"]
        assert told.inference_stats.success.ns == over_http["inference_stats"]["success"]["ns"]
        return told.inference_count, told.inference_stats.success.count

    rows, requests = counts()
    client.infer("labelled", [x(rows=3)])
    assert counts() == (rows + 3, requests + 1)


def test_many_at_once(client: Any, server: Server) -> None:
    async def ask_all() -> list[Any]:
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{server.grpc_port}") as asynchronous:
            return await asyncio.gather(
                *(asynchronous.infer("tiny", [x(rows)], request_id=str(rows)) for rows in range(1, 33))
            )

    wanted = client.infer("tiny", [x()]).as_numpy("y")
    for rows, result in enumerate(asyncio.run(ask_all()), 1):
        assert result.get_response().id == str(rows)
        np.testing.assert_allclose(result.as_numpy("y"), np.repeat(wanted, rows, axis=0), rtol=1e-5)
