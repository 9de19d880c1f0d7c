"""A Python-based Triton backend that runs `model.onnx` in onnxruntime, for servers that have none built in.

Triton serves every model with `backend: "onnxruntime"` through this file when it lies in `backends/onnxruntime/`
beside the Python backend (triton.md §5.4). It runs inside Triton's stub process, so it imports nothing of naiad.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]  # Triton's stub has it, nobody else

DEFAULT_MAX_BATCH_SIZE = 4

CONFIG_TYPES = {
    "tensor(bool)": "TYPE_BOOL",
    "tensor(uint8)": "TYPE_UINT8",
    "tensor(uint16)": "TYPE_UINT16",
    "tensor(uint32)": "TYPE_UINT32",
    "tensor(uint64)": "TYPE_UINT64",
    "tensor(int8)": "TYPE_INT8",
    "tensor(int16)": "TYPE_INT16",
    "tensor(int32)": "TYPE_INT32",
    "tensor(int64)": "TYPE_INT64",
    "tensor(float16)": "TYPE_FP16",
    "tensor(float)": "TYPE_FP32",
    "tensor(double)": "TYPE_FP64",
    "tensor(string)": "TYPE_STRING",
    "tensor(bfloat16)": "TYPE_BF16",
}


class TritonPythonModel:
    """One instance of one version of a model."""

    @staticmethod
    def auto_complete_config(auto_complete_model_config: Any) -> Any:
        """Fill in from the graph what the configuration leaves out (triton.md §3.4)."""
        config = auto_complete_model_config.as_dict()
        if config["input"] and config["output"]:
            return auto_complete_model_config
        graph = _graph(Path(pb_utils.get_model_dir()), config)
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        inputs, outputs = session.get_inputs(), session.get_outputs()
        batchable = all(len(node.shape) >= 1 and not isinstance(node.shape[0], int) for node in (*inputs, *outputs))
        max_batch_size = config["max_batch_size"]
        if not batchable and max_batch_size > 0:
            raise pb_utils.TritonModelException(
                f"autofill failed for model '{config['name']}': "
                "model does not support batching while non-zero max_batch_size is specified"
            )
        if batchable and max_batch_size == 0:
            max_batch_size = DEFAULT_MAX_BATCH_SIZE
            auto_complete_model_config.set_max_batch_size(max_batch_size)
        if not config["input"]:
            for node in inputs:
                auto_complete_model_config.add_input(_tensor_config(node, batchable=batchable))
        if not config["output"]:
            for node in outputs:
                auto_complete_model_config.add_output(_tensor_config(node, batchable=batchable))
        scheduled = {"dynamic_batching", "sequence_batching", "ensemble_scheduling"} & config.keys()
        if max_batch_size > 1 and not scheduled:
            auto_complete_model_config.set_dynamic_batching()
        return auto_complete_model_config

    def initialize(self, args: dict[str, str]) -> None:
        """Open the session; `args` are Triton's (triton.md §5.2)."""
        config = json.loads(args["model_config"])
        self.batches = config["max_batch_size"] > 0
        folder = Path(args["model_repository"], args["model_version"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _intra_op_threads(config)
        # Threads that spin take the cores from Triton's own; without, most rows were faster and none much slower.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(_graph(folder, config), options, providers=["CPUExecutionProvider"])
        self.inputs = [*self.session.get_inputs(), *self.session.get_overridable_initializers()]
        self.output_names = [tensor["name"] for tensor in config["output"]]
        self.output_ranks = [len(tensor["dims"]) + self.batches for tensor in config["output"]]

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Run all requests of a batch at once when the model batches, else one by one."""
        feeds = [self._feed(request) for request in requests]
        if not self.batches or len(feeds) == 1:
            return [self._response(self._run(feed)) for feed in feeds]
        joined = {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
        ends = np.cumsum([len(next(iter(feed.values()))) for feed in feeds])
        pieces = [np.split(output, ends[:-1]) for output in self._run(joined)]
        return [self._response(outputs) for outputs in zip(*pieces, strict=True)]

    def _feed(self, request: Any) -> dict[str, Any]:
        feed = {}
        for node in self.inputs:
            tensor = pb_utils.get_input_tensor_by_name(request, node.name)
            if tensor is None:
                continue
            array = tensor.as_numpy()
            if node.type == "tensor(string)":
                # onnxruntime takes str objects, Triton hands out bytes.
                texts = [element.decode() for element in array.ravel()]
                array = np.array(texts, dtype=object).reshape(array.shape)
            # A scalar of the graph is [1] in the configuration.
            feed[node.name] = array.reshape(array.shape[: len(node.shape)])
        return feed

    def _run(self, feed: dict[str, Any]) -> list[Any]:
        outputs = self.session.run(self.output_names, feed)
        return [
            output if output.ndim == rank else np.expand_dims(output, -1)
            for output, rank in zip(map(np.asarray, outputs), self.output_ranks, strict=True)
        ]

    def _response(self, outputs: Sequence[Any]) -> Any:
        tensors = [pb_utils.Tensor(name, array) for name, array in zip(self.output_names, outputs, strict=True)]
        return pb_utils.InferenceResponse(output_tensors=tensors)


def _graph(folder: Path, config: dict[str, Any]) -> Path:
    return folder / (config["default_model_filename"] or "model.onnx")


def _tensor_config(node: Any, *, batchable: bool) -> dict[str, Any]:
    dims = [dim if isinstance(dim, int) else -1 for dim in node.shape[batchable:]]
    return {"name": node.name, "data_type": CONFIG_TYPES[node.type], "dims": dims or [1]}


def _intra_op_threads(config: dict[str, Any]) -> int:
    """Cores over instances, as naiad shares them out, unless the configuration says how many."""
    parameter = config.get("parameters", {}).get("intra_op_thread_count")
    if parameter is not None:
        return int(parameter["string_value"])
    instances: int = sum(group["count"] for group in config["instance_group"])
    return max(1, len(os.sched_getaffinity(0)) // instances)
