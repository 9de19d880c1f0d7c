"""`naiad service …`: deployed services (azure-ml.md §3.1)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from naiad.cli.common import command, noun_app, open_workspace, parse_label_filter, parse_labels
from naiad.cli.deploy import model_ids, read_config, read_inference
from naiad.cli.option_groups import ScriptOptions, ServiceOptions, grouped
from naiad.cli.report import note
from naiad.errors import UsageError

app = noun_app("Show, call, update and delete deployed services")

COLUMNS = (
    "{name: name, state: state, healthy: healthy, scoringUri: scoringUri, models: join(', ', modelIds), "
    "auth: authEnabled, restarts: restarts}"
)

Name = Annotated[str, typer.Option("--name", "-n", help="Name of the service")]


@command(app, "list", table=f"[].{COLUMNS}")
def list_services(
    compute_type: Annotated[
        str | None, typer.Option("--compute-type", "-c", help="Only services that run there: Local")
    ] = None,
    model_name: Annotated[str | None, typer.Option(help="Only services of this model, whatever its version")] = None,
    model_id: Annotated[str | None, typer.Option(help="Only services of this model, name:version")] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="Only with this tag; KEY alone for any value")
    ] = None,
    property: Annotated[
        list[str] | None,
        typer.Option("--property", metavar="KEY=VALUE", help="Only with this property; KEY alone for any value"),
    ] = None,
) -> list[dict[str, Any]]:
    """List the deployed services and their states."""
    from naiad.targets.recorded import recorded_services
    from naiad.targets.status import serialize

    workspace = open_workspace()
    services = recorded_services(
        workspace,
        compute_type=compute_type,
        model_name=model_name,
        model_id=model_id,
        tags=parse_label_filter(tag),
        properties=parse_label_filter(property),
    )
    return [serialize(workspace, service) for service in services]


@command(app, "show", table=COLUMNS)
def show(name: Name) -> dict[str, Any]:
    """Show a service: its state, where it answers, what it serves."""
    from naiad.targets.recorded import recorded_service
    from naiad.targets.status import serialize

    workspace = open_workspace()
    return serialize(workspace, recorded_service(workspace, name))


@command(app, "update", table=COLUMNS)
@grouped
def update(
    name: Name,
    script: ScriptOptions,
    service: ServiceOptions,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", metavar="NAME[:VERSION]", help="All models from now on; may be repeated"),
    ] = None,
    model_metadata_file: Annotated[
        list[Path] | None,
        typer.Option("--model-metadata-file", "-f", help="File that `model register -t` wrote, instead of an id"),
    ] = None,
    deploy_config_file: Annotated[
        Path | None, typer.Option("--deploy-config-file", "--dc", help="Deployment configuration with what changes")
    ] = None,
    add_tag: Annotated[
        list[str] | None, typer.Option("--add-tag", metavar="KEY=VALUE", help="Tag to set; may be repeated")
    ] = None,
    remove_tag: Annotated[
        list[str] | None, typer.Option("--remove-tag", metavar="KEY", help="Tag to remove; may be repeated")
    ] = None,
    add_property: Annotated[
        list[str] | None, typer.Option("--add-property", metavar="KEY=VALUE", help="Property; may be repeated")
    ] = None,
    description: Annotated[str | None, typer.Option("--description", help="What the service is")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return before the change has taken over")] = False,
) -> dict[str, Any]:
    """Change a service without losing a request; what does not come up leaves it as it was."""
    from naiad.targets.deployment_config import DeploymentConfig
    from naiad.targets.recorded import recorded_service
    from naiad.targets.status import serialize
    from naiad.targets.update import update as update_service
    from naiad.workspace.labels import changed_tags, extended_properties

    workspace = open_workspace()
    present = recorded_service(workspace, name)
    changes = service.applied_to(
        DeploymentConfig.local() if deploy_config_file is None else read_config(deploy_config_file, "local")
    )
    models = model_ids(model, model_metadata_file)
    environment = None
    if script.names_an_environment_only:
        assert script.environment_name is not None
        environment = workspace.environments.get(script.environment_name, script.environment_version)
        script = ScriptOptions()
    tags = properties = None
    if add_tag or remove_tag:
        tags = changed_tags(present.tags, add=parse_labels(add_tag, option="--add-tag"), remove=remove_tag or [])
    if add_property:
        properties = extended_properties(present.properties, add=parse_labels(add_property, option="--add-property"))
    inference = read_inference(workspace, script, service=name)
    try:
        updated = update_service(
            workspace,
            name,
            models=models or None,
            inference=inference,
            environment=environment,
            config=changes.changes,
            description=description,
            tags=tags,
            properties=properties,
            report=note,
            wait=not no_wait,
        )
    except KeyboardInterrupt:
        note(f"Interrupted: an update that was begun goes on without this command: naiad service show -n {name} tells")
        raise
    return serialize(workspace, updated)


@command(app, "reload", table=COLUMNS)
def reload(
    name: Name,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return before the script has taken over")] = False,
) -> dict[str, Any]:
    """Serve the entry script as it is now in the folder that it was deployed from, without losing a request."""
    from naiad.targets.status import serialize
    from naiad.targets.update import reload as reload_service

    workspace = open_workspace()
    return serialize(workspace, reload_service(workspace, name, report=note, wait=not no_wait))


@command(app, "get-keys")
def get_keys(name: Name) -> dict[str, str]:
    """Show the two keys of a service; either is valid."""
    services = open_workspace().services
    if not services.get(name).auth_enabled:
        note(f"Requests to service {name} need no key")
    keys = services.keys(name)
    return {"primaryKey": keys.primary, "secondaryKey": keys.secondary}


@command(app, "regen-key")
def regen_key(
    name: Name,
    key: Annotated[str, typer.Option("--key", "-k", metavar="Primary|Secondary", help="Which key to replace")],
    set_key: Annotated[str | None, typer.Option("--set-key", "-s", help="Its new value; random if left out")] = None,
) -> dict[str, str]:
    """Replace a key of a service; the other one stays valid, and nothing restarts."""
    which: dict[str, Literal["primary", "secondary"]] = {"primary": "primary", "secondary": "secondary"}
    if key.lower() not in which:
        raise UsageError(f"Error, invalid value provided for key: {key}. Valid options are: Primary, Secondary")
    keys = open_workspace().services.regenerate_key(name, which[key.lower()], value=set_key)
    return {"primaryKey": keys.primary, "secondaryKey": keys.secondary}


@command(app, "get-access-token")
def get_access_token(name: Name) -> dict[str, str]:
    """Make an access token for a service that takes tokens."""
    return open_workspace().services.issue_token(name).to_dict()


@command(app, "get-logs")
def get_logs(
    name: Name,
    num_lines: Annotated[
        int, typer.Option("--num-lines", "--num_lines", "-l", min=0, help="How many of the last lines")
    ] = 5000,
    init: Annotated[bool, typer.Option("--init", "-i", hidden=True)] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what is logged from now on, until the service ends")
    ] = False,
) -> None:
    """Print the log of a service."""
    from naiad.targets.deployment import follow_logs, logs

    workspace = open_workspace()
    if not follow:
        typer.echo(logs(workspace, name, num_lines=num_lines), nl=False)
        return
    for text in follow_logs(workspace, name, num_lines=num_lines):
        typer.echo(text, nl=False)


@command(app, "run")
def run(
    name: Name,
    input_data: Annotated[
        str, typer.Option("--input-data", "-d", metavar="JSON|@FILE", help="The request, or @ and a file with it")
    ],
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME[:VERSION]", help="Model of the service's repository, if it has several"),
    ] = None,
) -> Any:
    """Send a request to a service and print the answer."""
    from naiad.targets.scoring import run as run_service

    answer = run_service(open_workspace(), name, _input(input_data), model=model)
    try:
        return json.loads(answer)
    except ValueError:
        # An entry script may answer with anything; it goes out as it came.
        typer.echo(answer)
        return None


@command(app, "delete", table=COLUMNS)
def delete(name: Name) -> dict[str, Any] | None:
    """Stop a service and forget it, its keys and log included."""
    from naiad.targets.deployment import delete as delete_service
    from naiad.targets.status import serialize

    workspace = open_workspace()
    deleted = delete_service(workspace, name, report=note)
    if deleted is None:
        note(f"No service with name {name} found to delete.")
        return None
    return serialize(workspace, deleted)


def _input(text: str) -> bytes:
    if not text.startswith("@"):
        return text.encode()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise UsageError(f"--input-data {text} cannot be read: {error.strerror}") from None
