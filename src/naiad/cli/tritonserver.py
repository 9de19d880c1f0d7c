"""`naiad-tritonserver`: `naiad serve` for a command line that was written for tritonserver (triton.md §7).

Flags are read as tritonserver reads them and have its defaults. What goes wrong is told as tritonserver tells it: last
on stderr, with exit status 1.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Final

import typer

from naiad.cli.report import report_unexpected
from naiad.cli.settings_help import settings_help
from naiad.config.settings import TRITONSERVER, read_settings
from naiad.errors import NaiadError

_USAGE: Final = (
    "Usage: naiad-tritonserver --model-repository=DIR [--flag value | --flag=value]…",
    "",
    "Serve a model repository with naiad, on tritonserver's command line and with its defaults.",
)


def main() -> None:
    """The entry point: runs the command line and exits."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Serve until told to stop.

    Args:
        arguments: tritonserver's flags.

    Returns:
        The exit status.
    """
    usage = settings_help(_USAGE, dialect=TRITONSERVER, width=shutil.get_terminal_size().columns)
    if {"-h", "--help"} & set(arguments):
        typer.echo(usage)
        return 0
    try:
        settings = read_settings(arguments, os.environ, dialect=TRITONSERVER)
    except NaiadError as error:
        _complain(f"{usage}\n", error.message, error)
        return 1
    from naiad.server.server import serve  # the engine is heavy; help and usage errors do without

    try:
        serve(settings)
    except NaiadError as error:
        _complain("", f"error: creating server: {error.code_name} - {error.message}", error)
        return 1
    except Exception as error:
        report_unexpected(error)
        return 1
    return 0


def _complain(before: str, message: str, error: NaiadError) -> None:
    """The message comes last: that is where people and scripts look for it."""
    hint = f"hint: {error.hint}\n" if error.hint else ""
    typer.echo(f"{before}{hint}{message}", err=True)
