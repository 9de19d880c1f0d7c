"""The whole configuration: identity, limits, and then each part by its own module."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from naiad.config.model_config import ENSEMBLE_PLATFORM, ModelConfig
from naiad.config.validate.batching import validate_dynamic_batching
from naiad.config.validate.ensemble import validate_ensemble
from naiad.config.validate.instances import validate_instance_groups
from naiad.config.validate.limits import validate_limits
from naiad.config.validate.sequence import validate_sequence_batching
from naiad.config.validate.tensors import validate_batch_tensors, validate_tensors
from naiad.config.validate.warmup import validate_warmup
from naiad.errors import ConfigError

_PLATFORMS: Final = {
    "onnxruntime": {"onnxruntime_onnx"},
    "pytorch": {"pytorch_libtorch", "torch_aoti"},
    "tensorflow": {"tensorflow_graphdef", "tensorflow_savedmodel"},
    "tensorrt": {"tensorrt_plan"},
}
"""The platforms that a backend may be paired with; a backend that is not named here takes any."""


def validate(config: ModelConfig) -> None:
    """Check a normalised configuration for contradictions, in Triton's order (triton.md §3.5).

    Inputs and outputs may still be missing; those that are there are checked.

    Raises:
        ConfigError: with Triton's sentence for the first thing that is wrong.
        InternalError: an instance group still has KIND_AUTO, which normalising resolves.
    """
    validate_model(config)
    validate_version(config)


def validate_model(config: ModelConfig) -> None:
    """The first half of `validate`: what Triton checks when it finds a model, and then knows of no version of it.

    Raises:
        ConfigError: with Triton's sentence for the first thing that is wrong.
    """
    _validate_identity(config)
    _validate_filename(config)
    if config.max_batch_size < 0:
        raise ConfigError(f"'max_batch_size' must be non-negative value for {config.name}")
    if not config.HasField("version_policy"):
        raise ConfigError(f"must specify 'version policy' for {config.name}")
    if config.HasField("dynamic_batching"):
        validate_dynamic_batching(config)
    if config.HasField("sequence_batching"):
        validate_sequence_batching(config)
    if config.HasField("ensemble_scheduling"):
        validate_ensemble(config)
    elif config.platform == ENSEMBLE_PLATFORM:
        raise ConfigError(
            f"ensemble scheduling must be set for ensemble {config.name} whose platform is {ENSEMBLE_PLATFORM}"
        )
    if config.model_transaction_policy.decoupled and config.response_cache.enable:
        raise ConfigError(
            f"Response Cache does not currently support model {config.name} with 'decoupled' transaction policy. "
            "Please disable the response cache."
        )
    _validate_metrics(config)


def validate_version(config: ModelConfig) -> None:
    """The second half of `validate`: what Triton checks when it loads a version, whose state then holds the sentence.

    Raises:
        ConfigError, InternalError: as `validate`.
    """
    if not config.HasField("ensemble_scheduling"):
        validate_instance_groups(config)
    validate_tensors(config)
    validate_batch_tensors(config)
    validate_warmup(config)
    validate_limits(config)


def _validate_filename(config: ModelConfig) -> None:
    """A configuration may come with a request, and then may not name files that are none of the model's."""
    path = PurePosixPath(config.default_model_filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in config.default_model_filename:
        raise ConfigError(
            f"default_model_filename '{config.default_model_filename}' of model {config.name} is outside the version "
            "folder"
        )


def _validate_identity(config: ModelConfig) -> None:
    name, platform, backend = config.name, config.platform, config.backend
    if not name:
        raise ConfigError("model configuration must specify 'name'")
    if platform == ENSEMBLE_PLATFORM:
        if backend:
            raise ConfigError(
                f"Ensemble model '{name}' must have platform type '{ENSEMBLE_PLATFORM}' and empty backend type"
            )
    elif not backend:
        raise ConfigError(f"unexpected platform type '{platform}' for {name}")
    elif platform not in _PLATFORMS.get(backend, {platform}):
        raise ConfigError(
            f"unexpected 'platform' and 'backend' pair, got:{platform}, {backend}",
            hint=f"expected platform {' or '.join(sorted(_PLATFORMS[backend]))}",
        )


def _validate_metrics(config: ModelConfig) -> None:
    for control in config.model_metrics.metric_control:
        if not control.HasField("metric_identifier"):
            raise ConfigError("metric control must specify 'metric_identifier'")
        if not control.metric_identifier.family:
            raise ConfigError("metric identifier must specify non-empty 'family'")
        if not control.HasField("histogram_options"):
            raise ConfigError("metric control must specify 'histogram_options'")
        if not control.histogram_options.buckets:
            raise ConfigError("histogram options must specify non-empty 'buckets'")
