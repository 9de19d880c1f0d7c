"""What an entry script finds on disk: a copy of its source, and links to its models (azure-ml.md §4.5).

generations/<number>/source/                                  the source as it was deployed
generations/<number>/app/                                     AML_APP_ROOT
generations/<number>/app/<source directory>/<entry script>    a copy, which later edits leave alone
generations/<number>/app/azureml-models/<name>/<version>/     AZUREML_MODEL_DIR of a single model
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from naiad.errors import ConfigError
from naiad.targets.generation_folder import generation_folder, stored_source
from naiad.targets.service_script import ServiceScript
from naiad.targets.source_copy import copy_source
from naiad.workspace.models import Model
from naiad.workspace.workspace import Workspace

MODELS_FOLDER: Final = "azureml-models"


@dataclass(frozen=True, slots=True)
class AppFolder:
    """The folder that an entry script runs in.

    Attributes:
        root: AML_APP_ROOT.
        model_dir: AZUREML_MODEL_DIR: the folder of the model, or of all models when there is not exactly one.
    """

    root: Path
    model_dir: Path


def lay_out(
    workspace: Workspace,
    directory: Path,
    generation: int,
    *,
    script: ServiceScript,
    source: Path,
    models: Sequence[Model],
) -> AppFolder:
    """Make the folder of a generation, anew when it is there.

    Args:
        workspace: where the models are.
        directory: the service's.
        generation: its number.
        script: the entry script.
        source: the source directory, or the script alone: the user's own or that of an earlier generation.
        models: what the service serves.

    Raises:
        ConfigError: when the source cannot be copied or the folder not be written.
        NotFoundError: when a model is not registered any more.
    """
    root = generation_folder(directory, generation) / "app"
    kept = stored_source(directory, generation)
    try:
        shutil.rmtree(generation_folder(directory, generation), ignore_errors=True)
        root.mkdir(parents=True)
        kept.mkdir()
        if source.is_dir():
            copy_source(source, kept / source.name)
            shutil.copytree(kept / source.name, root / source.name)
        else:
            shutil.copyfile(source, kept / source.name)
            shutil.copyfile(source, root / source.name)
        folders = [_link_model(model, workspace.models.path(model.id), root) for model in models]
        everything = root / MODELS_FOLDER
        everything.mkdir(exist_ok=True)
    except OSError as error:
        shutil.rmtree(generation_folder(directory, generation), ignore_errors=True)
        raise ConfigError(f"{error.filename or root} cannot be written: {error.strerror or error}") from None
    return AppFolder(root, folders[0] if len(folders) == 1 else everything)


def _link_model(model: Model, path: Path, root: Path) -> Path:
    """The model's files under folders of their own: what a script adds there does not reach the registry."""
    folder = root / MODELS_FOLDER / model.name / str(model.version)
    folder.mkdir(parents=True)
    if path.is_dir():
        shutil.copytree(path, folder / path.name, copy_function=_link)
    else:
        _link(str(path), str(folder / path.name))
    return folder


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
