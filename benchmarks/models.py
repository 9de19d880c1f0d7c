"""The benchmark's models, and the Triton model repository that both servers read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

MAX_BATCH_SIZE = 64
INPUT, OUTPUT = "x", "y"

CONFIG = """\
backend: "onnxruntime"
max_batch_size: {max_batch_size}
input {{ name: "{input}" data_type: TYPE_FP32 dims: {input_dims} }}
output {{ name: "{output}" data_type: TYPE_FP32 dims: {output_dims} }}
dynamic_batching {{}}
instance_group {{ kind: KIND_CPU count: 1 }}
"""


class Graph:
    """An ONNX graph under construction: a chain of nodes from `x` to `y`, with random weights of a fixed seed."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(seed=20)
        self._last = INPUT

    def gemm(self, inputs: int, outputs: int) -> Graph:
        """A fully connected layer, scaled so that values keep their size from layer to layer."""
        weight = self._random.standard_normal((inputs, outputs), dtype=np.float32) / np.float32(np.sqrt(inputs))
        bias = self._random.standard_normal(outputs, dtype=np.float32)
        return self._add("Gemm", self._constant(weight), self._constant(bias))

    def relu(self) -> Graph:
        """max(0, x)."""
        return self._add("Relu")

    def mean_over_pixels(self) -> Graph:
        """[N, C, H, W] to [N, C]."""
        return self._add("ReduceMean", self._constant(np.array([2, 3], dtype=np.int64)), keepdims=0)

    def build(self, name: str, *, input_dims: tuple[int, ...], output_dims: tuple[int, ...]) -> onnx.ModelProto:
        """The model; a batch dimension comes before the dims."""
        self.nodes[-1].output[0] = OUTPUT
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", *input_dims])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", *output_dims])],
            self.initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        onnx.checker.check_model(model)
        return model

    def _constant(self, array: npt.NDArray[Any]) -> str:
        name = f"constant{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def _add(self, operator: str, *constants: str, **attributes: Any) -> Graph:
        output = f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, [self._last, *constants], [output], **attributes))
        self._last = output
        return self


def _mlp() -> Graph:
    return Graph().gemm(256, 1024).relu().gemm(1024, 1024).relu().gemm(1024, 1024).relu().gemm(1024, 10)


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the benchmark.

    Attributes:
        name: its name in the repository.
        input_dims, output_dims: shapes of `x` and `y` without the batch dimension; both FP32.
        graph: makes the graph.
    """

    name: str
    input_dims: tuple[int, ...]
    output_dims: tuple[int, ...]
    graph: Callable[[], Graph]

    def save(self, repository: Path) -> None:
        """Write `NAME/config.pbtxt` and `NAME/1/model.onnx`."""
        version = repository / self.name / "1"
        version.mkdir(parents=True)
        model = self.graph().build(self.name, input_dims=self.input_dims, output_dims=self.output_dims)
        onnx.save(model, version / "model.onnx")
        config = CONFIG.format(
            max_batch_size=MAX_BATCH_SIZE,
            input=INPUT,
            input_dims=list(self.input_dims),
            output=OUTPUT,
            output_dims=list(self.output_dims),
        )
        (repository / self.name / "config.pbtxt").write_text(config)

    def input(self, batch_size: int) -> npt.NDArray[np.float32]:
        """Input values for a batch, the same every time; shape [batch_size, *input_dims]."""
        return np.random.default_rng(seed=4).random((batch_size, *self.input_dims), dtype=np.float32)


TINY = Model("tiny", (16,), (4,), lambda: Graph().gemm(16, 16).gemm(16, 4))
MLP = Model("mlp", (256,), (10,), _mlp)
IMG = Model("img", (3, 224, 224), (10,), lambda: Graph().mean_over_pixels().gemm(3, 10))
MODELS = (TINY, MLP, IMG)


def save_repository(repository: Path, models: Iterable[Model]) -> Path:
    """Write the models into an empty folder as a Triton model repository; returns the folder."""
    for model in models:
        model.save(repository)
    return repository
