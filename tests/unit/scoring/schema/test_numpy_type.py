"""Parameters that are arrays."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from naiad.scoring.schema.numpy_type import NumpyParameterType

ROWS = np.array([(1, "x", 2.5)], dtype=[("i", "int32"), ("s", "U5"), ("f", "f8")])
DAYS = np.array([5], dtype="timedelta64[D]")


@pytest.mark.parametrize("sample", [[1, 2], None, 5, np.array(5)])
def test_a_sample_is_an_array(sample: Any) -> None:
    with pytest.raises(TypeError, match="must be a numpy array of one dimension or more"):
        NumpyParameterType(sample)


@pytest.mark.parametrize(
    ("sample", "value", "expected"),
    [
        (np.array([[1.5, 2]], "float32"), [[1, 2], [3, 4]], np.array([[1, 2], [3, 4]], "float32")),
        (np.array([1], "int8"), ["3", True], np.array([3, 1], "int8")),
        (np.array([1], "int8"), [], np.array([], "int8")),
        (np.array(["ab"]), ["a", "abc"], np.array(["a", "ab"])),
        (np.array([None]), ["a", 1, None], np.array(["a", 1, None], object)),
        (np.array(["2020-01-01"], "M8[s]"), ["2020-01-01T01:02:03"], np.array(["2020-01-01T01:02:03"], "M8[s]")),
        (DAYS, ["48 hours", "-3 DAYS"], np.array([2, -3], "m8[D]")),
        (DAYS.reshape(1, 1), [["1 weeks"], ["2 days"]], np.array([[7], [2]], "m8[D]")),
        (ROWS, [[1, "x", 2], {"f": 1, "s": "y", "i": 3}], np.array([(1, "x", 2), (3, "y", 1)], ROWS.dtype)),
        (
            np.array([([1, 2],)], [("v", "int32", (2,))]),
            [{"v": [3, 4]}, [[5, 6]]],
            np.array([([3, 4],), ([5, 6],)], [("v", "int32", (2,))]),
        ),
    ],
)
def test_lists_become_arrays(sample: npt.NDArray[Any], value: Any, expected: npt.NDArray[Any]) -> None:
    before = json.dumps(value)
    array = NumpyParameterType(sample).convert(value)
    assert array.dtype == sample.dtype
    np.testing.assert_array_equal(array, expected)
    assert json.dumps(value) == before


def test_an_array_is_left_alone() -> None:
    array = np.array([1, 2])
    assert NumpyParameterType(np.array([[0.5]])).convert(array) is array


@pytest.mark.parametrize(
    ("sample", "value", "sentence"),
    [
        (np.array([1]), 5, "Invalid input format: expected an array of items, got an integer."),
        (np.array([1]), {"a": 1}, "Invalid input format: expected an array of items, got an object."),
        (np.array([1]), ["x"], "Invalid input array: invalid literal for int"),
        (np.array([1]), [None], "Invalid input array: int() argument must be"),
        (np.array([1], "int8"), [300], "Invalid input array: Python integer 300 out of bounds for int8"),
        (np.array([1.0]), [10**400], "Invalid input array: int too large to convert to float"),
        (np.array([1]), [[1], [2, 3]], "Invalid input array: setting an array element with a sequence"),
        (
            np.array([1]),
            [[1]],
            "Invalid input array: an array with 1 dimensions is expected; input has 2 [shape (1, 1)]",
        ),
        (
            np.zeros((1, 2, 3)),
            [[[1, 2], [3, 4]]],
            "Invalid input array: array has size 2 on dimension #2, while expected value is 3",
        ),
        (DAYS, ["5"], "Invalid timedelta '5': expected a count and a unit such as '5 days'"),
        (DAYS, ["5 lightyears"], "Invalid timedelta '5 lightyears'"),
        (DAYS, ["x days"], "Invalid timedelta 'x days'"),
        (DAYS, [5], "Invalid timedelta 5"),
        (DAYS, ["9" * 40 + " days"], "Invalid timedelta '999"),
        (ROWS, [[1, "x"]], "Invalid input array: a row must be an object or an array with the fields i, s, f"),
        (ROWS, [5], "Invalid input array: a row must be an object or an array with the fields i, s, f"),
        (ROWS, [{"i": 1, "s": "x"}], "Invalid input array: a row has no field 'f'"),
    ],
)
def test_what_is_no_such_array_is_refused(sample: npt.NDArray[Any], value: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the sentence is compared below
        NumpyParameterType(sample).convert(value)
    assert str(caught.value).startswith(sentence)


def test_the_shape_may_be_left_open() -> None:
    parameter = NumpyParameterType(np.array([[1.5, 2]]), enforce_shape=False)
    np.testing.assert_array_equal(parameter.convert([1]), np.array([1.0]))


def test_the_type_may_be_left_open() -> None:
    parameter = NumpyParameterType(np.array([[1.5, 2]]), enforce_column_type=False)
    assert parameter.convert([["a", "b"]]).dtype.kind == "U"
    with pytest.raises(ValueError, match="array has size 1 on dimension #1"):
        parameter.convert([[1]])


@pytest.mark.parametrize(
    ("sample", "schema", "example"),
    [
        (np.array([1, 2], "int8"), {"type": "integer", "format": "int8"}, [1, 2]),
        (np.array([1], "uint64"), {"type": "integer", "format": "uint64"}, [1]),
        (np.array([0.5], "float16"), {"type": "number", "format": "float"}, [0.5]),
        (np.array([0.5]), {"type": "number", "format": "double"}, [0.5]),
        (np.array([True]), {"type": "boolean"}, [True]),
        (np.array(["a"]), {"type": "string"}, ["a"]),
        (np.array([b"ab"]), {"type": "string", "format": "binary"}, ["YWI="]),
        (np.array(["a", None]), {"type": "object"}, ["a", "None"]),
        (
            np.array(["2020-01-01"], "M8[ns]"),
            {"type": "string", "format": "date-time"},
            ["2020-01-01T00:00:00.000000"],
        ),
        (DAYS, {"type": "string", "format": "timedelta"}, ["5 days"]),
        (
            ROWS,
            {
                "type": "object",
                "properties": {
                    "i": {"type": "integer", "format": "int32"},
                    "s": {"type": "string"},
                    "f": {"type": "number", "format": "double"},
                },
            },
            [{"i": 1, "s": "x", "f": 2.5}],
        ),
    ],
)
def test_types_are_described(sample: npt.NDArray[Any], schema: Any, example: Any) -> None:
    described = NumpyParameterType(sample).input_to_swagger()
    assert described == {"type": "array", "items": schema, "example": example, "format": "numpy.ndarray"}


def test_dimensions_are_nested_arrays() -> None:
    described = NumpyParameterType(np.zeros((1, 2, 2), "float32")).input_to_swagger()
    number = {"type": "number", "format": "float"}
    assert described["items"] == {"type": "array", "items": {"type": "array", "items": number}}
    assert described["example"] == [[[0.0, 0.0], [0.0, 0.0]]]


def test_a_type_that_swagger_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot describe arrays of complex128"):
        NumpyParameterType(np.array([1j])).input_to_swagger()


KINDS = [("int16", "int16"), ("uint8", "uint8"), ("float64", "float64"), ("bool", "bool"), ("U3", "U3")]
TIMES = [("int32", "M8[s]"), ("int16", "m8[h]")]
SAMPLES = st.sampled_from(KINDS + TIMES).flatmap(
    lambda kind: arrays(kind[0], st.tuples(st.integers(1, 3), st.integers(1, 3))).map(lambda a: a.astype(kind[1]))
)


@given(SAMPLES)
def test_the_example_of_a_sample_is_the_sample_again(sample: npt.NDArray[Any]) -> None:
    parameter = NumpyParameterType(sample)
    example = json.loads(json.dumps(parameter.input_to_swagger()["example"]))
    np.testing.assert_array_equal(parameter.convert(example), sample)
