"""Which versions of a model its version policy serves."""

from __future__ import annotations

from collections.abc import Iterable

from naiad.config.model_config import ModelConfig


def versions_to_serve(config: ModelConfig, available: Iterable[int]) -> list[int]:
    """Choose versions by `version_policy` (triton.md §3.1); without one, the latest.

    Args:
        config: the model's configuration.
        available: version numbers that the repository holds.

    Returns:
        The versions to serve, ascending. A specific version that is not available is left out.
    """
    versions = sorted(set(available))
    policy = config.version_policy
    match policy.WhichOneof("policy_choice"):
        case "latest":
            count = policy.latest.num_versions
        case "specific":
            wanted = set(policy.specific.versions)
            return [version for version in versions if version in wanted]
        case "all":
            return versions
        case _:
            count = 1
    return versions[-count:] if count else []
