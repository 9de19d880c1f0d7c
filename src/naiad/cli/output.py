"""What commands print on stdout: a document in the format that was asked for, or the part of it that was asked for."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Any, Final

import typer

from naiad.cli.report import has_colour
from naiad.errors import InvalidArgumentError, UsageError


class Format(StrEnum):
    """The values of `--output`; `az`'s names (azure-ml.md §3)."""

    JSON = "json"
    JSONC = "jsonc"
    TABLE = "table"
    TSV = "tsv"
    YAML = "yaml"
    NONE = "none"


def write_document(document: Any, *, output: Format, query: str | None) -> None:
    """Print a document.

    Args:
        document: of JSON's types.
        output: format; `jsonc` is JSON in colour, `json` has colour on a terminal only.
        query: JMESPath expression of the part to print.

    Raises:
        InvalidArgumentError: when the query does not fit the document.
    """
    if query is not None:
        document = search(query, document)
    if output is Format.NONE:
        return
    text = _RENDERERS[output](document)
    if output is Format.JSONC or (output is Format.JSON and has_colour(sys.stdout)):
        _write_highlighted(text)
    elif text:
        typer.echo(text)


def check_query(query: str) -> None:
    """Raise a UsageError unless the text is a JMESPath expression."""
    import jmespath

    try:
        jmespath.compile(query)
    except jmespath.exceptions.JMESPathError as error:
        reason = str(error).partition("\n")[0].rstrip(":")
        raise UsageError(
            f"--query '{query}' is no JMESPath expression: {reason}", hint="https://jmespath.org"
        ) from None


def search(query: str, document: Any) -> Any:
    """The part of a document that a JMESPath expression selects.

    Raises:
        InvalidArgumentError: when a function in the expression does not take what it gets.
    """
    import jmespath

    try:
        return jmespath.search(query, document)
    except jmespath.exceptions.JMESPathTypeError as error:
        expected = " or ".join(error.expected_types)
        reason = f"{error.function_name}() takes {expected}, not {error.actual_type}"
        raise InvalidArgumentError(f"--query '{query}' does not fit the output: {reason}") from None
    except jmespath.exceptions.JMESPathError as error:
        raise InvalidArgumentError(f"--query '{query}' does not fit the output: {error}") from None


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def _yaml(document: Any) -> str:
    import yaml

    # Written as they are, these would be read as line ends.
    has_line_ends = any(mark in _json(document) for mark in "\x85\u2028\u2029")
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=not has_line_ends)
    return text.removesuffix("...\n").rstrip("\n")


def _tsv(document: Any) -> str:
    rows = document if isinstance(document, list) else [document]
    return "\n".join("\t".join(_tsv_cell(cell) for cell in _cells(row)) for row in rows)


def _table(document: Any) -> str:
    """Columns of the plain values; what is nested is for the other formats, as in `az`."""
    rows = document if isinstance(document, list) else [document]
    if not rows:
        return ""
    if not all(isinstance(row, dict) for row in rows):
        return "\n".join("  ".join(_printable(cell) for cell in _cells(row)) for row in rows)
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if _is_column(rows, key)]
    lines = [[key[:1].upper() + key[1:] for key in keys]]
    lines += [[_printable(row.get(key)) for key in keys] for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(keys))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _is_column(rows: list[dict[str, Any]], key: str) -> bool:
    values = [row.get(key) for row in rows]
    return any(value is not None for value in values) and not any(isinstance(value, (dict, list)) for value in values)


def _cells(row: Any) -> list[Any]:
    if isinstance(row, dict):
        return list(row.values())
    return row if isinstance(row, list) else [row]


def _plain(cell: Any) -> str:
    if cell is None:
        return ""
    return cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)


def _tsv_cell(cell: Any) -> str:
    return _plain(cell).translate({ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"})


def _printable(cell: Any) -> str:
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in _plain(cell))


def _write_highlighted(text: str) -> None:
    from rich.console import Console
    from rich.json import JSON

    Console(force_terminal=True, highlight=False, soft_wrap=True).print(JSON(text, ensure_ascii=False))


_RENDERERS: Final = {
    Format.JSON: _json,
    Format.JSONC: _json,
    Format.TABLE: _table,
    Format.TSV: _tsv,
    Format.YAML: _yaml,
}
