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
    status = response.status_code
    if not 200 <= status <= 599:
        _log.error("run() returned a response with status %d; a final status from 200 to 599 is expected", status)
        return error_response(500, INTERNAL_ERROR)
    if status >= 500:
        response.headers[FAILED_HEADER] = "True"
    headers = [(name, value) for name, value in response.headers if name.lower() not in _FRAMING]
    for name, value in headers:
        if not _HEADER_LINE.fullmatch(f"{name}: {value}"):
            _log.error("run() returned a response with a header that HTTP cannot carry: %r: %r", name, value)
            return error_response(500, INTERNAL_ERROR)
    headers.append(execution)
    body: Body
    source: Any = response.response
    if not hasattr(source, "__iter__") and not hasattr(source, "__aiter__"):
        _log.error("run() returned a response whose body is %s; text, bytes or an iterable is expected", type(source))
        return error_response(500, INTERNAL_ERROR)
    if status in (204, 304):
        response.close()
        body = b""
    elif hasattr(source, "__aiter__"):
        if not may_stream_async:
            _log.error("run() returned a response with an async iterator; only an async def run() may")
            return error_response(500, INTERNAL_ERROR)
        body = _async_stream(response)
    elif response.is_streamed:
        body = _stream(response)
    else:
        try:
            body = b"".join(response.iter_encoded())
        except TypeError as error:
            _log.error("run() returned a response whose body is neither text nor bytes: %s", error)
            return error_response(500, INTERNAL_ERROR)
        finally:
            response.close()
    failed = response.headers.get(FAILED_HEADER, "").lower() == "true"
    return ScoreResponse(status, body, headers, failed)


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
