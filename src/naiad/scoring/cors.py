"""Which web pages may call the service: the headers by which browsers are told (azure-ml.md §4.1, §4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

_METHODS: Final = b"Access-Control-Allow-Methods: GET, POST\r\n"


class Cors:
    """The rule for all routes.

    Args:
        origins: that may call; `*` for all; none at all when CORS is off.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._all = "*" in origins
        self._origins = frozenset(origin.lower().encode() for origin in origins)

    def fields(self, method: str, headers: Mapping[bytes, bytes]) -> bytes:
        """The header lines of an answer.

        Args:
            method: the request's.
            headers: the request's, by lower-case name.
        """
        origin = headers.get(b"origin", b"")
        if self._all and not origin:
            return b"Access-Control-Allow-Origin: *\r\n"
        if not (self._all or origin.lower() in self._origins):
            return b""
        lines = [b"Access-Control-Allow-Origin: %b\r\n" % origin]
        if self.is_preflight(method, headers):
            if asked := headers.get(b"access-control-request-headers"):
                lines.append(b"Access-Control-Allow-Headers: %b\r\n" % asked)
            lines.append(_METHODS)
        return b"".join([*lines, b"Vary: Origin\r\n"])

    def is_preflight(self, method: str, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a browser only asks what it may do, which it does without credentials."""
        return bool(
            self._origins
            and method == "OPTIONS"
            and b"origin" in headers
            and b"access-control-request-method" in headers
        )
