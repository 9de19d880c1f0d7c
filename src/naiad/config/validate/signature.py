"""A configuration against the graph that the runtime loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from naiad.config.model_config import ModelConfig, data_type_name
from naiad.config.signature import ModelSignature, TensorSignature
from naiad.config.validate.sequence import control_tensors
from naiad.errors import ConfigError, InternalError


def validate_signature(config: ModelConfig, signature: ModelSignature) -> None:
    """Check that a configuration and a graph describe the same tensors (triton.md §3.5, last paragraph).

    Args:
        config: a valid configuration with inputs and outputs.
        signature: the graph's tensors, batch dimension included.

    Raises:
        ConfigError: counts, names, datatypes, dimensions or batching differ.
        InternalError: a sequence control names an input that the graph lacks.
    """
    inputs = {tensor.name: tensor for tensor in signature.inputs}
    controls = _validate_controls(config, inputs)
    expected = sum(not tensor.optional for tensor in config.input) + len(config.batch_input) + controls
    expected += len(config.sequence_batching.state)
    if expected != len(inputs):
        raise _mismatch(config, f"configuration expects {expected} inputs, model provides {len(inputs)}")
    inputs |= {tensor.name: tensor for tensor in signature.optional_inputs}
    for tensor in config.input:
        _validate_input(config, tensor, inputs)
    _validate_outputs(config, {tensor.name: tensor for tensor in signature.outputs})


def _validate_controls(config: ModelConfig, inputs: Mapping[str, TensorSignature]) -> int:
    if not config.HasField("sequence_batching"):
        return 0
    controls = control_tensors(config)
    for control in controls:
        graph = inputs.get(control.name)
        if graph is None:
            raise InternalError(
                f"configuration specified sequence control '{control.name}', but model does not provide that input"
            )
        dims = graph.shape[1:] if config.max_batch_size > 0 else graph.shape
        if dims != (1,):
            raise _mismatch(
                config,
                f"sequence control '{control.name}' in model has dims {_shape(dims)} but dims [1] is expected",
            )
        if graph.datatype.config_number != control.data_type:
            onnx_name = graph.datatype.onnx_name.removeprefix("tensor(").removesuffix(")").upper()
            raise _mismatch(
                config,
                f"sequence control '{control.name}', the model expects data-type {onnx_name} but the model "
                f"configuration specifies data-type {data_type_name(control.data_type)}",
            )
    return len(controls)


def _validate_input(config: ModelConfig, tensor: Any, inputs: Mapping[str, TensorSignature]) -> None:
    name = tensor.name
    if tensor.optional and config.max_batch_size != 0:
        raise _mismatch(config, f"optional input '{name}' is not supported for models that support batching")
    graph = inputs.get(name)
    if graph is None:
        raise ConfigError(f"unexpected inference input '{name}', allowed inputs are: {', '.join(sorted(inputs))}")
    _validate_datatype(config, tensor.data_type, graph, f"input '{name}'")
    if not tensor.allow_ragged_batch:
        _validate_dims(config, tensor, graph, exact=False)
        return
    ragged = f"configuration expects model provides input with shape [-1] for ragged input '{name}'"
    if tensor.optional:
        raise _mismatch(config, f"{ragged}, which is not supported for optional input")
    if graph.shape != (-1,):
        ragged = ragged.replace("[-1] for", "[-1]  for")
        raise _mismatch(config, f"{ragged}, model provides {_shape(graph.shape)}")


def _validate_outputs(config: ModelConfig, outputs: Mapping[str, TensorSignature]) -> None:
    scattered = {target for batch_output in config.batch_output for target in batch_output.target_name}
    for tensor in config.output:
        graph = _output(tensor.name, outputs)
        _validate_datatype(config, tensor.data_type, graph, f"output '{tensor.name}'")
        if tensor.name not in scattered:
            _validate_dims(config, tensor, graph, exact=True)
    for state in config.sequence_batching.state:
        graph = _output(state.output_name, outputs)
        _validate_datatype(config, state.data_type, graph, f"output state '{state.output_name}'")


def _output(name: str, outputs: Mapping[str, TensorSignature]) -> TensorSignature:
    if name not in outputs:
        raise ConfigError(f"unexpected inference output '{name}', allowed outputs are: {', '.join(sorted(outputs))}")
    return outputs[name]


def _validate_datatype(config: ModelConfig, data_type: int, graph: TensorSignature, tensor: str) -> None:
    if data_type != graph.datatype.config_number:
        raise _mismatch(
            config,
            f"configuration expects datatype {data_type_name(data_type)} for {tensor}, "
            f"model provides TYPE_{graph.datatype.name}",
        )


def _validate_dims(config: ModelConfig, tensor: Any, graph: TensorSignature, *, exact: bool) -> None:
    dims = tuple(tensor.reshape.shape if tensor.HasField("reshape") else tensor.dims)
    subject = f"model '{config.name}', tensor '{graph.name}'"
    if not graph.shape:
        if any(dim != 1 for dim in dims):
            raise _mismatch(
                config,
                f"scalar tensor '{graph.name}', should only provide 1 in the model configuration when the model "
                f"doesn't support batching. Model configuration provided: {_shape(dims)}.",
            )
        return
    if config.max_batch_size > 0:
        if graph.shape[0] != -1:
            raise ConfigError(
                f"{subject}: for the model to support batching the shape should have at least 1 dimension and the "
                f"first dimension must be -1; but shape expected by the model is {_shape(graph.shape)}"
            )
        complete = (-1, *dims)
        specified = (
            f"{len(complete)} dimensions (an initial batch dimension because max_batch_size > 0 followed by the "
            f"explicit tensor shape, making complete shape {_shape(complete)})"
        )
    else:
        complete = dims
        specified = f"{len(complete)} dimensions (shape {_shape(complete)})"
    if not _fits(graph.shape, complete, exact=exact):
        raise ConfigError(
            f"{subject}: the model expects {len(graph.shape)} dimensions (shape {_shape(graph.shape)}) but the model "
            f"configuration specifies {specified}"
        )


def _fits(shape: Sequence[int], dims: Sequence[int], *, exact: bool) -> bool:
    """Whether a configured shape is the graph's, or when not exact, fills the graph's open dimensions."""
    if len(shape) != len(dims):
        return False
    return all(a == b or (a == -1 and not exact) for a, b in zip(shape, dims, strict=True))


def _mismatch(config: ModelConfig, what: str) -> ConfigError:
    return ConfigError(f"unable to load model '{config.name}', {what}")


def _shape(dims: Iterable[int]) -> str:
    return f"[{','.join(map(str, dims))}]"
