"""The environments that every workspace has: made beforehand, read-only, there to be cloned (azure-ml.md §1.36)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from naiad.workspace.conda import CondaDependencies
from naiad.workspace.environment import Environment, PythonSection

CURATED_VERSION: Final = "1"


def _curated(name: str, pip: tuple[str, ...], variables: Mapping[str, str]) -> Environment:
    conda = CondaDependencies(pip=pip)
    return Environment(name, CURATED_VERSION, PythonSection(conda_dependencies=conda), variables)


CURATED: Final = {
    environment.name: environment
    for environment in (
        _curated("AzureML-Minimal", ("azureml-defaults",), {}),
        # Azure's image has 64 workers (azure-ml.md §1.28); a few keep the engine's batches full from a small machine.
        _curated(
            "AzureML-Triton",
            ("azureml-defaults", "numpy", "tritonclient[http]"),
            {"OMP_WAIT_POLICY": "PASSIVE", "WORKER_COUNT": "4", "WORKER_TIMEOUT": "300"},
        ),
    )
}
"""By name. All their packages are naiad's own, so nothing is installed for them."""
