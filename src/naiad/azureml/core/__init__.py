"""Azure ML's SDK v1 names: a script changes `azureml.core` to `naiad.azureml.core` and runs on this machine."""

from __future__ import annotations

from naiad.azureml.core.container_registry import ContainerRegistry as ContainerRegistry
from naiad.azureml.core.environment import Environment as Environment
from naiad.azureml.core.model import Model as Model
from naiad.azureml.core.webservice import Webservice as Webservice
from naiad.azureml.core.workspace import Workspace as Workspace

__all__ = ["ContainerRegistry", "Environment", "Model", "Webservice", "Workspace"]
