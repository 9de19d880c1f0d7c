"""Warm-up samples, as far as the configuration alone can tell."""

from __future__ import annotations

from naiad.config.model_config import ModelConfig
from naiad.config.validate.tensors import element_count
from naiad.errors import ConfigError


def validate_warmup(config: ModelConfig) -> None:
    """Check `model_warmup` (triton.md §4.7). A sample with batch size 0 is skipped, as it never runs.

    Raises:
        ConfigError: an input's size is open, or nothing says where its data comes from.
    """
    samples = [sample for sample in config.model_warmup if sample.batch_size]
    for sample in samples:
        for name in sorted(sample.inputs):
            if element_count(sample.inputs[name].dims, name=name) == -1:
                raise ConfigError(
                    f"warmup setting expects all variable-size dimensions are specified for input '{name}'"
                )
        for name in sorted(sample.inputs):
            if sample.inputs[name].WhichOneof("input_data_type") is None:
                # The prefix is Triton's: it finds out while it makes the request.
                raise ConfigError(
                    f"[request id: <id_unknown>] warmup setting expects input '{name}' to have input_data_type set"
                )
