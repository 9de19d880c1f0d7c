"""`naiad serve`: tritonserver's job. Flags come from the settings table, not from typer."""

from __future__ import annotations

import os
import shutil
from typing import Any, Final

import typer

from naiad.cli.common import APP_SETTINGS
from naiad.cli.settings_help import settings_help
from naiad.config.settings import NAIAD_SERVE, read_settings

_PASS_THROUGH: Final[dict[str, Any]] = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}

_USAGE: Final = (
    "Usage: naiad serve [DIR] [--flag value | --flag=value]…",
    "",
    "Serve a model repository: naiad serve DIR is naiad serve --model-repository DIR.",
)

app = typer.Typer(**APP_SETTINGS, add_completion=False)


@app.command(context_settings=_PASS_THROUGH)
def serve(context: typer.Context) -> None:
    """Serve a model repository over HTTP and metrics."""
    arguments = list(context.args)
    if {"-h", "--help"} & set(arguments):
        typer.echo(settings_help(_USAGE, dialect=NAIAD_SERVE, width=shutil.get_terminal_size().columns))
        return
    settings = read_settings(arguments, os.environ)
    from naiad.server.server import serve as serve_models  # the engine is heavy; help and usage errors do without

    serve_models(settings)
