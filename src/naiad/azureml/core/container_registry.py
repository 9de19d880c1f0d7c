"""`azureml.core.container_registry`: where a container's image comes from."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class ContainerRegistry:
    """Kept with an environment; no image is pulled on this machine (azure-ml.md §2.5).

    Attributes:
        address: of the registry.
        username: to log in with.
        password: to log in with; left out of the representation.
    """

    address: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
