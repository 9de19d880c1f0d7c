"""Parameters that are data frames."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from naiad.scoring.schema.pandas_type import Orient, PandasParameterType

FRAME = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": ["x", "y"]})
TIMES = pd.DataFrame({"d": pd.to_datetime(["2020-01-01"]), "t": pd.to_timedelta([1], unit="D")})


@pytest.mark.parametrize("orient", ["split", "records", "index", "columns", "table"])
def test_what_pandas_writes_is_read(orient: Orient) -> None:
    value = json.loads(FRAME.to_json(orient=orient))
    frame = PandasParameterType(FRAME, orient=orient).convert(value)
    pd.testing.assert_frame_equal(frame, FRAME, check_names=False)


def test_values_have_no_names() -> None:
    frame = PandasParameterType(FRAME, orient="values").convert([[1, 2, "x"]])
    assert frame.to_numpy().tolist() == [[1, 2, "x"]]
    with pytest.warns(DeprecationWarning, match="apply_column_names is deprecated"):
        named = PandasParameterType(FRAME, orient="values", apply_column_names=True)
    pd.testing.assert_frame_equal(named.convert([[1, 2, "x"]]), FRAME.head(1).assign(b=2.0))


def test_columns_get_the_types_of_the_sample() -> None:
    frame = PandasParameterType(FRAME).convert([{"c": "z", "b": 1, "a": 2.0}])
    assert list(frame.columns) == ["c", "b", "a"]
    assert frame.dtypes[["a", "b"]].to_dict() == FRAME.dtypes[["a", "b"]].to_dict()


def test_times_are_read() -> None:
    frame = PandasParameterType(TIMES).convert([{"d": "2020-02-03", "t": "36 hours"}])
    assert frame.d[0] == pd.Timestamp(2020, 2, 3)
    assert frame.t[0] == pd.Timedelta(hours=36)


def test_a_data_frame_is_left_alone() -> None:
    frame = pd.DataFrame({"z": [1]})
    assert PandasParameterType(FRAME).convert(frame) is frame


@pytest.mark.parametrize(
    ("orient", "value", "sentence"),
    [
        ("records", "x", "expected a data frame as an array or an object (orient 'records'), got a string"),
        ("records", [{"a": 1}], "data frame has size 1 on dimension #1, while expected value is 3"),
        ("records", [], "data frame has size 0 on dimension #1, while expected value is 3"),
        ("records", [{"a": "x", "b": 2, "c": "z"}], "Error while type casting for column 'a'"),
        ("records", [{"a": None, "b": 1, "c": "z"}], "cannot convert float NaN to integer"),
        ("split", {"x": 5}, "JSON data had unexpected key(s): x"),
        ("table", {"x": 5}, "Invalid input data frame: 'schema'"),
        ("index", [[1]], "expected a data frame as an object (orient 'index'), got an array"),
    ],
)
def test_what_is_no_such_frame_is_refused(orient: Orient, value: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the sentence is compared below
        PandasParameterType(FRAME, orient=orient).convert(value)
    assert sentence in str(caught.value)


def test_endless_nesting_is_refused() -> None:
    value: list[Any] = []
    for _ in range(5000):
        value = [value]
    with pytest.raises(ValueError, match="Invalid input data frame"):
        PandasParameterType(FRAME).convert(value)


def test_shape_and_types_may_be_left_open() -> None:
    open_type = PandasParameterType(FRAME, enforce_column_type=False)
    assert open_type.convert([{"a": "x", "b": 2, "c": "z"}]).a[0] == "x"
    open_shape = PandasParameterType(FRAME, enforce_shape=False)
    assert list(open_shape.convert([{"a": 1, "q": 5}]).columns) == ["a", "q"]


@pytest.mark.parametrize("sample", [[1], {"a": [1]}, None, FRAME.a])
def test_a_sample_is_a_data_frame(sample: Any) -> None:
    with pytest.raises(TypeError, match="must be a pandas DataFrame"):
        PandasParameterType(sample)


def test_an_orient_is_pandas() -> None:
    orient: Any = "rows"
    with pytest.raises(ValueError, match="'rows' is no orient; expected one of split, records"):
        PandasParameterType(FRAME, orient=orient)


def test_records_are_described() -> None:
    assert PandasParameterType(FRAME.head(1)).input_to_swagger() == {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["a", "b", "c"],
            "properties": {
                "a": {"type": "integer", "format": "int64"},
                "b": {"type": "number", "format": "double"},
                "c": {"type": "string"},
            },
        },
        "example": [{"a": 1, "b": 0.5, "c": "x"}],
        "format": "pandas.DataFrame:records",
    }


@pytest.mark.parametrize("orient", ["records", "index", "columns", "table"])
def test_times_are_described_wherever_the_orient_puts_them(orient: Orient) -> None:
    text = json.dumps(PandasParameterType(TIMES, orient=orient).input_to_swagger())
    assert text.count('"format": "date-time"') == 1
    assert text.count('"format": "timedelta"') == 1


def test_a_frame_of_mixed_values_has_no_swagger_2() -> None:
    assert PandasParameterType(FRAME).supported_versions() == ["2.0", "3.0", "3.1"]
    assert PandasParameterType(FRAME, orient="values").supported_versions() == ["3.0", "3.1"]
