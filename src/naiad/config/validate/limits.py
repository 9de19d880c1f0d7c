"""How much a configuration may ask of the machine. Triton sets no bounds here, and a load request may hold any."""

from __future__ import annotations

from math import prod
from typing import Any, Final

from naiad import datatypes
from naiad.config.model_config import ModelConfig
from naiad.errors import ConfigError

_MAX_INSTANCES: Final = 1024
_MAX_PRIORITY_LEVELS: Final = 1024
_MAX_WARMUP_RUNS: Final = 10_000
_MAX_WARMUP_BYTES: Final = 1 << 30
_TEXT_BYTES: Final = 64
"""What an element of a BYTES tensor takes at least, as an object."""


def validate_limits(config: ModelConfig) -> None:
    """Check that a model's instances, queues and warm-up samples are of a size that can be.

    Args:
        config: normalised.

    Raises:
        ConfigError: one of them is not.
    """
    instances = sum(group.count for group in config.instance_group)
    _check(config, "instances", instances, _MAX_INSTANCES)
    _check(config, "priority levels", config.dynamic_batching.priority_levels, _MAX_PRIORITY_LEVELS)
    for sample in config.model_warmup:
        _check(config, f"runs of warmup sample '{sample.name}'", sample.count, _MAX_WARMUP_RUNS)
        size = sum(_bytes(tensor) for tensor in sample.inputs.values()) * sample.batch_size
        _check(config, f"bytes in warmup sample '{sample.name}'", size, _MAX_WARMUP_BYTES)


def _bytes(tensor: Any) -> int:
    datatype = datatypes.BY_CONFIG_NUMBER.get(tensor.data_type, datatypes.BYTES)
    count: int = prod(tensor.dims)
    return count * (datatype.size_bytes or _TEXT_BYTES)


def _check(config: ModelConfig, what: str, number: int, limit: int) -> None:
    if number > limit:
        raise ConfigError(f"model {config.name} asks for {number} {what}, at most {limit} are possible")
