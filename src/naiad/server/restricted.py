"""Restricted APIs: routes and methods that answer only requests with an agreed header (triton.md §1.2, §2.4)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

from naiad.config.restricted_api import RestrictedApi
from naiad.errors import RestrictedError


class Restrictions:
    """Which headers open which routes.

    Args:
        groups: of categories, no category in two of them.
        what: is restricted, in the words of the refusal.
        prefix: of the headers' names.
    """

    def __init__(self, groups: Sequence[RestrictedApi] = (), *, what: str = "API", prefix: str = "") -> None:
        self._what = what
        self._wanted = {
            category: (prefix + group.header, (prefix + group.header).lower().encode(), group.value.encode())
            for group in groups
            for category in group.categories
        }

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def check(self, category: str, headers: Mapping[bytes, bytes]) -> None:
        """Let a request pass, or not.

        Args:
            category: of its route, as `naiad.config.restricted_api.CATEGORIES` names it.
            headers: by lower-case name.

        Raises:
            RestrictedError: it has not the header, or with another value.
        """
        wanted = self._wanted.get(category)
        if wanted is None:
            return
        header, key, value = wanted
        if not hmac.compare_digest(headers.get(key, b""), value):
            raise RestrictedError(f"This {self._what} is restricted, expecting header '{header}'")
