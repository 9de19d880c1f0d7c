"""`naiad serve`: tritonserver's job. Flags come from the settings table, not from typer."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator
from typing import Any, Final

import typer

from naiad.cli.common import APP_SETTINGS
from naiad.config.setting import Setting
from naiad.config.settings import read_settings
from naiad.config.settings_table import SETTINGS

_PASS_THROUGH: Final[dict[str, Any]] = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}

app = typer.Typer(**APP_SETTINGS, add_completion=False)


@app.command(context_settings=_PASS_THROUGH)
def serve(context: typer.Context) -> None:
    """Serve a model repository over HTTP and metrics."""
    arguments = list(context.args)
    if {"-h", "--help"} & set(arguments):
        typer.echo(help_text(shutil.get_terminal_size().columns))
        return
    settings = read_settings(arguments, os.environ)
    from naiad.server.server import serve as serve_models  # the engine is heavy; help and usage errors do without

    serve_models(settings)


def help_text(width: int) -> str:
    """All flags, by section, wrapped to `width` columns."""
    width = max(60, min(width, 120))
    lines = [
        "Usage: naiad serve [DIR] [--flag value | --flag=value]…",
        "",
        "Serve a model repository: naiad serve DIR is naiad serve --model-repository DIR.",
        "Each flag can also be given by an environment variable, --http-port by NAIAD_HTTP_PORT,",
        "or in the YAML file that --config names. Flags win over variables, variables over the file.",
    ]
    for section in dict.fromkeys(setting.section for setting in SETTINGS):
        lines += ["", f"{section}:"]
        for setting in SETTINGS:
            if setting.section == section:
                lines += _describe(setting, width)
    return "\n".join(lines)


def _describe(setting: Setting, width: int) -> Iterator[str]:
    yield f"  --{setting.name} <{setting.kind.expected}>"
    default = setting.default
    if isinstance(default, bool):
        default = str(default).lower()
    tail = f" Default: {default}." if default not in (None, ()) else ""
    yield from textwrap.wrap(setting.help + tail, width, initial_indent=" " * 6, subsequent_indent=" " * 6)
