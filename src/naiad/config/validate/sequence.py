"""The sequence batcher: its control tensors, strategies and states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from naiad.config.model_config import ModelConfig
from naiad.config.validate.batching import validate_preferred_sizes
from naiad.errors import ConfigError
from naiad.messages import model_config_pb2

_KINDS: Final = model_config_pb2.ModelSequenceBatching.Control.Kind
_CORRELATION_ID_TYPES: Final = ("TYPE_UINT64", "TYPE_INT64", "TYPE_UINT32", "TYPE_INT32", "TYPE_STRING")
_VALUE_TYPES: Final = {
    "int32_false_true": model_config_pb2.TYPE_INT32,
    "fp32_false_true": model_config_pb2.TYPE_FP32,
    "bool_false_true": model_config_pb2.TYPE_BOOL,
}


@dataclass(frozen=True, slots=True)
class ControlTensor:
    """An input through which the batcher tells the model where a sequence starts, ends, and which one it is.

    Attributes:
        name: the graph's input.
        kind: name of the control, such as `CONTROL_SEQUENCE_START`.
        data_type: number of its `inference.DataType`.
    """

    name: str
    kind: str
    data_type: int


def control_tensors(config: ModelConfig) -> list[ControlTensor]:
    """Resolve the control tensors of `sequence_batching` (triton.md §3.5).

    Returns:
        At most one for each kind, in the order start, end, ready, correlation id.

    Raises:
        ConfigError: a control has no name, is given twice, or its values contradict its kind.
    """
    order = ("CONTROL_SEQUENCE_START", "CONTROL_SEQUENCE_END", "CONTROL_SEQUENCE_READY", "CONTROL_SEQUENCE_CORRID")
    return [tensor for kind in order if (tensor := _control_tensor(config, kind)) is not None]


def validate_sequence_batching(config: ModelConfig) -> None:
    """Check `sequence_batching` (triton.md §3.5, §4.3).

    Raises:
        ConfigError: with Triton's sentence for the first control, strategy or state that is wrong.
    """
    if config.response_cache.enable:
        raise ConfigError(
            f"Response Cache does not currently support model {config.name} with sequence batching scheduler. "
            "Please disable the response cache."
        )
    control_tensors(config)
    batching = config.sequence_batching
    if batching.HasField("oldest"):
        validate_preferred_sizes(
            batching.oldest.preferred_batch_size, config=config, noun="sequence batching preferred batch size"
        )
    # Zero is Triton's default and is accepted, although its sentence excludes it.
    if batching.HasField("direct") and not 0.0 <= batching.direct.minimum_slot_utilization <= 1.0:
        raise ConfigError(f"sequence batching minimum slot utilization must be in range (0.0, 1.0] for {config.name}")
    _validate_states(batching)


def _control_tensor(config: ModelConfig, kind: str) -> ControlTensor | None:
    found: ControlTensor | None = None
    for name, control in _controls(config):
        if control.kind != _KINDS.Value(kind):
            continue
        if found is not None:
            raise ConfigError(f"sequence batching specifies multiple {kind} tensors for {config.name}")
        if kind == "CONTROL_SEQUENCE_CORRID":
            found = ControlTensor(name, kind, _correlation_id_type(config, control))
        else:
            found = ControlTensor(name, kind, _boolean_type(config, control, kind))
    return found


def _controls(config: ModelConfig) -> Iterator[tuple[str, Any]]:
    seen: set[str] = set()
    for control_input in config.sequence_batching.control_input:
        name = control_input.name
        if not name:
            raise ConfigError(f"sequence batching control tensor must have a name for {config.name}")
        if name in seen:
            raise ConfigError(
                f"sequence batching control tensor '{name}' is specified for multiple control kinds for {config.name}"
            )
        seen.add(name)
        for control in control_input.control:
            yield name, control


def _boolean_type(config: ModelConfig, control: Any, kind: str) -> int:
    given = [field for field in _VALUE_TYPES if getattr(control, field)]
    if not given:
        raise ConfigError(
            "sequence batching must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for "
            f"{kind} for {config.name}"
        )
    if len(given) > 1:
        raise ConfigError(
            "sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and "
            f"'bool_false_true' for {kind} for {config.name}"
        )
    if len(getattr(control, given[0])) != 2:
        raise ConfigError(
            f"sequence batching control '{given[0]}' must have exactly 2 entries for {kind} for {config.name}"
        )
    return int(_VALUE_TYPES[given[0]])


def _correlation_id_type(config: ModelConfig, control: Any) -> int:
    if any(getattr(control, field) for field in _VALUE_TYPES):
        raise ConfigError(
            "sequence batching must not specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' "
            f"for CONTROL_SEQUENCE_CORRID for {config.name}"
        )
    if control.data_type not in map(model_config_pb2.DataType.Value, _CORRELATION_ID_TYPES):
        raise ConfigError(
            f"unexpected data type for control CONTROL_SEQUENCE_CORRID for {config.name}. Allowed data types are "
            "TYPE_UINT64, TYPE_INT64, TYPE_UINT32, TYPE_INT32 and TYPE_STRING"
        )
    return int(control.data_type)


def _validate_states(batching: Any) -> None:
    seen: set[str] = set()
    for state in batching.state:
        if len(state.initial_state) > 1:
            raise ConfigError(
                f"initial_state field for state input '{state.input_name}' must contain exactly one or zero element. "
                f"Found '{len(state.initial_state)}' elements."
            )
        for initial in state.initial_state:
            _validate_initial_state(state, initial, seen)


def _validate_initial_state(state: Any, initial: Any, seen: set[str]) -> None:
    name = state.input_name
    if initial.data_type != state.data_type:
        raise ConfigError(
            f"The data type used for 'initial_state' field of state '{name}' does not match the state data type."
        )
    if not initial.name:
        raise ConfigError(f"Field 'name' must be set when using initial_state for state input '{name}'.")
    if name in seen:
        raise ConfigError(f"State input name '{name}' specified more than once.")
    seen.add(name)
    if len(initial.dims) != len(state.dims):
        raise ConfigError(
            "Number of dimensions in 'initial_state' doesn't match the size of 'state' dimensions for state input "
            f"'{name}'. {len(initial.dims)} != {len(state.dims)}"
        )
    for dim, state_dim in zip(initial.dims, state.dims, strict=True):
        if dim == -1:
            raise ConfigError(f"'initial_state' field for state input name '{name}' contains variable dimensions.")
        if state_dim not in (-1, dim):
            raise ConfigError(
                f"'initial_state' dim for input name '{name}' doesn't match 'state' dim description. "
                f"{dim} != {state_dim}"
            )
    if initial.WhichOneof("state_data") is None:
        raise ConfigError(f"initial_state setting expects state'{name}' to have state_data set")
