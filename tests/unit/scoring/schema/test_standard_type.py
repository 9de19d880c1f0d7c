"""Parameters of plain Python types."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from naiad.scoring.schema.numpy_type import NumpyParameterType
from naiad.scoring.schema.standard_type import StandardPythonParameterType as Standard

MOMENT = datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
NESTED = Standard({"n": NumpyParameterType(np.array([[1.0]])), "k": 1})


@pytest.mark.parametrize(
    ("sample", "value", "expected"),
    [
        (1, 2, 2),
        (1, True, True),
        (1.0, 1.5, 1.5),
        (1.0, 1, 1),
        (True, False, False),
        ("x", "y", "y"),
        (b"x", "YWJj", b"abc"),
        (bytearray(b"x"), "YWJj", bytearray(b"abc")),
        (date(2020, 1, 1), "2021-02-03", date(2021, 2, 3)),
        (MOMENT, "2020-01-02 03:04:05.000006 +0000", MOMENT),
        (MOMENT, "2020-01-02T03:04:05.000006Z", MOMENT),
        (MOMENT, "2020-01-02", datetime(2020, 1, 2)),  # noqa: DTZ001 - a time without a zone stays one
        (time(1), "03:04", time(3, 4)),
        (time(1), "03:04:05.000006 -0130", time(3, 4, 5, 6, timezone(timedelta(hours=-1, minutes=-30)))),
        ([1], ["x", 1], ["x", 1]),
        ((1,), ["x"], ["x"]),
        ({"a": 1}, {"b": "x"}, {"b": "x"}),
        ({"a": None}, {}, {}),
    ],
)
def test_json_becomes_the_samples_type(sample: Any, value: Any, expected: Any) -> None:
    converted = Standard(sample).convert(value)
    assert (type(converted), converted) == (type(expected), expected)


@pytest.mark.parametrize(
    ("sample", "value", "sentence"),
    [
        (1, 1.0, "expected an integer, got a number"),
        (1, None, "expected an integer, got null"),
        (1.0, True, "expected a number, got a boolean"),
        (1.0, "1", "expected a number, got a string"),
        (True, 1, "expected a boolean, got an integer"),
        ("x", [], "expected a string, got an array"),
        ([1], {}, "expected an array, got an object"),
        ({"a": 1}, [], "expected an object, got an array"),
        (b"x", 5, "expected a string that holds bytes, got an integer"),
        (b"x", "YWJ", "expected base64: Incorrect padding"),
        (date(2020, 1, 1), "x", "expected a date in ISO 8601: Invalid isoformat string: 'x'"),
        (MOMENT, "2 Jan 2020", "expected a datetime in ISO 8601: Invalid isoformat string: '2 Jan 2020'"),
        (time(1), 5, "expected a string that holds time, got an integer"),
    ],
)
def test_other_types_are_refused(sample: Any, value: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the sentence is compared below
        Standard(sample).convert(value)
    assert str(caught.value) == sentence


def test_types_inside_a_dictionary_convert_their_members() -> None:
    value = {"n": [[1], [2]], "k": "anything", "more": 1}
    converted = NESTED.convert(value)
    np.testing.assert_array_equal(converted["n"], [[1.0], [2.0]])
    assert (converted["k"], converted["more"], value["n"]) == ("anything", 1, [[1], [2]])
    assert NESTED.convert({"k": 1}) == {"k": 1}
    with pytest.raises(ValueError, match=r"'n': Invalid input array: array has size 2 on dimension #1"):
        NESTED.convert({"n": [[1, 2]]})


def test_a_type_inside_a_list_converts_all_items() -> None:
    arrays = Standard([NumpyParameterType(np.array([1.0]))]).convert([[1], [2, 3]])
    assert [array.tolist() for array in arrays] == [[1.0], [2.0, 3.0]]


@pytest.mark.parametrize(
    ("sample", "schema"),
    [
        (1, {"type": "integer", "format": "int64", "example": 1}),
        (True, {"type": "boolean", "example": True}),
        (0.5, {"type": "number", "format": "double", "example": 0.5}),
        ("x", {"type": "string", "example": "x"}),
        (b"abc", {"type": "string", "format": "byte", "example": "YWJj"}),
        (date(2020, 1, 2), {"type": "string", "format": "date", "example": "2020-01-02"}),
        (
            MOMENT.replace(tzinfo=None),
            {"type": "string", "format": "date-time", "example": "2020-01-02 03:04:05.000006 +0000"},
        ),
        (time(3, 4, 5), {"type": "string", "format": "time", "example": "03:04:05.000000 +0000"}),
        (range(2), {"type": "array", "items": {"type": "integer", "format": "int64"}, "example": [0, 1]}),
        ([], {"type": "array", "items": {"type": "object"}, "example": []}),
        (
            {"a": 1, "b": {"c": [1.5]}},
            {
                "type": "object",
                "required": ["a", "b"],
                "properties": {
                    "a": {"type": "integer", "format": "int64"},
                    "b": {
                        "type": "object",
                        "required": ["c"],
                        "properties": {"c": {"type": "array", "items": {"type": "number", "format": "double"}}},
                    },
                },
                "example": {"a": 1, "b": {"c": [1.5]}},
            },
        ),
        (
            {"a": None},
            {"type": "object", "required": ["a"], "properties": {"a": {"type": "object"}}, "example": {"a": None}},
        ),
    ],
)
def test_types_are_described(sample: Any, schema: Any) -> None:
    assert Standard(sample).input_to_swagger() == schema


def test_types_inside_are_described() -> None:
    described = NESTED.input_to_swagger()
    assert described["properties"]["n"]["format"] == "numpy.ndarray"
    assert described["example"] == {"n": [[1.0]], "k": 1}


@pytest.mark.parametrize("sample", [1, 0.5, b"abc", date(2020, 1, 2), MOMENT, time(3, 4, tzinfo=UTC), [1], {"a": "x"}])
def test_the_example_of_a_sample_is_the_sample_again(sample: Any) -> None:
    parameter = Standard(sample)
    assert parameter.convert(parameter.input_to_swagger()["example"]) == sample


def test_a_sample_that_describes_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="Sample input cannot be None"):
        Standard(None).input_to_swagger()
    with pytest.raises(TypeError, match="must be made of what JSON can hold"):
        Standard({"a": object()}).input_to_swagger()


@pytest.mark.parametrize(
    ("sample", "swagger_2"),
    [
        ([1, 2], True),
        ([1, "a"], False),
        ([1, 2.5], False),
        ([[1], [2]], True),
        ([[1, "a"]], False),
        ({"a": {"b": [1, None]}}, False),
        ([{"a": [1, "x"]}], True),
        ([], True),
    ],
)
def test_swagger_2_has_no_arrays_of_mixed_types(sample: Any, swagger_2: bool) -> None:
    assert ("2.0" in Standard(sample).supported_versions()) is swagger_2
