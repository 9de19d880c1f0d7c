"""Tensors whose names only their exporter could love, and inputs that a request may leave out."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from onnx import helper, numpy_helper
from tritonclient import http as tritonclient

from naiad.config import pbtxt
from naiad.messages import model_config_pb2
from tests.conformance.onnx import client
from tests.conformance.onnx.tensor import Array, Tensor
from tests.support import onnx_models
from tests.support.http_client import Connection, infer_body, request_bytes
from tests.support.server import Server, running

NAMES = (
    "461",
    "input.1",
    "gpu_0/data_0",
    "onnx::Shape_422",
    "StatefulPartitionedCall:0",
    "save_infer_model/scale_0.tmp_1",
    "a b",
    " ",
    "'single' \"double\" `back`",
    "back\\slash",
    "%2F%00",
    "{}[]()<>,;|&$#@!?*",
    "tab\tand\nnew line",
    "\x01\x7f",
    "é",
    "日本語",
    "\u2028\ufeff",
    "🌙",
    "data_size",
    "x" * 300,
)


def renamed(names: tuple[str, ...]) -> object:
    """For every name n, an output named `n'` that is the input n negated; an odd input, too, has a name in a graph."""
    nodes = [helper.make_node("Neg", [name], [f"{name}'"]) for name in names]
    inputs = [onnx_models.tensor(name, "FP32", ["n", 2]) for name in names]
    outputs = [onnx_models.tensor(f"{name}'", "FP32", ["n", 2]) for name in names]
    return onnx_models.model(nodes, inputs, outputs)


def written_config() -> str:
    message = model_config_pb2.ModelConfig(backend="onnxruntime", max_batch_size=8)
    for name in NAMES:
        message.input.add(name=name, data_type=model_config_pb2.TYPE_FP32, dims=[2])
        message.output.add(name=f"{name}'", data_type=model_config_pb2.TYPE_FP32, dims=[2])
    return str(message)


def affine() -> object:
    """y = x · scale + offset, of which scale and offset have values of their own."""
    nodes = [helper.make_node("Mul", ["x", "scale"], ["scaled"]), helper.make_node("Add", ["scaled", "offset"], ["y"])]
    defaults = [
        numpy_helper.from_array(np.array([value], np.float32), name) for name, value in (("scale", 2), ("offset", 1))
    ]
    inputs = [onnx_models.tensor("x", "FP32", [3])]
    inputs += [onnx_models.tensor(name, "FP32", [1]) for name in ("scale", "offset")]
    return onnx_models.model(nodes, inputs, [onnx_models.tensor("y", "FP32", [3])], defaults)


AFFINE_CONFIG = """
backend: "onnxruntime"
input { name: "x" data_type: TYPE_FP32 dims: 3 }
input { name: "scale" data_type: TYPE_FP32 dims: 1 optional: true }
input { name: "offset" data_type: TYPE_FP32 dims: 1 optional: true }
output { name: "y" data_type: TYPE_FP32 dims: 3 }
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("names")
    onnx_models.write_model(folder / "models", "auto", renamed(NAMES))
    onnx_models.write_model(folder / "models", "written", renamed(NAMES), written_config())
    onnx_models.write_model(folder / "models", "affine", affine(), AFFINE_CONFIG)
    with running(folder / "models", directory=folder / "server") as running_server:
        yield running_server


@pytest.fixture
def connection(server: Server) -> Iterator[Connection]:
    with server.connect() as opened:
        yield opened


def values(index: int) -> Array:
    return np.array([[index, index + 0.5]], np.float32)


@pytest.mark.parametrize("model", ["auto", "written"])
class TestNames:
    @pytest.mark.parametrize("binary", [True, False])
    def test_each_tensor_arrives_where_it_should(self, connection: Connection, model: str, *, binary: bool) -> None:
        inputs = [Tensor(name, "FP32", values(index)) for index, name in enumerate(NAMES)]
        for outputs in (NAMES, NAMES[::-1], *((name,) for name in NAMES)):
            wanted = [Tensor(f"{name}'", "FP32", values(0)) for name in outputs]
            arrays = client.answered_arrays(client.infer(connection, model, inputs[::-1], wanted, binary=binary))
            expected = {f"{name}'": (-values(NAMES.index(name))).tolist() for name in outputs}
            assert {name: array.tolist() for name, array in arrays.items()} == expected

    def test_tritonclient_finds_them(self, server: Server, model: str) -> None:
        ask = tritonclient.InferenceServerClient(f"127.0.0.1:{server.http_port}")
        try:
            inputs = []
            for index, name in enumerate(NAMES):
                inputs.append(tritonclient.InferInput(name, [1, 2], "FP32"))
                inputs[-1].set_data_from_numpy(values(index), binary_data=index % 2 > 0)
            result = ask.infer(model, inputs)
            for index, name in enumerate(NAMES):
                assert result.as_numpy(f"{name}'").tolist() == (-values(index)).tolist()
        finally:
            ask.close()

    def test_metadata_and_configuration_have_them(self, connection: Connection, model: str) -> None:
        metadata = connection.ask(request_bytes("GET", f"/v2/models/{model}")).json
        assert [tensor["name"] for tensor in metadata["inputs"]] == list(NAMES)
        assert [tensor["name"] for tensor in metadata["outputs"]] == [f"{name}'" for name in NAMES]
        config = pbtxt.parse_json(
            connection.ask(request_bytes("GET", f"/v2/models/{model}/config")).body.decode(), source="answer"
        )
        assert [tensor.name for tensor in config.input] == list(NAMES)

    @pytest.mark.parametrize("name", NAMES)
    def test_errors_name_them(self, connection: Connection, model: str, name: str) -> None:
        inputs = [{"name": each, "datatype": "FP32", "shape": [1, 2], "data": [0, 0]} for each in NAMES]
        inputs[NAMES.index(name)]["datatype"] = "INT32"
        body = json.dumps({"inputs": inputs}).encode()
        answer = connection.ask(request_bytes("POST", f"/v2/models/{model}/infer", body))
        assert answer.status == 400
        assert f"inference input '{name}' data-type is 'INT32', but model '{model}' expects 'FP32'" in answer.error


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [1, 3, 5]),
        ({"scale": 3}, [1, 4, 7]),
        ({"offset": -1}, [-1, 1, 3]),
        ({"offset": 10, "scale": 0}, [10, 10, 10]),
    ],
)
@pytest.mark.parametrize("binary", [True, False])
def test_optional_inputs_have_their_defaults(
    connection: Connection, given: dict[str, float], expected: list[float], *, binary: bool
) -> None:
    inputs = [Tensor("x", "FP32", np.array([0, 1, 2], np.float32))]
    inputs += [Tensor(name, "FP32", np.array([value], np.float32)) for name, value in given.items()]
    answer = client.infer(connection, "affine", inputs, [Tensor("y", "FP32", inputs[0].array)], binary=binary)
    assert client.answered_arrays(answer)["y"].tolist() == expected


def test_an_input_without_a_default_is_required(connection: Connection) -> None:
    body = infer_body("scale", [1], "FP32", [2])
    answer = connection.ask(request_bytes("POST", "/v2/models/affine/infer", body))
    assert answer.status == 400
    assert "expected number of inputs between 1 and 3 but got 1 inputs for model 'affine'" in answer.error
    assert "missing required input(s) ['x']" in answer.error
