"""One request for `/score`, as the host hands it to the entry script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class ScoreRequest:
    """A request whose body has arrived whole.

    Attributes:
        method: as sent, in upper case.
        path: the target without its query, still percent-encoded.
        query: what follows the first `?`, without it.
        headers: names and values in the order of arrival; names in any case.
        body: the decoded (not chunked) body.
        remote_address: the peer's address; empty where it is unknown.
    """

    method: str
    path: str
    query: bytes
    headers: Sequence[tuple[str, str]]
    body: bytes | memoryview
    remote_address: str = ""
