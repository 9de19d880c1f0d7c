"""The three ways in which a request becomes arguments."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.errors import InvalidArgumentError
from naiad.scoring.input_modes import header_dictionary, query_values
from naiad.scoring.json_body import parse_json
from tests.support.entry_script import LoadScript, get, json_of, message, post

ECHO = "def run(data):\n    return data"
SCHEMA = """
    from inference_schema.schema_decorators import input_schema
    from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType as Type

    @input_schema("data", Type([1]))
    @input_schema("scale", Type(1.0))
    def run(data, scale=2.0, method="sum"):
        return [data, scale, method]
"""


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", "image/png"]
)
def test_an_undecorated_run_gets_text_whatever_the_content_type(ready: LoadScript, content_type: str) -> None:
    response = ready(ECHO).score(post("grün & a=b", headers=[("Content-Type", content_type)]))
    assert json_of(response) == "grün & a=b"


def test_an_undecorated_run_gets_an_empty_body_as_empty_text(ready: LoadScript) -> None:
    assert json_of(ready(ECHO).score(post(headers=[]))) == ""


def test_a_body_that_is_no_text_is_refused(ready: LoadScript) -> None:
    response = ready(ECHO).score(post(b"\xff"))
    assert response.status == 400
    assert message(response) == (
        "Input cannot be decoded as UTF-8: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
    )


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("", {}),
        ("a=1&b=[1,2]&c=a&d=null", {"a": 1, "b": [1, 2], "c": "a", "d": None}),
        ("foo=bar1&foo=bar2&x=y", {"foo": ["bar1", "bar2"], "x": "y"}),
        ("n=1&n=x&n=", {"n": [1, "x", ""]}),
        ("a=%22b%22&s=1+2&e=", {"a": "b", "s": "1 2", "e": ""}),
        ("name", {"name": ""}),
        ("A=1&a=2", {"A": 1, "a": 2}),
        ("bad=%ff", {"bad": "%FF"}),
        ("deep=" + "[" * 3000, {"deep": "[" * 3000}),
    ],
)
def test_a_query_is_read_as_json_values(ready: LoadScript, query: str, values: dict[str, Any]) -> None:
    assert query_values(query.encode()) == values
    assert json_of(ready(ECHO).score(get(query))) == json.dumps(values)


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ({"data": [1, 2]}, [[1, 2], 2.0, "sum"]),
        ({"data": [], "scale": 3, "method": "mean", "more": 1}, [[], 3, "mean"]),
        (b'{"data": [1], "data": [2]}', [[2], 2.0, "sum"]),
        ('\ufeff{"data": [1]}'.encode("utf-16-le"), [[1], 2.0, "sum"]),
        (b'{"data": [NaN, 123456789012345678901234567890]}', "NaN and a long integer"),
    ],
)
def test_a_schema_run_gets_members_by_name(ready: LoadScript, body: Any, result: Any) -> None:
    answer = json_of(ready(SCHEMA).score(post(body)))
    if isinstance(result, str):
        assert str(answer) == "[[nan, 123456789012345678901234567890], 2.0, 'sum']"
    else:
        assert answer == result


def test_a_schema_run_takes_the_query_too(ready: LoadScript) -> None:
    assert json_of(ready(SCHEMA).score(get("data=[1]&scale=5"))) == [[1], 5, "sum"]


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"", 400, "POST body is empty. Expecting a JSON dictionary."),
        (b"{", 400, "POST body could not be decoded as JSON: Expecting property name enclosed in double quotes: "),
        (b"[1]", 400, "POST body should be a JSON dictionary."),
        (b"null", 400, "POST body should be a JSON dictionary."),
        (b"{}", 400, "A value is not provided for the 'data' parameter."),
        (b'{"data": "\xff"}', 400, "POST body could not be decoded as JSON: 'utf-8' codec can't decode byte 0xff"),
        (b"[" * 100_000, 400, "POST body could not be decoded as JSON: it is nested too deeply"),
        (b'{"data": 5}', 400, "The 'data' parameter cannot be read: expected an array, got an integer"),
        (b'{"data": [1], "scale": "x"}', 400, "The 'scale' parameter cannot be read: expected a number, got a string"),
    ],
)
def test_a_body_that_a_schema_cannot_take_is_refused(
    ready: LoadScript, body: bytes, status: int, sentence: str
) -> None:
    response = ready(SCHEMA).score(post(body))
    assert response.status == status
    assert message(response).startswith(sentence)
    assert not response.run_function_failed


@pytest.mark.parametrize(
    ("content_type", "accepted"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/vnd.api+json", True),
        ("text/json", False),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("", False),
    ],
)
def test_a_schema_run_takes_json_only(ready: LoadScript, content_type: str, accepted: bool) -> None:
    script = ready(SCHEMA)
    response = script.score(post({"data": [1]}, headers=[("content-type", content_type)]))
    if accepted:
        assert response.status == 200
    else:
        assert (response.status, message(response)) == (415, "Expects Content-Type to be application/json")
    assert script.score(post({"data": [1]}, headers=[])).status == 415


def test_request_headers_are_a_dictionary_in_title_case(ready: LoadScript) -> None:
    script = ready("def run(request_headers, data='none'):\n    return [data, request_headers]")
    request = post("x", headers=[("host", "h"), ("x-my-id", "1"), ("X-My-ID", "2"), ("x_my_id", "forged")])
    assert json_of(script.score(request)) == ["x", {"Host": "h", "X-My-Id": "1,2"}]


NAMES = st.text("abcABC-_", min_size=1, max_size=5)


@given(st.lists(st.tuples(NAMES, st.text("xy", max_size=3)), max_size=8))
def test_no_header_value_is_lost_or_mixed_up(headers: list[tuple[str, str]]) -> None:
    expected: dict[str, list[str]] = {}
    for name, value in headers:
        if "_" not in name:
            expected.setdefault(name.lower(), []).append(value)
    found = {name.lower(): value for name, value in header_dictionary(headers).items()}
    assert found == {name: ",".join(values) for name, values in expected.items()}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES, st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_bodies_are_what_pythons_json_makes_of_them(value: Any, ascii_only: bool, encoding: str) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode(encoding, "surrogatepass")
    try:
        expected = json.loads(body)
    except ValueError:
        with pytest.raises(InvalidArgumentError):
            parse_json(body)
    else:
        # repr() tells -0.0 from 0.0, 1 from 1.0, and nan is nan.
        assert repr(parse_json(body)) == repr(expected)


LONG = st.integers(-(2**65), 2**65) | st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64])
DIGITS = st.text("0123456789", min_size=1, max_size=40)


@given(LONG | st.tuples(LONG, st.floats(0, 1e-3)) | st.dictionaries(DIGITS, LONG, max_size=3))
def test_long_integers_are_integers(value: Any) -> None:
    assert repr(parse_json(json.dumps(value).encode())) == repr(json.loads(json.dumps(value)))


@given(st.binary(max_size=20) | st.text('[]{}:,"\\ue019-.+NaInfity', max_size=20).map(str.encode))
def test_what_json_cannot_read_is_refused(body: bytes) -> None:
    try:
        expected = json.loads(body)
    except ValueError:
        with pytest.raises(InvalidArgumentError):
            parse_json(body)
    else:
        assert repr(parse_json(body)) == repr(expected)
