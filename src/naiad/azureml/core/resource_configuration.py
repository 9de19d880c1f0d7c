"""`azureml.core.resource_configuration`: what a service of a model should have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class ResourceConfiguration:
    """Default sizes for deployments without code (azure-ml.md §2.3).

    Attributes:
        cpu: cores.
        memory_in_gb: memory.
        gpu: GPUs.
    """

    cpu: float | None = None
    memory_in_gb: float | None = None
    gpu: int | None = None

    def serialize(self) -> dict[str, Any]:
        """The document, with Azure ML's keys."""
        return {"cpu": self.cpu, "memoryInGB": self.memory_in_gb, "gpu": self.gpu}
