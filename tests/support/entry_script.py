"""Scripts under test: requests for `/score`, and answers taken apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from naiad.scoring.entry_script import EntryScript
from naiad.scoring.score_request import ScoreRequest
from naiad.scoring.score_response import ScoreResponse

LoadScript = Callable[..., EntryScript]

JSON_HEADERS = [("Host", "localhost:5001"), ("Content-Type", "application/json")]


def post(body: bytes | str | Any = b"", *, headers: list[tuple[str, str]] | None = None) -> ScoreRequest:
    """A POST; what is neither text nor bytes is sent as JSON."""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return ScoreRequest("POST", "/score", b"", JSON_HEADERS if headers is None else headers, body)


def get(query: str = "", *, method: str = "GET") -> ScoreRequest:
    """A request without a body."""
    return ScoreRequest(method, "/score", query.encode(), [("Host", "localhost:5001")], b"")


def bytes_of(response: ScoreResponse) -> bytes:
    """The body of an answer that is not streamed."""
    assert isinstance(response.body, bytes)
    return response.body


def json_of(response: ScoreResponse) -> Any:
    """The body of an answer that says it is JSON."""
    assert ("Content-Type", "application/json") in response.headers
    return json.loads(bytes_of(response))


def message(response: ScoreResponse) -> str:
    """The sentence of an error."""
    document = json_of(response)
    assert list(document) == ["message"]
    return str(document["message"])


def header(response: ScoreResponse, name: str) -> list[str]:
    """All values of a header."""
    return [value for key, value in response.headers if key.lower() == name.lower()]
