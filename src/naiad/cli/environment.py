"""`naiad environment …`: packages and variables for entry scripts (azure-ml.md §3.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from naiad.cli.common import command, noun_app, open_workspace

_COLUMNS = (
    "{name: name, version: version, pip: join(', ', python.condaDependencies.dependencies[].pip[]), "
    "variables: join(', ', keys(environmentVariables))}"
)

app = noun_app("Register, list and download environments for entry scripts")

Name = Annotated[str, typer.Option("--name", "-n", help="Name of the environment")]
Version = Annotated[str | None, typer.Option("--version", "-v", help="Its version; the latest if left out")]


@command(app, "list", table=f"[].{_COLUMNS}")
def list_environments() -> list[dict[str, Any]]:
    """List the latest version of every environment, the curated ones among them."""
    return [environment.to_dict() for environment in open_workspace().environments.list()]


@command(app, "show", table=_COLUMNS)
def show(name: Name, version: Version = None) -> dict[str, Any]:
    """Show one environment."""
    return open_workspace().environments.get(name, version).to_dict()


@command(app, "register", table=_COLUMNS)
def register(
    directory: Annotated[
        Path, typer.Option("--directory", "-d", help="Folder with azureml_environment.json and conda_dependencies.yml")
    ],
) -> dict[str, Any]:
    """Register an environment's files; the same definition again gives no new version."""
    from naiad.targets.environment_file import load_directory

    environment = load_directory(directory)
    return open_workspace().environments.register(environment).to_dict()


@command(app, "download")
def download(
    name: Name,
    directory: Annotated[Path, typer.Option("--directory", "-d", help="Folder to put the files in")],
    version: Version = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there")] = False,
) -> str:
    """Write an environment's files; prints where they are."""
    from naiad.targets.environment_file import save_directory

    save_directory(open_workspace().environments.get(name, version), directory, overwrite=overwrite)
    return str(directory.absolute())


@command(app, "scaffold")
def scaffold(
    name: Name, directory: Annotated[Path, typer.Option("--directory", "-d", help="Folder to put the files in")]
) -> str:
    """Write the files of an environment to begin with; prints where they are."""
    from naiad.targets.environment_file import save_directory
    from naiad.workspace.environment import Environment
    from naiad.workspace.environments import check_environment_name

    check_environment_name(name)
    save_directory(Environment(name), directory)
    return str(directory.absolute())
