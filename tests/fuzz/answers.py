"""Whatever a server has answered, taken apart as strictly as any client might."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

from tests.conformance.http2.frames import Type, decode
from tests.fuzz.corpus import Request
from tests.support.http_client import Answer

_STATUS_LINE = re.compile(r"HTTP/1\.1 ([1-5]\d\d) [A-Z][A-Za-z -]*")
_FIELD = re.compile(r"([A-Za-z-]+): ([ -~]*)")
_ERROR_STATUSES = {400, 403, 404, 405, 408, 413, 431, 500, 501, 503}


class MalformedAnswerError(AssertionError):
    """No client could make sense of it."""


def split_answers(data: bytes) -> tuple[list[Answer], bytes]:
    """The whole answers in what a connection brought, interim ones left out, and the bytes behind the last of them.

    Raises:
        MalformedAnswerError: there is something else.
    """
    answers: list[Answer] = []
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            break
        status, reason, headers = _head(head.decode("latin-1"))
        if status == 100:
            data = rest
            continue
        if headers.get("transfer-encoding") == "chunked":
            taken = _chunked(rest)
        else:
            size = int(headers["content-length"])
            taken = (rest[:size], rest[size:]) if len(rest) >= size else None
        if taken is None:
            break
        body, data = taken
        answers.append(Answer(status, reason, headers, body))
        check_answer(answers[-1])
    return answers, data


def are_frames(data: bytes) -> bool:
    """Whether these are whole frames of HTTP/2, as a client gets them that happens to send the preface."""
    first = decode(data)
    if first is None or first[0].type not in (Type.SETTINGS, Type.GOAWAY):
        return False
    while (found := decode(data)) is not None:
        data = data[found[1] :]
    return not data


def check_answer(answer: Answer) -> None:
    """An answer is a result, or an error with a sentence that is not about the server's own mistakes.

    Raises:
        MalformedAnswerError: it is not.
    """
    if answer.status == 200:
        return
    if answer.status not in _ERROR_STATUSES:
        raise MalformedAnswerError(f"status {answer.status}")
    if answer.status == 400 and not answer.body:
        return  # not ready (triton.md §1.3)
    sentence = error_sentence(answer)
    if not sentence or "unexpected internal error" in sentence or "Traceback" in sentence:
        raise MalformedAnswerError(f"{answer.status} {sentence!r}")


def check_pair(request: Request, answer: Answer) -> None:
    """An answer is the one to a right request.

    Raises:
        MalformedAnswerError: it is an error, or another one's.
    """
    if answer.status == 404 and ("unknown model" in error_sentence(answer) or "/nothing" in request.target):
        return  # another client may have unloaded it
    if answer.status != 200:
        raise MalformedAnswerError(f"{answer.status} {answer.body!r} for the good request {request}")
    if request.target.endswith("/infer"):
        expected = (request.document or {}).get("id", ""), request.target.split("/")[3]
        document = _document(answer)
        if (document.get("id", ""), document["model_name"]) != expected:
            raise MalformedAnswerError(f"{document} is not the answer to {request}")


def _document(answer: Answer) -> Any:
    encoding = answer.headers.get("content-encoding")
    body = zlib.decompress(answer.body, 47) if encoding else answer.body
    return json.loads(body[: int(answer.headers.get("inference-header-content-length", len(body)))])


def error_sentence(answer: Answer) -> str:
    """What an error says."""
    text = answer.body.removeprefix(b"data: ").strip()
    document: Any = json.loads(text)
    if not isinstance(document, dict) or not isinstance(document.get("error", document.get("ready")), (str, bool)):
        raise MalformedAnswerError(f"{answer.status} {answer.body!r}")
    return str(document.get("error", document))


def _head(text: str) -> tuple[int, str, dict[str, str]]:
    first, *lines = text.split("\r\n")
    status = _STATUS_LINE.fullmatch(first)
    fields = [_FIELD.fullmatch(line) for line in lines]
    if status is None or not all(fields):
        raise MalformedAnswerError(repr(text))
    headers = {field[1].lower(): field[2] for field in fields if field}
    if len(headers) != len(fields):
        raise MalformedAnswerError(f"a header twice: {text!r}")
    if status[1] != "100" and ("content-length" in headers) == ("transfer-encoding" in headers):
        raise MalformedAnswerError(f"no length, or two: {text!r}")
    return int(status[1]), first, headers


def _chunked(data: bytes) -> tuple[bytes, bytes] | None:
    body = b""
    while True:
        size_text, end, data = data.partition(b"\r\n")
        if not end:
            return None
        size = int(size_text, 16)
        if len(data) < size + 2:
            return None
        if data[size : size + 2] != b"\r\n":
            raise MalformedAnswerError("a chunk that does not end")
        body, data = body + data[:size], data[size + 2 :]
        if not size:
            return body, data
