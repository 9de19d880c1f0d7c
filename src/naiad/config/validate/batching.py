"""The dynamic batcher: preferred sizes, priorities, queue policies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from naiad.config.model_config import ModelConfig
from naiad.errors import ConfigError
from naiad.messages import model_config_pb2


def validate_dynamic_batching(config: ModelConfig) -> None:
    """Check `dynamic_batching` (triton.md §3.5).

    Raises:
        ConfigError: a preferred size, a priority level or a queue policy cannot be met.
    """
    batching = config.dynamic_batching
    validate_preferred_sizes(batching.preferred_batch_size, config=config, noun="dynamic batching preferred size")
    if batching.priority_levels:
        _validate_priorities(config, batching)
    if batching.preserve_ordering:
        _validate_ordering(config, batching)


def validate_preferred_sizes(sizes: Iterable[int], *, config: ModelConfig, noun: str) -> None:
    """Check that preferred batch sizes lie between 1 and max_batch_size.

    Args:
        sizes: requests' batch sizes that the batcher prefers to form.
        config: the model's configuration.
        noun: what Triton calls the setting in its sentence.

    Raises:
        ConfigError: one does not.
    """
    for size in sizes:
        if size <= 0:
            raise ConfigError(f"{noun} must be positive for {config.name}")
        if size > config.max_batch_size:
            raise ConfigError(f"{noun} must be <= max batch size for {config.name}")


def _validate_priorities(config: ModelConfig, batching: Any) -> None:
    levels = batching.priority_levels
    if not 1 <= batching.default_priority_level <= levels:
        raise ConfigError(f"default priority level must be in range [1, {levels}] for {config.name}")
    if not all(1 <= level <= levels for level in batching.priority_queue_policy):
        raise ConfigError(f"priority queue policy must have priority level in range [1, {levels}] for {config.name}")


def _validate_ordering(config: ModelConfig, batching: Any) -> None:
    if batching.priority_levels > 1:
        raise ConfigError(f"Only one priority level is allowed when 'preserve_ordering' is true for {config.name}")
    delay = model_config_pb2.ModelQueuePolicy.DELAY
    for policy in (batching.default_queue_policy, *batching.priority_queue_policy.values()):
        if policy.default_timeout_microseconds and policy.timeout_action == delay:
            raise ConfigError(
                f"Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for {config.name}"
            )
