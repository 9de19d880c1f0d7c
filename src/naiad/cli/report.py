"""How commands speak on stderr: errors with hints, notes, and where the traceback of a bug is."""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from pathlib import Path
from typing import IO

import typer

from naiad.errors import NaiadError


def has_colour(stream: IO[str]) -> bool:
    """Whether the stream is a terminal that should get colour (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def note(message: str) -> None:
    """Say something about progress; `--only-show-errors` leaves it out."""
    logging.getLogger("naiad.cli").log(NOTE, message)


def report_error(error: NaiadError) -> None:
    """`error: …`, and `hint: …` when there is one."""
    _write("error", error.message, "red")
    if error.hint is not None:
        typer.echo(err=True)
        _write("hint", error.hint, "cyan")
    _write_traceback(error)


def report_usage_error(error: typer.TyperException) -> None:
    """What is wrong with the command line, and which help tells what is right."""
    # typer lets pydantic convert values, and pydantic puts its own words before the reason.
    _write("error", error.format_message().replace("Value error, ", "").rstrip("."), "red")
    context = getattr(error, "ctx", None)
    if context is not None:
        typer.echo(err=True)
        _write("hint", f"see `{context.command_path} --help`", "cyan")


def report_unexpected(error: Exception) -> None:
    """A bug: one sentence, and a file with the traceback for the person who is told about it."""
    _write("error", f"naiad failed unexpectedly: {type(error).__name__}: {error}", "red")
    if _debugging():
        _write_traceback(error)
        return
    typer.echo(err=True)
    try:
        place = _keep_traceback(error)
    except OSError:
        _write("hint", "run it again with --debug to see the traceback", "cyan")
    else:
        _write("hint", f"this is a bug in naiad; the traceback is in {place}, or run it again with --debug", "cyan")


NOTE = 25
"""Log level of notes: above INFO, which only `--verbose` shows, and below WARNING."""


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if record.levelno == NOTE:
            typer.echo(message, err=True)
        else:
            colour = (
                "red" if record.levelno >= logging.ERROR else "yellow" if record.levelno >= logging.WARNING else "dim"
            )
            _write(record.levelname.lower(), message, colour)


def set_up_logging(level: int) -> None:
    """Send naiad's log records of at least this level to stderr, as `warning: …`."""
    root = logging.getLogger("naiad")
    root.setLevel(level)
    if not any(isinstance(handler, _Handler) for handler in root.handlers):
        root.addHandler(_Handler())


def _write(label: str, message: str, colour: str) -> None:
    if has_colour(sys.stderr):
        label = typer.style(label, bold=True) if colour == "dim" else typer.style(label, fg=colour, bold=True)
    typer.echo(f"{label}: {message}", err=True, color=has_colour(sys.stderr))


def _debugging() -> bool:
    return logging.getLogger("naiad").level == logging.DEBUG


def _write_traceback(error: Exception) -> None:
    if _debugging():
        typer.echo("".join(traceback.format_exception(error)), err=True, nl=False)


def _keep_traceback(error: Exception) -> Path:
    from platformdirs import user_log_path

    folder = user_log_path("naiad")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"naiad {' '.join(sys.argv[1:2])}\n\n{''.join(traceback.format_exception(error))}")
    return place
