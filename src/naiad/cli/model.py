"""`naiad model …`: the registry (azure-ml.md §3.1)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from naiad.cli.common import command, noun_app, open_workspace, parse_label_filter, parse_labels
from naiad.cli.deploy import deploy
from naiad.cli.report import note
from naiad.cli.service import COLUMNS as SERVICE_COLUMNS
from naiad.errors import UsageError

if TYPE_CHECKING:
    from naiad.workspace.artifacts import Progress
    from naiad.workspace.models import ModelChanges

_COLUMNS = "{id: id, framework: framework, sizeBytes: sizeBytes, createdTime: createdTime, description: description}"

app = noun_app("Register, list, download, deploy and delete models")
command(app, "deploy", table=SERVICE_COLUMNS)(deploy)

ModelId = Annotated[str, typer.Option("--model-id", "-i", help="Id, name:version; a name alone is its latest version")]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="Tag; may be repeated")]
Properties = Annotated[
    list[str] | None, typer.Option("--property", metavar="KEY=VALUE", help="Property; may be repeated")
]
Cores = Annotated[float | None, typer.Option("--cpu-cores", "--cc", help="Cores a service of this model should have")]
Memory = Annotated[float | None, typer.Option("--memory-gb", "--gb", help="Memory it should have, in GB")]
Gpus = Annotated[int | None, typer.Option("--gpu-cores", "--gc", help="GPUs it should have")]


@command(app, "register", table=_COLUMNS)
def register(
    name: Annotated[str, typer.Option("--name", "-n", help="Name of the model")],
    model_path: Annotated[Path, typer.Option("--model-path", "-p", help="File or folder to register")],
    model_framework: Annotated[
        str | None,
        typer.Option(help="Multi for a Triton model repository; or TensorFlow, ScikitLearn, Onnx, PyTorch, Custom"),
    ] = None,
    model_framework_version: Annotated[str | None, typer.Option(help="Version of the framework")] = None,
    description: Annotated[str | None, typer.Option("--description", "-d", help="What the model is")] = None,
    tag: Tags = None,
    property: Properties = None,
    cpu_cores: Cores = None,
    memory_gb: Memory = None,
    gpu_cores: Gpus = None,
    output_metadata_file: Annotated[
        Path | None,
        typer.Option("--output-metadata-file", "-t", help="Also write the id to this file, for `model deploy -f`"),
    ] = None,
) -> dict[str, Any]:
    """Store a file or folder as the next version of a model."""
    tags = parse_labels(tag, option="--tag")
    properties = parse_labels(property, option="--property")
    if output_metadata_file is not None and not output_metadata_file.absolute().parent.is_dir():
        raise UsageError(f"--output-metadata-file {output_metadata_file} lies in a folder that does not exist")
    workspace = open_workspace()
    with _progress(f"Registering model {name}") as progress:
        model = workspace.models.register(
            model_path,
            name=name,
            framework=model_framework,
            framework_version=model_framework_version,
            description=description,
            tags=tags,
            properties=properties,
            cpu=cpu_cores,
            memory_gb=memory_gb,
            gpu=gpu_cores,
            progress=progress,
        )
    if output_metadata_file is not None:
        metadata = {"modelId": model.id, "workspaceName": workspace.name, "resourceGroupName": None}
        output_metadata_file.write_text(json.dumps(metadata, indent=2) + "\n")
    return model.to_dict()


@command(app, "list", table=f"[].{_COLUMNS}")
def list_models(
    model_name: Annotated[str | None, typer.Option("--model-name", "-n", help="Only versions of this model")] = None,
    latest: Annotated[bool, typer.Option("--latest", help="Only the newest version of each model")] = False,
    model_framework: Annotated[str | None, typer.Option(help="Only models of this framework")] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="Only with this tag; KEY alone for any value")
    ] = None,
    property: Annotated[
        list[str] | None,
        typer.Option("--property", metavar="KEY=VALUE", help="Only with this property; KEY alone for any value"),
    ] = None,
) -> list[dict[str, Any]]:
    """List the registered models."""
    models = open_workspace().models.list(
        model_name,
        parse_label_filter(tag),
        properties=parse_label_filter(property),
        framework=model_framework,
        latest=latest,
    )
    return [model.to_dict() for model in models]


@command(app, "show", table=_COLUMNS)
def show(
    model_id: Annotated[str | None, typer.Option("--model-id", "-i", help="Id, name:version")] = None,
    model_name: Annotated[str | None, typer.Option("--model-name", "-n", help="Name, instead of an id")] = None,
    version: Annotated[
        int | None, typer.Option("--version", help="Version of that name; the latest if left out")
    ] = None,
) -> dict[str, Any]:
    """Show one model."""
    if (model_id is None) == (model_name is None):
        raise UsageError("give either --model-id or --model-name")
    models = open_workspace().models
    if model_name is not None:
        return models.get(model_name, version).to_dict()
    assert model_id is not None
    if version is not None:
        raise UsageError("--version goes with --model-name; a --model-id has its version in it")
    return models.get_by_id(model_id).to_dict()


@command(app, "update", table=_COLUMNS)
def update(
    model_id: ModelId,
    add_tag: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Tag to set; may be repeated")] = None,
    remove_tag: Annotated[list[str] | None, typer.Option(metavar="KEY", help="Tag to remove; may be repeated")] = None,
    add_property: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Property to add; may be repeated")
    ] = None,
    description: Annotated[str | None, typer.Option("--description", "-d", help="What the model is")] = None,
    cpu_cores: Cores = None,
    memory_gb: Memory = None,
    gpu_cores: Gpus = None,
) -> dict[str, Any]:
    """Change what is said about a model; its files never change."""
    add_tags = parse_labels(add_tag, option="--add-tag")
    add_properties = parse_labels(add_property, option="--add-property")
    changes: ModelChanges = {}
    if description is not None:
        changes["description"] = description
    if cpu_cores is not None:
        changes["cpu"] = cpu_cores
    if memory_gb is not None:
        changes["memory_gb"] = memory_gb
    if gpu_cores is not None:
        changes["gpu"] = gpu_cores
    updated = open_workspace().models.update(
        model_id, add_tags=add_tags, remove_tags=remove_tag or (), add_properties=add_properties, **changes
    )
    return updated.to_dict()


@command(app, "download")
def download(
    model_id: ModelId,
    target_dir: Annotated[Path, typer.Option("--target-dir", "-t", help="Folder to put the model in")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there")] = False,
) -> str:
    """Copy a registered model out of the registry; prints where it is."""
    return str(open_workspace().models.download(model_id, target_dir, overwrite=overwrite))


@command(app, "delete", table=_COLUMNS)
def delete(model_id: Annotated[str, typer.Option("--model-id", "-i", help="Id, name:version")]) -> dict[str, Any]:
    """Delete one version of a model, unless a service uses it."""
    return open_workspace().models.delete(model_id).to_dict()


@contextmanager
def _progress(title: str) -> Iterator[Progress | None]:
    """A note, or on a terminal a bar for what takes long enough to need one."""
    if not sys.stderr.isatty():
        note(title)
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
