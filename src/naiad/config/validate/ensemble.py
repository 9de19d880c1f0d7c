"""Ensembles: the flow of tensors between steps, as far as one configuration can tell."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from naiad.config.model_config import ENSEMBLE_PLATFORM, ModelConfig
from naiad.errors import ConfigError


@dataclass(slots=True, eq=False)
class _Tensor:
    """A node of the data flow: a tensor that steps read and write."""

    name: str
    is_written: bool = False
    is_ready: bool = False
    sources: list[_Tensor] = field(default_factory=list)
    targets: list[_Tensor] = field(default_factory=list)


def validate_ensemble(config: ModelConfig) -> None:
    """Check `ensemble_scheduling`: what may stand beside it, its steps, and that its data flows (triton.md §3.5).

    Raises:
        ConfigError: with Triton's sentence for the first thing that is wrong.
    """
    name = config.name
    if config.platform != ENSEMBLE_PLATFORM:
        raise ConfigError(
            f"ensemble scheduling cannot be set for model '{name}' whose platform is not {ENSEMBLE_PLATFORM}"
        )
    if config.instance_group:
        raise ConfigError(f"instance group should not be specified for ensemble '{name}'")
    if config.HasField("optimization"):
        raise ConfigError(f"optimization should not be specified for ensemble '{name}'")
    if config.model_warmup:
        raise ConfigError(f"model_warmup can not be specified for ensemble '{name}'")
    if not config.ensemble_scheduling.step:
        raise ConfigError(f"must specify 'step' for ensemble '{name}'")
    tensors = _data_flow(config)
    for tensor in config.input:
        if tensor.name not in tensors:
            raise ConfigError(f"ensemble input '{tensor.name}' for ensemble {name}' is not used")
    _spread([tensors[tensor.name] for tensor in config.input])
    _validate_outputs(config, tensors)


def _data_flow(config: ModelConfig) -> dict[str, _Tensor]:
    tensors: dict[str, _Tensor] = {}
    for index, step in enumerate(config.ensemble_scheduling.step):
        place = f"step {index} of ensemble '{config.name}'"
        for mandatory in ("model_name", "input_map", "output_map"):
            if not getattr(step, mandatory):
                raise ConfigError(f"must specify '{mandatory}' in {place}")
        outputs = []
        for _, name in sorted(step.output_map.items()):
            tensor = tensors.setdefault(name, _Tensor(name))
            if tensor.is_written:
                raise ConfigError(
                    f"ensemble tensor '{name}' can appear in an output map only once for ensemble '{config.name}' "
                    f"step {index}"
                )
            tensor.is_written = True
            outputs.append(tensor)
        for _, name in sorted(step.input_map.items()):
            tensor = tensors.setdefault(name, _Tensor(name))
            tensor.targets += outputs
            for output in outputs:
                output.sources.append(tensor)
    return tensors


def _spread(inputs: Iterable[_Tensor]) -> None:
    """Mark what can be computed: a tensor is ready when all that its step reads is."""
    queue = deque(inputs)
    for tensor in queue:
        tensor.is_ready = True
    while queue:
        for target in queue.popleft().targets:
            if not target.is_ready and all(source.is_ready for source in target.sources):
                target.is_ready = True
                queue.append(target)


def _validate_outputs(config: ModelConfig, tensors: dict[str, _Tensor]) -> None:
    name = config.name
    outputs = {output.name for output in config.output}
    for output in config.output:
        tensor = tensors.get(output.name)
        if tensor is None:
            raise ConfigError(f"ensemble output '{output.name}' for ensemble {name}' is not used")
        if not tensor.is_ready:
            missing = _unconnected_source(tensor)
            cause = f": at least one of its depending tensors, '{missing.name}', is not connected"
            raise ConfigError(
                f"output '{output.name}' for ensemble '{name}' is not written" + ("" if missing is tensor else cause)
            )
    for tensor in tensors.values():
        if tensor.name not in outputs and not (tensor.is_ready and tensor.targets):
            raise ConfigError(f"ensemble tensor '{tensor.name}' is unused in ensemble '{name}'")


def _unconnected_source(tensor: _Tensor) -> _Tensor:
    """Walk up from a tensor that is not ready to one that nothing feeds, or around a cycle once."""
    seen = {tensor.name}
    while True:
        above = next((source for source in tensor.sources if not source.is_ready and source.name not in seen), None)
        if above is None:
            return tensor
        seen.add(above.name)
        tensor = above
