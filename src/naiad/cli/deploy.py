"""`naiad model deploy` (azure-ml.md §3.1): flags to a deployment, and its progress on stderr."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from naiad.cli.common import open_workspace, parse_labels
from naiad.cli.option_groups import ScriptOptions, ServiceOptions, grouped
from naiad.cli.report import note
from naiad.errors import ConfigError, NotFoundError, UsageError

if TYPE_CHECKING:
    from naiad.targets.deployment_config import LocalConfig
    from naiad.targets.inference_config import InferenceConfig
    from naiad.workspace.workspace import Workspace


@grouped
def deploy(
    name: Annotated[str, typer.Option("--name", "-n", help="Name of the service")],
    script: ScriptOptions,
    service: ServiceOptions,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", metavar="NAME[:VERSION]", help="Id of a model to deploy; may be repeated"),
    ] = None,
    model_metadata_file: Annotated[
        list[Path] | None,
        typer.Option("--model-metadata-file", "-f", help="File that `model register -t` wrote, instead of an id"),
    ] = None,
    deploy_config_file: Annotated[
        Path | None, typer.Option("--deploy-config-file", "--dc", help="Deployment configuration, JSON or YAML")
    ] = None,
    compute_target: Annotated[
        str | None, typer.Option("--compute-target", "--ct", help="Where the service runs; local is this machine")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a service of the same name: it is stopped first")
    ] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return before the service answers")] = False,
    description: Annotated[str | None, typer.Option("--description", help="What the service is")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="Tag; may be repeated")] = None,
    property: Annotated[
        list[str] | None, typer.Option("--property", metavar="KEY=VALUE", help="Property; may be repeated")
    ] = None,
) -> dict[str, Any]:
    """Deploy models and an entry script as a service and show it."""
    models = model_ids(model, model_metadata_file)
    if not models and script == ScriptOptions():
        raise UsageError(
            "name the model to deploy: --model NAME:VERSION, or --model-metadata-file FILE; or an entry script: "
            "--inference-config-file FILE"
        )
    tags = parse_labels(tag, option="--tag")
    properties = parse_labels(property, option="--property")
    config = service.applied_to(read_config(deploy_config_file, compute_target))
    from naiad.targets.deployment import deploy as deploy_service
    from naiad.targets.status import serialize

    workspace = open_workspace()
    inference = read_inference(workspace, script, service=name)
    try:
        deployed = deploy_service(
            workspace,
            name=name,
            models=models,
            config=config,
            inference=inference,
            overwrite=overwrite,
            description=description,
            tags=tags,
            properties=properties,
            report=note,
            wait=not no_wait,
        )
    except KeyboardInterrupt:
        _tell_what_is_left(workspace, name)
        raise
    return serialize(workspace, deployed)


def model_ids(ids: list[str] | None, metadata_files: list[Path] | None) -> list[str]:
    """The models that `--model` and `--model-metadata-file` name."""
    return [*(ids or []), *(_model_id(file) for file in metadata_files or [])]


def read_config(file: Path | None, compute_target: str | None) -> LocalConfig:
    """The file's configuration for the target; what cannot apply there is noted in one line."""
    from naiad.targets.deployment_config import DeploymentConfig

    config = DeploymentConfig.from_file(file) if file is not None else DeploymentConfig.local()
    local, ignored = config.on_target(compute_target)
    if ignored:
        note(f"Not applied on compute target local: {', '.join(ignored)}")
    return local


def read_inference(workspace: Workspace, script: ScriptOptions, *, service: str) -> InferenceConfig | None:
    """The inference configuration that the options name; what means nothing here is noted in one line."""
    from naiad.targets.inference_file import read_inference_config

    options = script.inference_options()
    inference, ignored = read_inference_config(options, service=service, environments=workspace.environments)
    if ignored:
        note(f"Not used without a container: {', '.join(ignored)}")
    return inference


def _model_id(file: Path) -> str:
    try:
        document = json.loads(file.read_bytes())
        return str(document["modelId"])
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            f"{file} does not hold a modelId", hint="`naiad model register -t FILE` writes such a file"
        ) from None


def _tell_what_is_left(workspace: Workspace, name: str) -> None:
    from naiad.targets.status import LIVE_STATES, status

    try:
        now = status(workspace, name)
    except NotFoundError:
        note(f"Interrupted: service {name} was not started")
        return
    if now.state in LIVE_STATES:
        note(f"Interrupted: service {name} is {now.state} and goes on without this command (pid {now.supervisor_pid})")
    else:
        note(f"Interrupted: service {name} is recorded, and nothing of it runs")
    note(f"Look at it: naiad service show -n {name}; remove it: naiad service delete -n {name}")
