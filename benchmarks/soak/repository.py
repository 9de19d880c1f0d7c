"""The soak's models: each multiplies its input by a factor that its file tells."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

MAX_BATCH_SIZE = 8
WIDE = "wide"
STEADY = {"steady": 16, "threaded": 16, WIDE: 100_000}
"""Models that nobody touches, and how many elements a row of theirs has."""
RELOADED = ("reloaded_0", "reloaded_1")
"""Models that are loaded again and again, and are always there."""
COMING = ("coming_0", "coming_1")
"""Models that are unloaded and loaded."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """One model's folder in the repository."""

    folder: Path
    columns: int

    @property
    def model_path(self) -> Path:
        """The model file."""
        return self.folder / "1" / "model.onnx"

    def write(self, content: bytes) -> None:
        """Replace the model file at once, as anybody should who changes what is being served."""
        self.model_path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.model_path.with_suffix(".new")
        fresh.write_bytes(content)
        os.replace(fresh, self.model_path)


def write_repository(repository: Path, factor: int) -> dict[str, ModelFiles]:
    """Write every model with the same factor; the folders, by name."""
    columns = {**STEADY, **dict.fromkeys((*RELOADED, *COMING), 16)}
    models = {name: ModelFiles(repository / name, count) for name, count in columns.items()}
    for name, files in models.items():
        files.write(scaling_model(factor, files.columns))
        execution = 'parameters { key: "execution" value { string_value: "thread" } }' if name == "threaded" else ""
        config = f"{config_text(files.columns)}\n{execution}"
        (files.folder / "config.pbtxt").write_text(config, encoding="utf-8")
    return models


def config_text(columns: int) -> str:
    """The config.pbtxt of such a model."""
    return (
        f'backend: "onnxruntime" max_batch_size: {MAX_BATCH_SIZE} dynamic_batching {{ }}\n'
        f'input {{ name: "x" data_type: TYPE_FP32 dims: {columns} }}\n'
        f'output {{ name: "y" data_type: TYPE_FP32 dims: {columns} }}'
    )


def scaling_model(factor: int, columns: int) -> bytes:
    """y FP32[N, columns] = x · factor."""
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        "scaling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", columns])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", columns])],
        [numpy_helper.from_array(np.array(factor, np.float32), "factor")],
    )
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )
