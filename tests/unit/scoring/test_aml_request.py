"""Scripts that take the HTTP request itself."""

from __future__ import annotations

import pytest

from naiad.scoring.score_request import ScoreRequest
from tests.support.entry_script import LoadScript, bytes_of, get, json_of, post

RAW = "from azureml.contrib.services.aml_request import rawhttp\n"
FORM = (
    b'--X\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n'
    b'--X\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n\x89PNG\r\n--X--\r\n'
)


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD"])
def test_a_raw_run_gets_every_method(ready: LoadScript, method: str) -> None:
    script = ready(RAW + "@rawhttp\ndef run(request):\n    return [request.method, request.full_path]")
    assert script.handles_options
    assert json_of(script.score(get("a=1", method=method))) == [method, "/score?a=1"]


def test_everything_of_the_request_is_there(ready: LoadScript) -> None:
    script = ready(
        RAW
        + """
from naiad.scoring.aml_request import AMLRequest
@rawhttp
def run(request):
    assert isinstance(request, AMLRequest)
    return {
        'path': request.path,
        'query': request.query_string.decode(),
        'args': request.args.to_dict(flat=False),
        'data': request.get_data(False).decode('latin-1'),
        'again': request.data.decode('latin-1'),
        'json': request.get_json(silent=True),
        'headers': dict(request.headers),
        'content_type': request.content_type,
        'content_length': request.content_length,
        'remote_addr': request.remote_addr,
        'cookies': request.cookies,
    }
"""
    )
    headers = [
        ("host", "example.com:81"),
        ("content-type", "application/json; charset=utf-8"),
        ("content-length", "8"),
        ("cookie", "a=b"),
        ("x-many", "1"),
        ("X-Many", "2"),
        ("x_many", "forged"),
    ]
    request = ScoreRequest("POST", "/sc%C3%B6re", b"a=1&a=2&b=%20", headers, memoryview(b'{"a": 1}'), "10.0.0.1")
    assert json_of(script.score(request)) == {
        "path": "/scöre",
        "query": "a=1&a=2&b=%20",
        "args": {"a": ["1", "2"], "b": [" "]},
        "data": '{"a": 1}',
        "again": "",
        "json": None,
        "headers": {
            "Host": "example.com:81",
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": "8",
            "Cookie": "a=b",
            "X-Many": "1,2",
        },
        "content_type": "application/json; charset=utf-8",
        "content_length": 8,
        "remote_addr": "10.0.0.1",
        "cookies": {"a": "b"},
    }


def test_a_form_with_a_file_is_taken_apart(ready: LoadScript) -> None:
    script = ready(
        RAW
        + """
from azureml.contrib.services.aml_response import AMLResponse
@rawhttp
def run(request):
    with request:
        return AMLResponse(request.form['field'].encode() + request.files['image'].read(), 200)
"""
    )
    request = post(
        FORM, headers=[("Content-Type", "multipart/form-data; boundary=X"), ("Content-Length", str(len(FORM)))]
    )
    assert bytes_of(script.score(request)) == b"value\x89PNG"


def test_a_body_without_a_length_is_read_whole(ready: LoadScript) -> None:
    script = ready(RAW + "@rawhttp\ndef run(request):\n    return len(request.get_data())")
    assert json_of(script.score(post(b"x" * 5, headers=[("Transfer-Encoding", "chunked")]))) == 5


def test_json_that_cannot_be_read_is_a_failure_of_the_script(ready: LoadScript) -> None:
    response = ready(RAW + "@rawhttp\ndef run(request):\n    return request.json").score(post(b"{"))
    assert (response.status, response.run_function_failed) == (500, True)


@pytest.mark.parametrize(
    "decorated",
    [
        "@logged\n@rawhttp\ndef run(request):\n    return request.method",
        "@rawhttp\n@logged\ndef run(request):\n    return request.method",
    ],
)
def test_the_mark_is_found_through_other_decorators(ready: LoadScript, decorated: str) -> None:
    logged = "def logged(function):\n    def inner(request):\n        return function(request)\n    return inner\n"
    assert json_of(ready(RAW + logged + decorated).score(post())) == "POST"


async def test_an_async_raw_run_may_await_the_body(ready: LoadScript) -> None:
    script = ready(
        RAW
        + """
@rawhttp
async def run(request):
    body = await request.get_data()
    assert type(body) is bytes
    text = await request.get_data(as_text=True)
    return [body.decode(), request.get_data().decode(), text, (await request.data).decode()]
"""
    )
    assert json_of(await script.score_async(post(b"body"))) == ["body"] * 4
