"""The options that all life-cycle commands share, and the decorator that gives them to a command."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, ParamSpec

import typer

from naiad.cli.output import Format, check_query, write_document
from naiad.cli.report import NOTE, set_up_logging
from naiad.errors import UsageError

if TYPE_CHECKING:
    from naiad.workspace.workspace import Workspace

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class CommonOptions:
    """What the shared options say; None where they are not given."""

    output: Annotated[Format | None, typer.Option("--output", "-o", help="Output format; json if left out.")] = None
    query: Annotated[str | None, typer.Option("--query", help="JMESPath expression of the part to print.")] = None
    path: Annotated[Path | None, typer.Option("--path", help="Project folder, whose workspace is used.")] = None
    verbose: Annotated[bool | None, typer.Option("--verbose", help="Show informational messages too.")] = None
    only_show_errors: Annotated[
        bool | None, typer.Option("--only-show-errors", help="Show neither notes nor warnings.")
    ] = None
    debug: Annotated[bool | None, typer.Option("--debug", help="Show everything, tracebacks included.")] = None
    # Azure ML's commands name their workspace so; here the folder says which it is.
    workspace_name: Annotated[str | None, typer.Option("--workspace-name", "-w", hidden=True)] = None
    resource_group: Annotated[str | None, typer.Option("--resource-group", "-g", hidden=True)] = None
    subscription_id: Annotated[str | None, typer.Option("--subscription-id", hidden=True)] = None

    @property
    def log_level(self) -> int:
        if self.debug:
            return logging.DEBUG
        if self.verbose:
            return logging.INFO
        return logging.ERROR if self.only_show_errors else NOTE


_options: ContextVar[CommonOptions] = ContextVar("naiad_common_options", default=CommonOptions())  # noqa: B039 - frozen


APP_SETTINGS: Final[dict[str, Any]] = {
    "rich_markup_mode": None,  # rich's help takes 250 ms to draw
    "invoke_without_command": True,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
"""How every app of the command line is made."""


def noun_app(help: str) -> typer.Typer:
    """The app of a noun; the shared options may also stand between noun and verb."""
    app = typer.Typer(help=help, add_completion=False, **APP_SETTINGS)

    def callback(context: typer.Context, **values: Any) -> None:
        _options.set(CommonOptions())
        _accept(values)
        show_help_without_command(context)

    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    callback.__signature__ = inspect.Signature([context, *_PARAMETERS])  # type: ignore[attr-defined]
    app.callback()(callback)
    return app


def show_help_without_command(context: typer.Context) -> None:
    """A noun, or `naiad`, alone: show what could follow, and fail as for any incomplete command line."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def command(app: typer.Typer, name: str, *, table: str | None = None) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Make a function a verb of a noun: it gets the shared options besides its own, and what it returns is printed.

    Args:
        app: from `noun_app`.
        name: the verb.
        table: JMESPath expression of what `--output table` shows; everything that is not nested when left out.

    Returns:
        A decorator for a function with typer's parameters; it returns a document of JSON's types, or None to print
        nothing. The function itself stays as it was.
    """

    def decorate(function: Callable[P, Any]) -> Callable[P, Any]:
        own = inspect.signature(function, eval_str=True)

        @functools.wraps(function)
        def run(**values: Any) -> None:
            _accept(values)
            document = function(**{name: values[name] for name in own.parameters})  # type: ignore[call-arg]
            if document is not None:
                options = _options.get()
                output = options.output or Format.JSON
                write_document(
                    document, output=output, query=options.query or (table if output is Format.TABLE else None)
                )

        parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own.parameters.values()]
        run.__signature__ = inspect.Signature([*parameters, *_PARAMETERS])  # type: ignore[attr-defined]
        app.command(name)(run)
        return function

    return decorate


def open_workspace() -> Workspace:
    """The workspace that the command line means: that of `--path`, or of the working directory."""
    from naiad.workspace.workspace import Workspace, find_root

    path = _options.get().path
    if path is None:
        return Workspace.open()
    if not path.is_dir():
        raise UsageError(f"--path must name a folder, and {path} is none")
    return Workspace(find_root(path))


def parse_labels(given: list[str] | None, *, option: str) -> dict[str, str]:
    """The values of a repeated `--tag k=v`.

    Raises:
        UsageError: when one has no `=`, or no key before it.
    """
    labels = {}
    for text in given or []:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise UsageError(f"{option} must be key=value, not '{text}'")
        labels[key] = value
    return labels


def parse_label_filter(given: list[str] | None) -> dict[str, str | None]:
    """The values of a repeated `--tag` that selects: `k=v`, or `k` for any value."""
    pairs = (text.partition("=") for text in given or [])
    return {key: value if equals else None for key, equals, value in pairs}


def _accept(values: dict[str, Any]) -> None:
    given = {field.name: values[field.name] for field in fields(CommonOptions) if values[field.name] is not None}
    options = replace(_options.get(), **given)
    _options.set(options)
    set_up_logging(options.log_level)
    if options.query is not None:
        check_query(options.query)


_PARAMETERS: Final = [
    parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
    for parameter in inspect.signature(CommonOptions, eval_str=True).parameters.values()
]
