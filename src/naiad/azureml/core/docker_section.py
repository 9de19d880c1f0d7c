"""An environment's image: kept with it, and not used on this machine (azure-ml.md §2.5)."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from naiad.azureml.core.container_registry import ContainerRegistry
from naiad.azureml.exceptions import UserErrorException

_REGISTRY: Final = "baseImageRegistry"
_REGISTRY_KEYS: Final = ("address", "username", "password")


class _Key:
    """An attribute that is a key of the section's document."""

    def __init__(self, key: str, default: Any = None) -> None:
        self._key = key
        self._default = default

    def __get__(self, section: DockerSection, owner: type[DockerSection]) -> Any:
        return section._document.get(self._key, self._default)

    def __set__(self, section: DockerSection, value: Any) -> None:
        section._document[self._key] = value


class DockerSection:
    """The image that an environment's packages are in.

    Args:
        document: camelCase keys of azure-ml.md §3.5.

    Attributes:
        platform: kept as it is, as are all others.
        enabled: deprecated in the original, as are gpu_support, shm_size, shared_volumes and arguments.
        base_image_registry: where the image comes from.
    """

    platform = _Key("platform")
    enabled = _Key("enabled", False)
    gpu_support = _Key("gpuSupport", False)
    shm_size = _Key("shmSize", "2g")
    shared_volumes = _Key("sharedVolumes", True)
    arguments = _Key("arguments")

    def __init__(self, document: Mapping[str, Any] | None = None) -> None:
        self._document = dict(document or {})
        registry = self._document.get(_REGISTRY)
        values = [registry.get(key) for key in _REGISTRY_KEYS] if isinstance(registry, Mapping) else []
        self.base_image_registry = ContainerRegistry(*values)

    @property
    def base_image(self) -> str | None:
        """The image; setting it takes the Dockerfile away."""
        return self._document.get("baseImage")

    @base_image.setter
    def base_image(self, image: str | None) -> None:
        self._replace("baseDockerfile", "baseImage", image)

    @property
    def base_dockerfile(self) -> str | None:
        """Text of a Dockerfile; setting it, to a text, a path or an open file, takes the image away."""
        return self._document.get("baseDockerfile")

    @base_dockerfile.setter
    def base_dockerfile(self, dockerfile: Any) -> None:
        self._replace("baseImage", "baseDockerfile", _dockerfile_text(dockerfile))

    def _replace(self, other: str, key: str, value: str | None) -> None:
        if value is not None and self._document.get(other) is not None:
            warnings.warn(f"{other} is taken away: an environment has an image or a Dockerfile", stacklevel=3)
            self._document[other] = None
        self._document[key] = value


def docker_document(section: DockerSection) -> dict[str, Any]:
    """The document of a section.

    Raises:
        UserErrorException: when the caller assigned something else.
    """
    if not isinstance(section, DockerSection):
        raise UserErrorException(f"docker must be a DockerSection, not {type(section).__name__}")
    registry = section.base_image_registry
    if registry == ContainerRegistry():
        return dict(section._document)
    values = (registry.address, registry.username, registry.password)
    return {**section._document, _REGISTRY: dict(zip(_REGISTRY_KEYS, values, strict=True))}


def _dockerfile_text(dockerfile: Any) -> str | None:
    if dockerfile is None:
        return None
    if hasattr(dockerfile, "read"):
        return str(dockerfile.read())
    text: str = os.fspath(dockerfile)
    if isinstance(dockerfile, str) and ("\n" in text or text.upper().startswith("FROM ")):
        return text
    try:
        return Path(text).read_text(encoding="utf-8")
    except OSError as error:
        raise UserErrorException(f"{text} cannot be read: {error.strerror}") from None
