"""One answer of `/score` or `/swagger.json`, as the host sends it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from typing import Final, TypeAlias

FAILED_HEADER: Final = "x-ms-run-function-failed"
EXECUTION_HEADER: Final = "x-ms-run-fn-exec-ms"

JSON_CONTENT: Final = ("Content-Type", "application/json")
NOT_FAILED: Final = (FAILED_HEADER, "False")
FAILED: Final = (FAILED_HEADER, "True")

# A stream has a close(): the host calls it when the peer goes away, and the script's `finally` runs.
Body: TypeAlias = bytes | Generator[bytes, None, None] | AsyncGenerator[bytes, None]


@dataclass(slots=True)
class ScoreResponse:
    """An answer without its framing: the transport adds length, date, request ids and CORS headers.

    Attributes:
        status: 200 to 599.
        body: all of it, or a generator of pieces, which must be closed by whoever stops reading early. An async
            generator comes from an `async def run()` only.
        headers: the script's and those of the contract: Content-Type, `x-ms-run-function-failed`, and
            `x-ms-run-fn-exec-ms` when `run()` returned (azure-ml.md §4.4). Never a length or a hop-by-hop header.
        run_function_failed: the script, not the request, is to blame; a router makes 502 of it (azure-ml.md §5.4).
    """

    status: int
    body: Body
    headers: list[tuple[str, str]]
    run_function_failed: bool = False


def error_response(status: int, message: str, *, run_function_failed: bool = False) -> ScoreResponse:
    """`{"message": ...}`, as every error of the entry-script host is written (azure-ml.md §4.2)."""
    body = json.dumps({"message": message}).encode()
    return ScoreResponse(
        status, body, [JSON_CONTENT, FAILED if run_function_failed else NOT_FAILED], run_function_failed
    )
