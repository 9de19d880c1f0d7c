"""Answers that a script writes itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest

from naiad.scoring.result import INTERNAL_ERROR
from naiad.scoring.score_response import ScoreResponse
from tests.support.entry_script import LoadScript, bytes_of, header, json_of, message, post

HTML = "text/html; charset=utf-8"


def answer(ready: LoadScript, expression: str, before: str = "") -> ScoreResponse:
    """What a script answers that returns an expression."""
    return ready(
        "from azureml.contrib.services.aml_response import AMLResponse\n"
        f"{before}\ndef run(data):\n    return {expression}"
    ).score(post())


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ("None", b"{}"),
        ("{}", b"{}"),
        ("'text'", b'"text"'),
        ("'gr\\u00fcn'", b'"gr\\u00fcn"'),
        ("{'a': [1, 2.5, True, None]}", b'{"a": [1, 2.5, true, null]}'),
        ("float('nan')", b"NaN"),
        ("{1: (2, 3)}", b'{"1": [2, 3]}'),
        ("__import__('json').dumps([1])", b'"[1]"'),
    ],
)
def test_values_are_written_as_pythons_json_writes_them(ready: LoadScript, value: str, body: bytes) -> None:
    response = answer(ready, value)
    assert (response.status, response.body) == (200, body)
    assert response.headers[:2] == [("Content-Type", "application/json"), ("x-ms-run-function-failed", "False")]


@pytest.mark.parametrize("value", ["b'bytes'", "object()", "(x for x in [1])", "__import__('numpy').float32(1)"])
def test_values_that_json_cannot_hold_are_refused(ready: LoadScript, value: str) -> None:
    response = answer(ready, value)
    assert (response.status, message(response)) == (500, INTERNAL_ERROR)


def test_a_value_that_holds_itself_is_refused(ready: LoadScript) -> None:
    response = answer(ready, "endless", "endless = []\nendless.append(endless)")
    assert (response.status, message(response)) == (500, INTERNAL_ERROR)


@pytest.mark.parametrize(
    ("expression", "status", "content_type", "body"),
    [
        ("AMLResponse('text', 200)", 200, HTML, b"text"),
        ("AMLResponse(b'\\xff', 201)", 201, HTML, b"\xff"),
        ("AMLResponse(None, 202)", 202, "application/json", b"{}"),
        ("AMLResponse({'a': 1}, 400, json_str=True)", 400, "application/json", b'{"a": 1}'),
        ("AMLResponse(b'x', 200, {'Content-Type': 'image/png'})", 200, "image/png", b"x"),
        ("AMLResponse([b'a', 'b'], 200)", 200, HTML, b"ab"),
        ("AMLResponse('gone', 204)", 204, HTML, b""),
    ],
)
def test_a_response_is_sent_as_it_is(
    ready: LoadScript, expression: str, status: int, content_type: str, body: bytes
) -> None:
    response = answer(ready, expression)
    assert (response.status, bytes_of(response)) == (status, body)
    assert header(response, "Content-Type") == [content_type]
    assert header(response, "x-ms-run-function-failed") == ["False"]
    assert len(header(response, "x-ms-run-fn-exec-ms")) == 1


def test_values_of_headers_are_split_at_commas(ready: LoadScript) -> None:
    response = answer(ready, "AMLResponse('x', 200, {'X-One': 'a', 'X-Many': 'b, c'})")
    assert header(response, "X-One") == ["a"]
    assert header(response, "X-Many") == ["b", "c"]


@pytest.mark.parametrize("name", ["Content-Length", "Transfer-Encoding", "Connection"])
def test_framing_is_not_the_scripts(ready: LoadScript, name: str) -> None:
    assert header(answer(ready, f"AMLResponse('x', 200, {{'{name}': '5'}})"), name) == []


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_error_is_a_failure_of_run(ready: LoadScript, status: int) -> None:
    response = answer(ready, f"AMLResponse('broken', {status})")
    assert (response.status, bytes_of(response)) == (status, b"broken")
    assert header(response, "x-ms-run-function-failed") == ["True"]
    assert response.run_function_failed


def test_a_script_may_call_its_run_failed(ready: LoadScript) -> None:
    response = answer(ready, "AMLResponse('broken', 400, run_function_failed=True)")
    assert header(response, "x-ms-run-function-failed") == ["True"]
    assert response.run_function_failed


@pytest.mark.parametrize("status", [0, 100, 199, 600, 999])
def test_a_status_that_is_none_is_refused(ready: LoadScript, status: int, caplog: pytest.LogCaptureFixture) -> None:
    response = answer(ready, f"AMLResponse('x', {status})")
    assert (response.status, message(response)) == (500, INTERNAL_ERROR)
    assert "a final one, from 200 to 599, is expected" in caplog.text


@pytest.mark.parametrize(
    "header", ["{'a b': 'x'}", "{'a\\r\\nb': 'x'}", "{'': 'x'}", "{'a': '\\u20ac'}", "{'a': '\\0'}"]
)
def test_a_header_that_http_cannot_carry_is_refused(
    ready: LoadScript, header: str, caplog: pytest.LogCaptureFixture
) -> None:
    response = answer(ready, f"AMLResponse('x', 200, {header})")
    assert (response.status, message(response)) == (500, INTERNAL_ERROR)
    assert "HTTP cannot carry its header" in caplog.text


@pytest.mark.parametrize("body", ["AMLResponse([1, 2], 200)", "AMLResponse(5, 200)", "AMLResponse(['\\ud800'], 200)"])
def test_a_body_of_something_else_is_refused(ready: LoadScript, body: str, caplog: pytest.LogCaptureFixture) -> None:
    response = answer(ready, body)
    assert (response.status, message(response)) == (500, INTERNAL_ERROR)
    assert "run() returned a response that cannot be sent: " in caplog.text


def test_werkzeugs_own_response_is_one_too(ready: LoadScript) -> None:
    response = answer(ready, "Response('x', 418)", "from werkzeug.wrappers import Response")
    assert (response.status, bytes_of(response)) == (418, b"x")


STREAM = """
closed = []
def pieces():
    try:
        yield 'a'
        yield b'b'
    finally:
        closed.append(True)
"""


def test_a_generator_is_streamed(ready: LoadScript) -> None:
    response = answer(ready, "AMLResponse(pieces(), 200, {'Content-Type': 'text/event-stream'})", STREAM)
    assert isinstance(response.body, Generator)
    assert list(response.body) == [b"a", b"b"]
    assert header(response, "Content-Type") == ["text/event-stream"]


def test_a_stream_that_nobody_reads_to_its_end_is_closed(ready: LoadScript) -> None:
    script = ready(
        f"from azureml.contrib.services.aml_response import AMLResponse\n{STREAM}\n"
        "def run(data):\n    return AMLResponse(pieces(), 200) if data else closed"
    )
    response = script.score(post("stream"))
    assert isinstance(response.body, Generator)
    assert next(response.body) == b"a"
    assert json_of(script.score(post())) == []
    response.body.close()
    assert json_of(script.score(post())) == [True]


ASYNC_STREAM = """
from azureml.contrib.services.aml_response import AMLResponse
closed = []
async def pieces():
    try:
        yield 'a'
        yield b'b'
    finally:
        closed.append(True)
"""


async def test_an_async_run_may_stream_an_async_generator(ready: LoadScript) -> None:
    script = ready(ASYNC_STREAM + "async def run(data):\n    return AMLResponse(pieces(), 200) if data else closed")
    response = await script.score_async(post("stream"))
    body: Any = response.body
    assert isinstance(body, AsyncGenerator)
    assert [piece async for piece in body] == [b"a", b"b"]
    response = await script.score_async(post("stream"))
    body = response.body
    assert await anext(body) == b"a"
    await body.aclose()
    assert json_of(await script.score_async(post())) == [True, True]


def test_a_plain_run_may_not_stream_an_async_generator(ready: LoadScript, caplog: pytest.LogCaptureFixture) -> None:
    response = ready(ASYNC_STREAM + "def run(data):\n    return AMLResponse(pieces(), 200)").score(post())
    assert (response.status, message(response)) == (500, INTERNAL_ERROR)
    assert "which takes an async def run()" in caplog.text
