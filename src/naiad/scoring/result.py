"""What `run()` returned, as an answer (azure-ml.md §4.3)."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncGenerator, Generator
from typing import Any, Final

from werkzeug.wrappers import Response

from naiad.scoring.score_response import (
    EXECUTION_HEADER,
    FAILED_HEADER,
    JSON_CONTENT,
    NOT_FAILED,
    Body,
    ScoreResponse,
    error_response,
)

INTERNAL_ERROR: Final = "An unexpected internal error occurred. Check the logs for more info."

_log = logging.getLogger("azmlinfsrv")

# The transport's business, whatever the script says.
_FRAMING: Final = frozenset(("content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "trailer"))
_WITHOUT_BODY: Final = (204, 304)
_HEADER_LINE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*")


def to_response(value: Any, run_ms: float, *, may_stream_async: bool) -> ScoreResponse:
    """The answer for a value that `run()` returned.

    Args:
        value: a `Response` is sent as it is; anything else as `json.dumps` writes it, `None` as `{}`.
        run_ms: how long `run()` took.
        may_stream_async: whether a body may be an async iterator.
    """
    execution = (EXECUTION_HEADER, f"{run_ms:.3f}")
    if isinstance(value, Response):
        return _from_werkzeug(value, execution, may_stream_async=may_stream_async)
    try:
        body = b"{}" if value is None else json.dumps(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        _log.error("run() returned %s, which cannot be written as JSON: %s", type(value).__name__, error)
        return error_response(500, INTERNAL_ERROR)
    return ScoreResponse(200, body, [JSON_CONTENT, NOT_FAILED, execution])


def _from_werkzeug(response: Response, execution: tuple[str, str], *, may_stream_async: bool) -> ScoreResponse:
    if response.status_code >= 500:
        response.headers[FAILED_HEADER] = "True"
    try:
        headers = [*_headers(response), execution]
        body = _body(response, may_stream_async=may_stream_async)
    except (TypeError, ValueError) as error:
        _log.error("run() returned a response that cannot be sent: %s", error)
        return error_response(500, INTERNAL_ERROR)
    failed = response.headers.get(FAILED_HEADER, "").lower() == "true"
    return ScoreResponse(response.status_code, body, headers, failed)


def _headers(response: Response) -> list[tuple[str, str]]:
    if not 200 <= response.status_code <= 599:
        raise ValueError(f"its status is {response.status_code}; a final one, from 200 to 599, is expected")
    headers = [(name, value) for name, value in response.headers if name.lower() not in _FRAMING]
    for name, value in headers:
        if not _HEADER_LINE.fullmatch(f"{name}: {value}"):
            raise ValueError(f"HTTP cannot carry its header {name!r}: {value!r}")
    return headers


def _body(response: Response, *, may_stream_async: bool) -> Body:
    pieces: Any = response.response
    if hasattr(pieces, "__aiter__"):
        if not may_stream_async:
            raise TypeError("its body is an async iterator, which takes an async def run()")
        return _async_stream(response)
    if not hasattr(pieces, "__iter__"):
        raise TypeError(f"its body is {pieces!r}; text, bytes or an iterable of them is expected")
    if response.is_streamed and response.status_code not in _WITHOUT_BODY:
        return _stream(response)
    try:
        return b"" if response.status_code in _WITHOUT_BODY else b"".join(response.iter_encoded())
    finally:
        response.close()


def _stream(response: Response) -> Generator[bytes, None, None]:
    try:
        yield from response.iter_encoded()
    finally:
        response.close()


async def _async_stream(response: Any) -> AsyncGenerator[bytes, None]:
    pieces = response.response
    try:
        async for piece in pieces:
            yield piece.encode() if isinstance(piece, str) else piece
    finally:
        if hasattr(pieces, "aclose"):
            await pieces.aclose()
        response.close()
