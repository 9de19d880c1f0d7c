"""--http-restricted-api: which routes need a header with an agreed value (triton.md §1.2, §7)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from naiad.config.setting import ValueFault
from naiad.errors import UsageError

CATEGORIES: Final = (
    "health",
    "metadata",
    "inference",
    "shared-memory",
    "model-config",
    "model-repository",
    "statistics",
    "trace",
    "logging",
)
"""Groups of routes (triton.md §1.1)."""

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")


@dataclass(frozen=True, slots=True)
class RestrictedApi:
    """One value of the setting.

    Attributes:
        categories: whose routes are restricted.
        header: the name of the header that requests need, as it was written.
        value: what it must be.
    """

    categories: tuple[str, ...]
    header: str
    value: str = field(repr=False)


def parse_restricted_api(text: str) -> RestrictedApi:
    """Read `<categories>:<header>=<value>`, with categories separated by commas.

    Raises:
        ValueError: it is not of that form, or a category is unknown.
    """
    names, colon, rest = text.partition(":")
    header, equals, value = rest.partition("=")
    if not (colon and equals and names and _HEADER_NAME.fullmatch(header) and _HEADER_VALUE.fullmatch(value)):
        raise ValueError("malformed")
    categories = tuple(names.split(","))
    for category in categories:
        if category not in CATEGORIES:
            raise ValueFault(f"unknown restricted api '{category}'", hint=f"there are {', '.join(CATEGORIES)}")
    return RestrictedApi(categories, header, value)


def check_restricted_apis(groups: Iterable[RestrictedApi]) -> None:
    """Refuse a category that is in two groups, or twice in one: which value would count?

    Raises:
        UsageError: there is one.
    """
    seen: set[str] = set()
    for group in groups:
        for category in group.categories:
            if category in seen:
                raise UsageError(f"restricted api '{category}' can not be specified in multiple config groups")
            seen.add(category)
