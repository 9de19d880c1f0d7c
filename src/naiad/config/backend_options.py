"""--backend-config: options of runtimes (triton.md §7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class BackendOption(NamedTuple):
    """One value of the setting.

    Attributes:
        backend: whose option it is; empty for all.
        name: of the option.
        value: as text.
    """

    backend: str
    name: str
    value: str


def parse_backend_option(text: str) -> BackendOption:
    """Read `<backend>,<option>=<value>` or `<option>=<value>`.

    Raises:
        ValueError: it is of neither form.
    """
    backend, _, assignment = text.partition(",") if "," in text.partition("=")[0] else ("", "", text)
    name, equals, value = assignment.partition("=")
    if not equals or not name:
        raise ValueError(text)
    return BackendOption(backend, name, value)


def options_by_backend(options: Iterable[BackendOption]) -> dict[str, dict[str, str]]:
    """Name and value of each option, by backend; the last one given wins."""
    grouped: dict[str, dict[str, str]] = {}
    for option in options:
        grouped.setdefault(option.backend, {})[option.name] = option.value
    return grouped
