"""Runs in either interpreter: what samples become in swagger documents, and JSON values in `run()`.

Prints a JSON object of texts by name. Takes nothing from the project, and the types from Azure ML's import paths.
"""

from __future__ import annotations

import copy
import datetime
import importlib
import json
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

_TYPES = "inference_schema.parameter_types"
Numpy = importlib.import_module(f"{_TYPES}.numpy_parameter_type").NumpyParameterType
Pandas = importlib.import_module(f"{_TYPES}.pandas_parameter_type").PandasParameterType
Standard = importlib.import_module(f"{_TYPES}.standard_py_parameter_type").StandardPythonParameterType
input_schema = importlib.import_module("inference_schema.schema_decorators").input_schema

FRAME = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": ["x", "y"]})
DATES = pd.DataFrame({"d": pd.to_datetime(["2020-01-01", "2020-01-02"])})
ZONED = pd.DataFrame({"d": pd.to_datetime(["2020-01-01", "2020-01-02"]).tz_localize("UTC")})
SPANS = pd.DataFrame({"t": pd.to_timedelta([1, 2], unit="D")})
ROWS = np.array([(1, "x", 2.5)], dtype=[("i", "int32"), ("s", "U5"), ("f", "f8")])
RECORD = {"a": 1, "b": 2, "c": "z"}

# Each type, and values for it.
TYPES: dict[str, tuple[Callable[[], Any], list[Any]]] = {
    "int8": (
        lambda: Numpy(np.array([1, 2], dtype="int8")),
        [[1, 2], [300], [1.5], ["3"], ["x"], [None], [True], [[1]], [], 5, "x", RECORD, None, [-1]],
    ),
    "float32": (
        lambda: Numpy(np.array([[1.5, 2]], dtype="float32")),
        [[[1, 2], [3, 4]], [[1]], [[1, 2], [3]], [1, 2], [[1, "2"]], [[None, 1]], [], [[]], [[float("nan"), 2]]],
    ),
    "float16 of 3 dimensions": (lambda: Numpy(np.zeros((1, 2, 2), "float16")), [[[[1, 2], [3, 4]]], [[[1], [2]]]]),
    "any shape": (
        lambda: Numpy(np.array([[1.5, 2]]), enforce_shape=False),
        [[1], [[1, 2, 3]], [[[1]]], [], [[1], [2, 3]]],
    ),
    "any dtype": (
        lambda: Numpy(np.array([[1.5, 2]]), enforce_column_type=False),
        [[[1, 2]], [["a", "b"]], [[1]], [[1, 2], [3]]],
    ),
    "bool": (lambda: Numpy(np.array([True])), [[True], [0], ["x"], [None]]),
    "text": (lambda: Numpy(np.array(["ab"])), [["a"], ["abc"], [1], [None]]),
    "bytes": (lambda: Numpy(np.array([b"ab"])), [["a"], ["abc"], ["\u00e9"], [1]]),
    "object": (lambda: Numpy(np.array([None, 1], dtype=object)), [["a", 1, None], [[1, 2]], [{"a": 1}]]),
    "datetime64": (
        lambda: Numpy(np.array(["2020-01-01"], dtype="datetime64[s]")),
        [["2020-01-01T01:02:03"], ["x"], [5], [None]],
    ),
    "timedelta64": (
        lambda: Numpy(np.array([5], dtype="timedelta64[D]")),
        [["5 days"], ["48 hours"], ["5"], ["x days"], ["5 lightyears"], [5], ["5 DAYS"], ["-3 days"], ["5  days"]],
    ),
    "rows": (
        lambda: Numpy(ROWS),
        [[[1, "x", 2.5]], [{"i": 1, "s": "x", "f": 2}], [{"i": 1, "s": "x"}], [[1, "x"]], [[1, "x", 2, 3]], [5], []],
    ),
    "rows of arrays": (
        lambda: Numpy(np.array([([1, 2],)], dtype=[("v", "int32", (2,))])),
        [[{"v": [3, 4]}], [{"v": [3]}]],
    ),
    "frame": (
        lambda: Pandas(FRAME),
        [
            *([RECORD], [{"a": 1}], [{**RECORD, "a": "x"}], [{**RECORD, "d": 1}], [{"a": 1, "b": 2, "q": "z"}]),
            *([], {}, "x", 5, [1, 2], [[1, 2, 3]], [{"a": 1.5, "b": 2, "c": 3}], [dict.fromkeys("abc")], {"a": [1]}),
        ],
    ),
    "frame of any type": (lambda: Pandas(FRAME, enforce_column_type=False), [[{**RECORD, "a": "x"}]]),
    "frame of any shape": (lambda: Pandas(FRAME, enforce_shape=False), [[{"a": 1}], [{"a": 1, "q": 5}], []]),
    "dates": (lambda: Pandas(DATES), [[{"d": "2020-01-01"}], [{"d": 1577836800000}], [{"d": "x"}], [{"d": None}]]),
    "dates of a zone": (lambda: Pandas(ZONED), [[{"d": "2020-01-01"}], [{"d": "2020-01-01T00:00:00Z"}]]),
    "spans": (lambda: Pandas(SPANS), [[{"t": "1 days"}], [{"t": 5}], [{"t": "x"}]]),
    "spans by columns": (lambda: Pandas(SPANS, orient="columns"), []),
    "dates by index": (lambda: Pandas(DATES, orient="index"), []),
    "dates by table": (lambda: Pandas(DATES, orient="table"), []),
    "int": (lambda: Standard(1), [1, 1.0, 1.5, "1", True, None, [1], {}]),
    "float": (lambda: Standard(1.0), [1, 1.5, "1", True, None]),
    "boolean": (lambda: Standard(True), [True, 1, "x", None]),
    "str": (lambda: Standard("x"), ["y", 1, None, []]),
    "base64": (lambda: Standard(b"x"), ["YWJj", "YWJ", "!!", 5, ""]),
    "bytearray": (lambda: Standard(bytearray(b"x")), ["YWJj"]),
    "date": (lambda: Standard(datetime.date(2020, 1, 1)), ["2020-01-02", "x", 5]),
    "datetime": (
        lambda: Standard(datetime.datetime(2020, 1, 1)),  # noqa: DTZ001 - a time without a zone is meant
        ["2020-01-02", "2020-01-02T03:04:05", "2020-01-02T03:04:05+00:00", "2 Jan 2020", "x", 5],
    ),
    "time": (lambda: Standard(datetime.time(1, 2)), ["03:04", "03:04:05.000006", "x", 5]),
    "list": (lambda: Standard([1]), [[1, "x"], {}, "x", 5, None]),
    "mixed list": (lambda: Standard([1, "a", None]), [[]]),
    "empty list": (lambda: Standard([]), [[1]]),
    "tuple": (lambda: Standard((1,)), [[1, "x"], {}]),
    "range": (lambda: Standard(range(2)), []),
    "dict": (lambda: Standard({"a": 1, "b": {"c": [1.5]}}), [{"a": "x"}, {}, [], "x", None]),
    "nested": (
        lambda: Standard({"n": Numpy(np.array([[1.0]])), "f": Pandas(FRAME), "k": 1}),
        [{"n": [[1], [2]], "f": [RECORD], "k": "x"}, {"k": 1}, {"n": 5}, {"n": [[1, 2]]}, []],
    ),
    "nested deeper": (lambda: Standard({"o": {"n": Numpy(np.array([1.0]))}}), [{"o": {"n": [1]}}]),
    "list of arrays": (lambda: Standard([Numpy(np.array([1.0]))]), [[[1], [2]], [5], [], [[1], 5]]),
    "None inside": (lambda: Standard({"a": None}), [{"a": 1}]),
    "None": (lambda: Standard(None), []),
}

for _orient in ("split", "index", "columns", "values", "table"):
    _values = [json.loads(FRAME.to_json(orient=_orient)), [RECORD], {"a": {"0": 1}}, [[1, 2, "x"]], {"x": 5}]
    TYPES[f"frame by {_orient}"] = (partial(Pandas, FRAME, orient=_orient), _values)


def swagger(make: Callable[[], Any]) -> str:
    """The schema object and the versions of a type, or that there is none."""
    try:
        made = make()
        return json.dumps([made.input_to_swagger(), sorted(made.supported_versions())], sort_keys=True)
    except Exception:
        return "refused"


def conversion(make: Callable[[], Any], value: Any) -> str:
    """What `run()` gets for a value, or that it is not called."""

    def run(data: Any) -> Any:
        return data

    try:
        got = input_schema("data", make())(run)(data=copy.deepcopy(value))
    except Exception:
        return "refused"
    dtypes = list(got.dtypes) if isinstance(got, pd.DataFrame) else getattr(got, "dtype", "")
    return f"{type(got).__name__} {dtypes} {got!r}"


def main() -> None:
    """Everything, on stdout."""
    warnings.simplefilter("ignore")
    found = {f"swagger/{name}": swagger(make) for name, (make, _) in TYPES.items()}
    for name, (make, values) in TYPES.items():
        found |= {f"conversion/{name}/{json.dumps(value)}": conversion(make, value) for value in values}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
