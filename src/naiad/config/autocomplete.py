"""Complete a configuration from what lies in the model's folder and from the graph that its runtime loaded."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

from naiad.config.model_config import ENSEMBLE_PLATFORM, ModelConfig
from naiad.config.signature import ModelSignature, TensorSignature
from naiad.errors import ConfigError


@dataclass(frozen=True, slots=True)
class _Artifact:
    """A file or folder name that tells the backend; platform is empty for a backend that has none."""

    filename: str
    backend: str
    platform: str = ""


_ARTIFACTS: Final = (
    _Artifact("model.savedmodel", "tensorflow", "tensorflow_savedmodel"),
    _Artifact("model.graphdef", "tensorflow", "tensorflow_graphdef"),
    _Artifact("model.plan", "tensorrt", "tensorrt_plan"),
    _Artifact("model.onnx", "onnxruntime", "onnxruntime_onnx"),
    _Artifact("model.xml", "openvino"),
    _Artifact("model.pt", "pytorch", "pytorch_libtorch"),
    _Artifact("model.pt2", "pytorch", "torch_aoti"),
    _Artifact("model.py", "python"),
)
"""In the order in which Triton looks for them (triton.md §3.2)."""


def complete_backend(config: ModelConfig, *, name: str, entries: Collection[str]) -> None:
    """Fill name, platform, backend and default_model_filename in place (triton.md §3.2).

    Args:
        config: the configuration as written; empty when the model has no file.
        name: the model's folder name.
        entries: names of the files and folders in the first version folder; empty when there is none.

    Raises:
        ConfigError: nothing in the configuration, the folder or the name tells the backend.
    """
    if not config.name:
        config.name = name
    if config.platform == ENSEMBLE_PLATFORM:
        return
    artifact = _find_artifact(config, entries)
    if artifact is not None:
        config.backend = config.backend or artifact.backend
        config.platform = config.platform or artifact.platform
        config.default_model_filename = config.default_model_filename or artifact.filename
    elif not (config.backend or config.platform or config.default_model_filename):
        _complete_from_name(config, name)


def _find_artifact(config: ModelConfig, entries: Collection[str]) -> _Artifact | None:
    rows = list(_ARTIFACTS)
    if config.backend:
        rows = [row for row in rows if row.backend == config.backend]
    if config.platform:
        paired = [row for row in rows if row.platform == config.platform]
        # A pair that does not match is for validation to refuse; the backend's file name is filled all the same.
        rows = paired or (rows if config.backend else [])
    filenames = (config.default_model_filename,) if config.default_model_filename else entries
    named = next((row for row in rows if row.filename in filenames), None)
    # Which of TensorFlow's two formats a folder holds can only be told from the file's name.
    determined = config.platform or config.backend not in ("", "tensorflow")
    return rows[0] if named is None and rows and determined else named


def _complete_from_name(config: ModelConfig, name: str) -> None:
    _, dot, backend = name.partition(".")
    if not dot:
        raise ConfigError(
            f"Invalid model name: Could not determine backend for model '{name}' with no backend in model "
            "configuration. Expected model name of the form 'model.<backend_name>'.",
            hint=f"put one of {', '.join(row.filename for row in _ARTIFACTS)} into the version folder, "
            "or name a backend in config.pbtxt",
        )
    config.backend = backend
    config.default_model_filename = f"model.{backend}"


def complete_from_signature(config: ModelConfig, signature: ModelSignature, *, default_max_batch_size: int = 4) -> None:
    """Fill max_batch_size, the scheduler, inputs and outputs in place from a loaded graph (triton.md §3.4).

    A configuration that has both inputs and outputs is left alone; otherwise only the missing side is filled.

    Args:
        config: a configuration whose name is complete.
        signature: the graph's tensors, batch dimension included.
        default_max_batch_size: what a batchable graph gets when max_batch_size is 0.

    Raises:
        ConfigError: max_batch_size is set and the graph cannot batch.
    """
    has_inputs = bool(config.input or config.batch_input)
    if has_inputs and config.output:
        return
    _complete_batching(config, signature, max(default_max_batch_size, 0))
    if not has_inputs:
        _add_tensors(config.input, signature.inputs, batching=config.max_batch_size > 0)
    if not config.output:
        _add_tensors(config.output, signature.outputs, batching=config.max_batch_size > 0)


def _complete_batching(config: ModelConfig, signature: ModelSignature, default_max_batch_size: int) -> None:
    batchable = all(tensor.shape[:1] == (-1,) for tensor in signature.inputs + signature.outputs)
    if not batchable:
        if config.max_batch_size != 0:
            raise ConfigError(
                f"autofill failed for model '{config.name}': model does not support batching while non-zero "
                "max_batch_size is specified"
            )
        return
    if config.max_batch_size == 0:
        config.max_batch_size = default_max_batch_size
    if config.max_batch_size > 1 and config.WhichOneof("scheduling_choice") is None:
        config.dynamic_batching.SetInParent()


def _add_tensors(target: Any, tensors: Iterable[TensorSignature], *, batching: bool) -> None:
    for tensor in tensors:
        dims = tensor.shape[1:] if batching else tensor.shape
        added = target.add(name=tensor.name, data_type=tensor.datatype.config_number, dims=dims or (1,))
        # A configuration cannot have empty dims: a batch of scalars is [1] on the wire and [] to the graph.
        if batching and not dims:
            added.reshape.SetInParent()
