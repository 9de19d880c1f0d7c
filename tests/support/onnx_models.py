"""Small ONNX models, and the model repositories that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from naiad import datatypes

ONNX_TYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
    "BF16": TensorProto.BFLOAT16,
}
"""ONNX element types by wire name."""

Dims = Sequence[int | str]

_OPSET = 17
_IR_VERSION = 8


def tensor(name: str, datatype: str, dims: Dims) -> Any:
    """A graph's input or output; a string dimension is symbolic."""
    return helper.make_tensor_value_info(name, ONNX_TYPES[datatype], list(dims))


def model(nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], initializers: Sequence[Any] = ()) -> Any:
    """A model of one graph."""
    graph = helper.make_graph(list(nodes), "graph", list(inputs), list(outputs), list(initializers))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.checker.check_model(made)
    return made


def tiny() -> Any:
    """x FP32[N,16] → y FP32[N,4]: the model whose answers by a real tritonserver are recorded."""
    random = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(random.standard_normal(shape, dtype=np.float32), name)
        for name, shape in (("w1", (16, 16)), ("b1", (16,)), ("w2", (16, 4)), ("b2", (4,)))
    ]
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
        helper.make_node("Gemm", ["h", "w2", "b2"], ["y"]),
    ]
    return model(nodes, [tensor("x", "FP32", ("N", 16))], [tensor("y", "FP32", ("N", 4))], weights)


def identity(*ports: tuple[str, Dims]) -> Any:
    """Input `i{n}` → output `o{n}`, unchanged, for each datatype and shape."""
    nodes = [helper.make_node("Identity", [f"i{index}"], [f"o{index}"]) for index in range(len(ports))]
    inputs = [tensor(f"i{index}", datatype, dims) for index, (datatype, dims) in enumerate(ports)]
    outputs = [tensor(f"o{index}", datatype, dims) for index, (datatype, dims) in enumerate(ports)]
    return model(nodes, inputs, outputs)


def spinner() -> Any:
    """steps INT64[N,1] → done INT64[N,1], unchanged, after as many turns of a loop as the largest step says."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["again"]), helper.make_node("Add", ["sum", "one"], ["total"])],
        "turn",
        [tensor("turn", "INT64", ()), tensor("go", "BOOL", ()), tensor("sum", "INT64", ())],
        [tensor("again", "BOOL", ()), tensor("total", "INT64", ())],
    )
    nodes = [
        helper.make_node("ReduceMax", ["steps"], ["most"], keepdims=0),
        helper.make_node("Loop", ["most", "yes", "zero"], ["sum_of_turns"], body=body),
        helper.make_node("Mul", ["sum_of_turns", "zero"], ["nothing"]),
        helper.make_node("Add", ["steps", "nothing"], ["done"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(1, np.int64), "one"),
        numpy_helper.from_array(np.array(0, np.int64), "zero"),
        numpy_helper.from_array(np.array(True), "yes"),
    ]
    return model(nodes, [tensor("steps", "INT64", ("N", 1))], [tensor("done", "INT64", ("N", 1))], constants)


def picker() -> Any:
    """index INT64[N,1] → value FP32[N,1] out of a table of four; another index makes the runtime fail."""
    nodes = [helper.make_node("Gather", ["table", "index"], ["value"], axis=0)]
    table = numpy_helper.from_array(np.array([0.0, 10.0, 20.0, 30.0], np.float32), "table")
    return model(nodes, [tensor("index", "INT64", ("N", 1))], [tensor("value", "FP32", ("N", 1))], [table])


def write_model(
    repository: Path,
    name: str,
    made: Any,
    config: str | None = None,
    *,
    version: int = 1,
    labels: Sequence[str] = (),
) -> Path:
    """Put a model into a repository.

    Args:
        repository: the folder; made if absent.
        name: of the model.
        made: the ONNX model, or bytes to write instead of one.
        config: text of config.pbtxt; None for no file.
        version: of this model file.
        labels: lines of labels.txt.

    Returns:
        The model's folder.
    """
    folder = repository / name
    (folder / str(version)).mkdir(parents=True)
    content = made if isinstance(made, bytes) else made.SerializeToString()
    (folder / str(version) / "model.onnx").write_bytes(content)
    if config is not None:
        (folder / "config.pbtxt").write_text(config, encoding="utf-8")
    if labels:
        (folder / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
    return folder


def ports_config(ports: Sequence[tuple[str, Sequence[int]]], *, max_batch_size: int = 0, extra: str = "") -> str:
    """The config.pbtxt of an `identity` model, with every tensor in it so that nothing is auto-completed."""
    lines = [f'backend: "onnxruntime"\nmax_batch_size: {max_batch_size}']
    for index, (datatype, dims) in enumerate(ports):
        row = datatypes.BY_NAME[datatype]
        text = f"data_type: {row.config_name} dims: [{', '.join(map(str, dims))}]"
        lines.append(f'input {{ name: "i{index}" {text} }}\noutput {{ name: "o{index}" {text} }}')
    return "\n".join([*lines, extra])


TINY_CONFIG = """backend: "onnxruntime"
max_batch_size: 64
input { name: "x" data_type: TYPE_FP32 dims: 16 }
output { name: "y" data_type: TYPE_FP32 dims: 4 }
dynamic_batching {}
instance_group { kind: KIND_CPU count: 1 }
"""
"""The configuration that goes with the recorded answers."""
