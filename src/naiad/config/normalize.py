"""Fill in what a configuration leaves to the server (triton.md §3.3)."""

from __future__ import annotations

from typing import Final

from naiad.config.model_config import ModelConfig
from naiad.messages import model_config_pb2

DEFAULT_MAX_SEQUENCE_IDLE_MICROSECONDS: Final = 1_000_000

_CPU_PAIR_BACKENDS: Final = frozenset({"onnxruntime", "tensorflow"})
"""Backends that Triton runs as two instances on a CPU when nobody says how many."""


def normalize(config: ModelConfig) -> None:
    """Fill defaults in place, as Triton shows them in the served configuration (triton.md §3.3).

    Version policy, preferred batch sizes, sequence idle time, pinned memory and instance groups. What is set stays.
    Normalising twice changes nothing, so it may run before and after completion from a graph's signature.

    Args:
        config: a configuration whose name and backend are complete.
    """
    if not config.HasField("version_policy"):
        config.version_policy.latest.num_versions = 1
    _fill_batching(config)
    if config.WhichOneof("scheduling_choice") == "ensemble_scheduling":
        return
    for pinned_memory in ("input_pinned_memory", "output_pinned_memory"):
        if not config.optimization.HasField(pinned_memory):
            getattr(config.optimization, pinned_memory).enable = True
    _fill_instance_groups(config)


def _fill_batching(config: ModelConfig) -> None:
    batchers = []
    if config.HasField("dynamic_batching"):
        batchers.append(config.dynamic_batching)
    if config.HasField("sequence_batching"):
        batching = config.sequence_batching
        if batching.max_sequence_idle_microseconds == 0:
            batching.max_sequence_idle_microseconds = DEFAULT_MAX_SEQUENCE_IDLE_MICROSECONDS
        if batching.HasField("oldest"):
            batchers.append(batching.oldest)
    for batcher in batchers:
        if not batcher.preferred_batch_size and config.max_batch_size > 0:
            batcher.preferred_batch_size.append(config.max_batch_size)


def _fill_instance_groups(config: ModelConfig) -> None:
    kinds = model_config_pb2.ModelInstanceGroup
    if not config.instance_group:
        config.instance_group.add(name=config.name)
    for index, group in enumerate(config.instance_group):
        if not group.name:
            group.name = f"{config.name}_{index}"
        if group.kind == kinds.KIND_AUTO:
            group.kind = kinds.KIND_CPU
        if group.count < 1:
            pair = group.kind == kinds.KIND_CPU and config.backend in _CPU_PAIR_BACKENDS
            group.count = 2 if pair else 1
