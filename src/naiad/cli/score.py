"""`naiad score`: azmlinfsrv's job. Flags are the host's, not typer's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Final

import typer

from naiad.cli.common import APP_SETTINGS
from naiad.scoring.settings_reader import flags_help, read_settings

_PASS_THROUGH: Final[dict[str, Any]] = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}

_USAGE: Final = """Usage: naiad score [SCRIPT] [--reload] [--flag value | --flag=value]…

Serve an entry script, with init() and run(), at POST /score: naiad score SCRIPT is naiad score --entry-script SCRIPT.
Each flag can also be given by the environment variable behind it, or under its name in a configuration file.
Flags win over variables, variables over the file.

  --reload
      Load the script again whenever Python code in its folder changes."""

app = typer.Typer(**APP_SETTINGS, add_completion=False)


@app.command(context_settings=_PASS_THROUGH)
def score(context: typer.Context) -> None:
    """Serve an entry script over HTTP."""
    arguments = list(context.args)
    if {"-h", "--help"} & set(arguments):
        typer.echo(f"{_USAGE}\n{flags_help(width=max(60, min(shutil.get_terminal_size().columns, 120)))}")
        return
    reloads = "--reload" in arguments
    if reloads:
        arguments.remove("--reload")
    if arguments and not arguments[0].startswith("-"):
        arguments[:1] = ["--entry-script", arguments[0]]
    read = read_settings(arguments, os.environ)
    if reloads:
        from naiad.scoring.reloading import serve_and_reload

        script = read.settings.script_path
        raise typer.Exit(serve_and_reload(arguments, script.parent if script else Path(read.settings.root)))
    from naiad.scoring.host import serve  # the transport is heavy; help and usage errors do without

    raise typer.Exit(serve(read))
