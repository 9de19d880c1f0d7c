"""Where an entry script finds a model's file or folder (azure-ml.md §2.3, §4.5)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from naiad.azureml.exceptions import ModelNotFoundException, WebserviceException

CACHE_NAME: Final = "azureml-models"


def model_path(model_name: str, version: int | None) -> str:
    """The model's only entry below `<AML_APP_ROOT>/azureml-models/<name>/<version>/`, else what has its name here.

    Args:
        model_name: name of a model of the service.
        version: its version; the greatest that is there when left out.

    Raises:
        WebserviceException: when the version's folder has not exactly one entry.
        ModelNotFoundException: when there is no such model.
    """
    cache = Path(os.environ.get("AML_APP_ROOT", ".")) / CACHE_NAME
    if Path(model_name).name == model_name and (cache / model_name).is_dir():
        versions = {int(folder.name): folder for folder in (cache / model_name).iterdir() if folder.name.isdecimal()}
        folder = versions.get(max(versions, default=0) if version is None else int(version))
        if folder is not None:
            entries = sorted(folder.iterdir())
            if len(entries) != 1:
                names = [entry.name for entry in entries]
                raise WebserviceException(f"Dir {folder} can contain only 1 file or folder. Found {names}")
            return str(entries[0])
    if version is None and Path(model_name).exists():
        return model_name
    raise ModelNotFoundException(
        f"Model {model_name} not found in cache at {cache} or in current working directory {Path.cwd()}."
    )
