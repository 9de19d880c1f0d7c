"""Instance groups: kinds, GPUs, optimization profiles."""

from __future__ import annotations

import re
from typing import Any, Final

from naiad.config.model_config import TENSORRT_PLATFORM, ModelConfig
from naiad.errors import ConfigError, InternalError
from naiad.messages import model_config_pb2

_INTEGER: Final = re.compile(r"\s*[+-]?\d+")
"""What C's integer parsing takes from the start of a text; Triton ignores the rest."""

_CPU_HINT: Final = "naiad found no GPU that it can use: leave 'kind' out, or set it to KIND_CPU"


def validate_instance_groups(config: ModelConfig) -> None:
    """Check `instance_group` of a model that is no ensemble (triton.md §3.5).

    Raises:
        ConfigError: there is no group, or one asks for devices or profiles that it cannot have.
        InternalError: a group still has KIND_AUTO.
    """
    if not config.instance_group:
        raise ConfigError(f"must specify one or more 'instance group's for {config.name}")
    for group in config.instance_group:
        _validate_devices(config, group)
        _validate_profiles(config, group)


def _validate_devices(config: ModelConfig, group: Any) -> None:
    kinds = model_config_pb2.ModelInstanceGroup
    subject = f"instance group {group.name} of model {config.name}"
    if group.kind == kinds.KIND_GPU:
        if not group.gpus:
            raise ConfigError(f"{subject} has kind KIND_GPU but no GPUs are available", hint=_CPU_HINT)
        raise ConfigError(
            f"{subject} specifies invalid or unsupported gpu id {group.gpus[0]}. GPUs with at least the minimum "
            "required CUDA compute compatibility of 6.000000 are: ",
            hint=_CPU_HINT,
        )
    if group.kind not in (kinds.KIND_CPU, kinds.KIND_MODEL):
        raise InternalError(f"{subject} has unexpected kind KIND_AUTO")
    if group.gpus:
        raise ConfigError(f"{subject} has kind {kinds.Kind.Name(group.kind)} but specifies one or more GPUs")


def _validate_profiles(config: ModelConfig, group: Any) -> None:
    if not group.profile:
        return
    subject = f"instance group {group.name} of model {config.name} and platform {config.platform}"
    if config.platform != TENSORRT_PLATFORM:
        raise ConfigError(f"{subject}specifies profile field which is only supported for TensorRT models")
    for profile in group.profile:
        if not profile:
            raise ConfigError("profile name must not be empty")
        index = _INTEGER.match(profile)
        if index is None:
            raise ConfigError(f"unable to parse '{profile}': stoi")
        if int(index[0]) < 0:
            raise ConfigError(
                f"{subject} specifies invalid profile {profile}. The field should contain the string representation "
                "of a non-negative integer."
            )
