"""`naiad service …`: deployed services (azure-ml.md §3.1)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from naiad.cli.common import command, noun_app, open_workspace, parse_label_filter
from naiad.cli.report import note
from naiad.errors import ConfigError, UsageError

app = noun_app("Show, call and delete deployed services")

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
    from naiad.targets.status import serialize

    workspace = open_workspace()
    services = workspace.services.list(
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
    from naiad.targets.status import serialize

    workspace = open_workspace()
    return serialize(workspace, workspace.services.get(name))


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


@command(app, "get-logs")
def get_logs(
    name: Name,
    num_lines: Annotated[
        int, typer.Option("--num-lines", "--num_lines", "-l", min=0, help="How many of the last lines")
    ] = 5000,
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
    """Send an inference request to a service and print the answer."""
    from naiad.targets.scoring import run as run_service

    answer = run_service(open_workspace(), name, _input(input_data), model=model)
    try:
        return json.loads(answer)
    except ValueError:
        raise ConfigError(f"Service {name} answered with something else than JSON ({len(answer)} bytes)") from None


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
