"""The `naiad` command: finds the noun, runs it, and turns what went wrong into a sentence and an exit status.

How a noun is added: a row in `NOUNS`, and a module with `app: typer.Typer` in it.
- The module is imported only when its noun is on the command line, so `naiad --help` and `naiad serve` stay quick.
  It should import what is heavy (SQLAlchemy, the engine) inside its functions all the same: its own `--help` uses it.
- A noun with verbs (`model`, `service`) makes its app with `naiad.cli.common.noun_app` and its verbs with
  `naiad.cli.common.command`, which adds the options that all verbs share (`--output`, `--query`, `--path`, …) and
  prints what the function returns; its `table=` says which columns `--output table` has.
- `serve` is one command: `typer.Typer(**APP_SETTINGS)` (from `naiad.cli.common`) with a single `@app.command()`.
- `model deploy` lies in a module of its own, `naiad.cli.deploy`: a function `deploy` whose parameters are typer's,
  which `naiad.cli.model` adds to its verbs.
- Functions raise `NaiadError`s and let them pass. Exit status: 0; 1 for what failed; 2 for a command line that cannot
  be understood; 130 after Ctrl-C. Data goes to stdout, everything else to stderr.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperGroup

import naiad
from naiad.cli.common import APP_SETTINGS, show_help_without_command
from naiad.cli.report import report_error, report_unexpected, report_usage_error
from naiad.errors import NaiadError, UsageError


class Noun(NamedTuple):
    """Where a noun's `app` is, and its line in the help."""

    module: str
    help: str


NOUNS: Final = {
    "serve": Noun("naiad.cli.serve", "Serve a model repository over HTTP and gRPC, with metrics"),
    "score": Noun("naiad.cli.score", "Serve an entry script: init() and run() behind POST /score"),
    "model": Noun("naiad.cli.model", "Register, list, download, deploy and delete models"),
    "environment": Noun("naiad.cli.environment", "Register, list and download environments for entry scripts"),
    "service": Noun("naiad.cli.service", "Show, call, update and delete deployed services"),
}


class _Nouns(TyperGroup):
    """A group that shows every noun and imports the one that is used."""

    # The types of what typer passes here are private to it.
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        assert name is not None
        return name, typer.main.get_command(importlib.import_module(NOUNS[name].module).app), rest


app = typer.Typer(cls=_Nouns, **APP_SETTINGS)


@app.callback(help="Serve machine-learning models: Triton's protocols, Azure ML's life cycle")
def _naiad(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda given: _show_version(given), is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    show_help_without_command(context)


def _show_version(given: bool) -> None:
    if given:
        typer.echo(f"naiad {naiad.__version__}")
        raise typer.Exit


def _list_noun(name: str, noun: Noun) -> None:
    @app.command(name, help=noun.help)
    def shown_in_the_help_only() -> None:
        """Never runs: `_Nouns` puts the real command in its place."""


for _name, _noun in NOUNS.items():
    _list_noun(_name, _noun)


def main() -> None:
    """The entry point: runs the command line and exits."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: the words after `naiad`; a leading `ml`, as in `az ml model …`, changes nothing.

    Returns:
        The exit status.
    """
    words = list(arguments)
    if words[:1] == ["ml"]:
        del words[0]
    try:
        _check_encoding(words)
        status = typer.main.get_command(app).main(words, prog_name="naiad", standalone_mode=False)
    except NaiadError as error:
        report_error(error)
        return 2 if isinstance(error, UsageError) else 1
    except typer.TyperException as error:
        report_usage_error(error)
        return error.exit_code
    except OSError as error:
        # No space, no permission: the machine's fault, which naiad met where it had nothing better to say.
        report_error(NaiadError(f"{error.filename}: {error.strerror}" if error.filename else str(error)))
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except Exception as error:
        report_unexpected(error)
        return 1
    return status if isinstance(status, int) else 0


def _check_encoding(words: Sequence[str]) -> None:
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{word!r} is not valid UTF-8") from None
