"""Triton's own HTTP client: every datatype, as bytes and as JSON, and everything else that it can ask."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

from naiad.datatypes import BY_NAME, DATATYPES, object_array
from tests.integration.conftest import IDENTITY_MODELS
from tests.support.server import Server

Array = npt.NDArray[Any]
X = (np.arange(16, dtype=np.float32) / 16).reshape(1, 16)


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.http_port}", concurrency=4) as made:
        yield made


def tensor(name: str, array: Array, datatype: str, *, binary: bool = True) -> Any:
    made = triton.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def x(rows: int = 1, *, binary: bool = True) -> Any:
    return tensor("x", np.repeat(X, rows, axis=0), "FP32", binary=binary)


def values(datatype: str) -> Array:
    """Five elements, the extreme ones among them."""
    row = BY_NAME[datatype]
    if datatype == "BYTES":
        return object_array([b"", "é中😀".encode(), b'"\\\n', b"a" * 1000, b"z"], (5,))
    if row.dtype.kind in "iu":
        limits = np.iinfo(row.dtype)
        return np.array([limits.min, 0, 1, limits.max - 1, limits.max], row.dtype)
    if row.dtype.kind == "b":
        return np.array([True, False, True, True, False])
    return np.array([0.1, -0.0, 1e4, -2.5, 65504 if datatype == "FP16" else 1e30]).astype(row.dtype)


def assert_same(got: Any, wanted: Array) -> None:
    if wanted.dtype.hasobject:
        # Out of JSON the client takes text, out of bytes it takes bytes.
        assert [each.encode() if isinstance(each, str) else each for each in got] == list(wanted)
    else:
        assert got.astype(wanted.dtype).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("binary_output", [True, False], ids=["out-bytes", "out-json"])
@pytest.mark.parametrize("binary_input", [True, False], ids=["in-bytes", "in-json"])
@pytest.mark.parametrize("datatype", [row.name for row in DATATYPES])
def test_every_datatype(client: Any, datatype: str, *, binary_input: bool, binary_output: bool) -> None:
    wanted = values(datatype)
    if datatype in ("FP16", "BF16") and not (binary_input and binary_output):
        if not binary_input:
            return  # the client itself refuses
        outputs = [triton.InferRequestedOutput("o0", binary_data=False)]
        with pytest.raises(InferenceServerException, match=f"sending {datatype} data via JSON is not supported"):
            client.infer(IDENTITY_MODELS[datatype], [tensor("i0", wanted, datatype)], outputs=outputs)
        return
    inputs = [tensor("i0", wanted, datatype, binary=binary_input)]
    outputs = [triton.InferRequestedOutput("o0", binary_data=binary_output)]
    result = client.infer(IDENTITY_MODELS[datatype], inputs, outputs=outputs)
    assert_same(result.as_numpy("o0"), wanted)
    assert result.get_output("o0")["datatype"] == datatype


@pytest.mark.parametrize("datatype", ["FP32", "INT64", "BYTES"])
def test_no_elements(client: Any, datatype: str) -> None:
    empty = np.empty((0,), BY_NAME[datatype].dtype)
    result = client.infer(IDENTITY_MODELS[datatype], [tensor("i0", empty, datatype)])
    assert result.get_output("o0")["shape"] == [0]


@pytest.mark.parametrize("algorithm", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_compression(client: Any, algorithm: str | None, *, binary: bool) -> None:
    result = client.infer(
        "tiny",
        [x(binary=binary)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert result.as_numpy("y").shape == (1, 4)


def test_a_large_tensor(client: Any) -> None:
    wanted = np.random.default_rng(0).standard_normal(2_000_000, np.float32)
    assert_same(client.infer("fp32", [tensor("i0", wanted, "FP32")]).as_numpy("o0"), wanted)


def test_several_inputs_and_outputs(client: Any) -> None:
    real, integer = np.array([[1.5, 2.5]], np.float32), np.array([[3, 4]], np.int32)
    inputs = [tensor("i1", integer, "INT32"), tensor("i0", real, "FP32", binary=False)]
    wanted = [triton.InferRequestedOutput("o1"), triton.InferRequestedOutput("o0", binary_data=False)]
    for outputs in (None, wanted, wanted[:1]):
        result = client.infer("two", inputs, outputs=outputs)
        assert_same(result.as_numpy("o1"), integer)
        if outputs != wanted[:1]:
            assert_same(result.as_numpy("o0"), real)
        else:
            assert result.as_numpy("o0") is None


def test_the_id_comes_back(client: Any) -> None:
    for identity in ("7", "é", 'quo"te'):
        assert client.infer("tiny", [x()], request_id=identity).get_response()["id"] == identity
    assert "id" not in client.infer("tiny", [x()]).get_response()


def test_parameters(client: Any) -> None:
    result = client.infer(
        "tiny",
        [x()],
        priority=1,
        timeout=1_000_000,
        sequence_id=5,
        sequence_start=True,
        parameters={"a": 1, "b": "c", "d": True},
    )
    assert result.as_numpy("y").shape == (1, 4)


def test_classes(client: Any) -> None:
    outputs = [triton.InferRequestedOutput("y", class_count=2)]
    result = client.infer("labelled", [x(2)], outputs=outputs)
    assert result.as_numpy("y").tolist() == [[b"4.646991:2:bird", b"-0.700105:3"]] * 2


def test_versions(client: Any) -> None:
    assert client.infer("two_versions", [x()]).get_response()["model_version"] == "3"
    for version in ("1", "3"):
        assert client.infer("two_versions", [x()], model_version=version).get_response()["model_version"] == version
    with pytest.raises(InferenceServerException, match="'two_versions' version 2 is not found") as caught:
        client.infer("two_versions", [x()], model_version="2")
    assert caught.value.status() == "404"


def test_health(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("tiny")
    assert client.is_model_ready("two_versions", "1")
    assert not client.is_model_ready("two_versions", "2")
    assert not client.is_model_ready("nothing")


def test_metadata(client: Any) -> None:
    assert client.get_server_metadata()["name"] == "naiad"
    assert client.get_model_metadata("two_versions")["versions"] == ["1", "3"]
    assert client.get_model_metadata("two_versions", "1")["versions"] == ["1"]
    metadata = client.get_model_metadata("two")
    assert metadata["inputs"] == [
        {"name": "i0", "datatype": "FP32", "shape": [-1, -1]},
        {"name": "i1", "datatype": "INT32", "shape": [-1, -1]},
    ]
    assert client.get_model_config("tiny")["max_batch_size"] == 64
    assert {"name": "tiny", "version": "1", "state": "READY"} in client.get_model_repository_index()


def test_statistics(client: Any) -> None:
    def counts() -> tuple[int, int, int]:
        (model,) = client.get_inference_statistics("tiny")["model_stats"]
        return model["inference_count"], model["inference_stats"]["success"]["count"], model["execution_count"]

    inferences, requests, executions = counts()
    client.infer("tiny", [x(3)])
    client.infer("tiny", [x(1)])
    assert counts() == (inferences + 4, requests + 2, executions + 2)
    assert len(client.get_inference_statistics()["model_stats"]) > 10


@pytest.mark.parametrize(
    ("model", "inputs", "status", "sentence"),
    [
        ("nothing", [x()], "404", "Request for unknown model: 'nothing' is not found"),
        ("tiny", [], "400", "expected 1 inputs but got 0 inputs for model 'tiny'"),
        ("tiny", [tensor("y", X, "FP32")], "400", "unexpected inference input 'y' for model 'tiny'"),
        ("tiny", [tensor("x", X.astype(np.int32), "INT32")], "400", "data-type is 'INT32', but model 'tiny' expects"),
        ("tiny", [tensor("x", X[:, :3], "FP32")], "400", "unexpected shape for input 'x' for model 'tiny'"),
        ("tiny", [x(65)], "400", "inference request batch-size must be <= 64 for 'tiny'"),
        ("pick", [tensor("index", np.array([[9]], np.int64), "INT64")], "500", "onnx runtime error 2: "),
    ],
)
def test_errors(client: Any, model: str, inputs: list[Any], status: str, sentence: str) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, inputs)
    assert caught.value.status() == status
    assert sentence in caught.value.message()


def test_an_unknown_output(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="unexpected inference output 'z' for model 'tiny'"):
        client.infer("tiny", [x()], outputs=[triton.InferRequestedOutput("z")])


def test_reshape(client: Any) -> None:
    wanted = np.arange(12, dtype=np.float32).reshape(3, 4)
    result = client.infer("reshaped", [tensor("i0", wanted, "FP32")])
    assert result.get_output("o0")["shape"] == [3, 4]
    assert_same(result.as_numpy("o0"), wanted)


def test_a_batch_of_scalars(client: Any) -> None:
    wanted = np.array([[1.0], [2.0]], np.float32)
    assert_same(client.infer("scalars", [tensor("i0", wanted, "FP32")]).as_numpy("o0"), wanted)


def test_many_at_a_time(client: Any) -> None:
    inputs = [tensor("index", np.array([[index % 4]], np.int64), "INT64") for index in range(100)]
    pending = [client.async_infer("pick", [each]) for each in inputs]
    answers = [each.get_result().as_numpy("value").item() for each in pending]
    assert answers == [index % 4 * 10.0 for index in range(100)]


def test_errors_of_many_at_a_time(client: Any) -> None:
    pending = [client.async_infer("tiny" if index % 2 else "nothing", [x()]) for index in range(10)]
    for index, each in enumerate(pending):
        if index % 2:
            assert each.get_result().as_numpy("y").shape == (1, 4)
        else:
            with pytest.raises(InferenceServerException, match="unknown model"):
                each.get_result()


async def test_asyncio(server: Server) -> None:
    async with triton_aio.InferenceServerClient(f"127.0.0.1:{server.http_port}") as client:
        assert await client.is_server_ready()
        result = await client.infer("tiny", [x(2)], request_id="7")
        assert result.as_numpy("y").shape == (2, 4)
        assert result.get_response()["id"] == "7"
        with pytest.raises(InferenceServerException, match="unknown model"):
            await client.infer("nothing", [x()])


async def test_asyncio_many_at_a_time(server: Server) -> None:
    async with triton_aio.InferenceServerClient(f"127.0.0.1:{server.http_port}") as client:
        results = await asyncio.gather(*(client.infer("tiny", [x(rows)]) for rows in range(1, 30)))
    assert [result.as_numpy("y").shape[0] for result in results] == list(range(1, 30))
    wanted = results[0].as_numpy("y")[0]
    for result in results:
        np.testing.assert_allclose(result.as_numpy("y"), np.repeat(wanted[None], len(result.as_numpy("y")), 0), 1e-5)
