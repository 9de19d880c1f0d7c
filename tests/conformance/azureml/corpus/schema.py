"""Scripts with `@input_schema` and `@output_schema`."""

from __future__ import annotations

from tests.conformance.azureml.script import JSON_TYPE, Script, get, post, post_json
from tests.support.http_client import request_bytes

_VERSIONS = ("2", "2.0", "3", "3.0", "3.1")
_SWAGGERS = {f"swagger {version}": get(f"version={version}", path="/swagger.json") for version in _VERSIONS}
_SWAGGERS["swagger"] = get(path="/swagger.json")

_IMPORTS = """
import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

def init():
    pass
"""

_NUMPY = f"""{_IMPORTS}
@input_schema("data", NumpyParameterType(np.array([[1.0, 2.0]], dtype="float32")))
@input_schema("scale", StandardPythonParameterType(1.0))
@output_schema(NumpyParameterType(np.array([1.0])))
def run(data, scale=2.0, request_headers=None):
    return [type(data).__name__, str(data.dtype), data.shape, (data * scale).tolist()]
"""

_PANDAS = """
import pandas as pd
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
from inference_schema.schema_decorators import input_schema, output_schema

SAMPLE = pd.DataFrame({"age": [30], "income": [0.5], "city": ["Delft"]})

def init():
    pass

@input_schema("data", PandasParameterType(SAMPLE))
@output_schema(PandasParameterType(SAMPLE, orient="split"))
def run(data):
    return [list(data.columns), [str(t) for t in data.dtypes][:2], data.to_dict(orient="list")]
"""

# The shape that Power BI recognises.
_NESTED = f"""{_IMPORTS}
@input_schema(
    "Inputs",
    StandardPythonParameterType({{"rows": NumpyParameterType(np.array([[1, 2]])), "note": "text"}}),
)
@input_schema("GlobalParameters", StandardPythonParameterType({{"top": 1}}), optional=True)
@output_schema(StandardPythonParameterType({{"Results": [1]}}))
def run(Inputs, GlobalParameters=None):
    return {{"Results": [Inputs["rows"].sum(axis=1).tolist(), Inputs.get("note"), GlobalParameters]}}
"""

_STANDARD = f"""{_IMPORTS}
import datetime

@input_schema("moment", StandardPythonParameterType(datetime.datetime(2020, 1, 2, 3, 4, 5)))
@input_schema("blob", StandardPythonParameterType(b"abc"))
@input_schema("mixed", StandardPythonParameterType([1, "a"]))
@input_schema("count", StandardPythonParameterType(1), convert_to_provided_type=False)
@input_schema("rows", NumpyParameterType(np.array([1]), enforce_shape=False, enforce_column_type=False), optional=True)
def run(moment, blob="YWJj", mixed=(), count=1, rows=None):
    return [moment.isoformat(), blob.decode(), mixed, count, None if rows is None else str(rows.dtype)]
"""

_PATHS_OF_PREFIX = {
    "title": get("version=3", path="/swagger.json"),
    "title of 2": get(path="/swagger.json"),
}

SCRIPTS = (
    Script(
        "numpy",
        _NUMPY,
        requests={
            "an array": post_json({"data": [[1, 2], [3, 4]]}),
            "a default": post_json({"data": [[1, 2]], "scale": 3}),
            "more than is asked for": post_json({"data": [[1, 2]], "more": 1}),
            "an empty array": post_json({"data": []}),
            "another length": post_json({"data": [[1, 2, 3]]}),
            "other dimensions": post_json({"data": [1, 2]}),
            "ragged rows": post_json({"data": [[1, 2], [3]]}),
            "text": post_json({"data": [["a", "b"]]}),
            "numbers in text": post_json({"data": [["1", "2.5"]]}),
            "null": post_json({"data": None}),
            "null inside": post_json({"data": [[None, 1]]}),
            "an object": post_json({"data": {"a": 1}}),
            "NaN": post(b'{"data": [[NaN, Infinity]]}', JSON_TYPE),
            "a wrong second parameter": post_json({"data": [[1, 2]], "scale": "x"}),
            "a query": get("data=[[1,2]]&scale=3"),
            "a query without the parameter": get("scale=3"),
            "a query of text": get("data=abc"),
            "nothing": post_json({}),
            "no body": post(b"", JSON_TYPE),
            "a body that is no JSON": post(b'{"data": ', JSON_TYPE),
            "a comma too much": post(b'{"data": [[1, 2]],}', JSON_TYPE),
            "two documents": post(b"{} {}", JSON_TYPE),
            "an array of JSON": post_json([[1, 2]]),
            "null as the body": post(b"null", JSON_TYPE),
            "text as the body": post(b'"text"', JSON_TYPE),
            "the same name twice": post(b'{"data": 1, "data": [[1, 2]]}', JSON_TYPE),
            "a byte order mark": post(b'\xef\xbb\xbf{"data": [[1, 2]]}', JSON_TYPE),
            "UTF-16": post('{"data": [[1, 2]]}'.encode("utf-16"), JSON_TYPE),
            "no UTF-8": post(b'{"data": "\xff"}', JSON_TYPE),
            "deep nesting": post(b'{"data": ' + b"[" * 100_000, JSON_TYPE),
            "no type": post(b'{"data": [[1, 2]]}'),
            "a type of text": post(b'{"data": [[1, 2]]}', "Content-Type: text/plain"),
            "a type with a parameter": post(b'{"data": [[1, 2]]}', "Content-Type: application/json; charset=utf-8"),
            "a type of JSON's family": post(b'{"data": [[1, 2]]}', "Content-Type: application/vnd.x+json"),
            "a type in capitals": post(b'{"data": [[1, 2]]}', "Content-Type: APPLICATION/JSON"),
            "OPTIONS": request_bytes("OPTIONS", "/score"),
            "HEAD": request_bytes("HEAD", "/score"),
            **_SWAGGERS,
        },
    ),
    Script(
        "pandas",
        _PANDAS,
        requests={
            "a frame": post_json({"data": [{"age": 1, "income": 2, "city": "Leiden"}]}),
            "columns in another order": post_json({"data": [{"city": "x", "age": 1, "income": 2.5}]}),
            "a missing column": post_json({"data": [{"age": 1}]}),
            "a column too many": post_json({"data": [{"age": 1, "income": 2, "city": "x", "d": 1}]}),
            "text for a number": post_json({"data": [{"age": "x", "income": 2, "city": "x"}]}),
            "text": post_json({"data": "x"}),
            "null": post_json({"data": [{"age": None, "income": None, "city": None}]}),
            **_SWAGGERS,
        },
    ),
    Script(
        "nested",
        _NESTED,
        requests={
            "both": post_json({"Inputs": {"rows": [[1, 2]], "note": "x"}, "GlobalParameters": {"top": 5}}),
            "one": post_json({"Inputs": {"rows": [[1, 2], [3, 4]]}}),
            "a wrong member": post_json({"Inputs": {"rows": [[1, 2, 3]]}}),
            "an array": post_json({"Inputs": [[1, 2]]}),
            "an empty optional": post_json({"Inputs": {"rows": [[1, 2]]}, "GlobalParameters": {}}),
            "a wrong optional": post_json({"Inputs": {"rows": [[1, 2]]}, "GlobalParameters": [1]}),
            "without the member": post_json({"Inputs": {}}),
            **_SWAGGERS,
        },
    ),
    Script(
        "standard",
        _STANDARD,
        requests={
            "all": post_json({"moment": "2021-02-03T04:05:06", "blob": "eHl6", "mixed": [1, "b", None], "rows": [1.5]}),
            "defaults": post_json({"moment": "2021-02-03"}),
            "no time": post_json({"moment": "yesterday"}),
            "a number for a time": post_json({"moment": 5}),
            "no base64": post_json({"moment": "2021-02-03", "blob": "Y"}),
            "a count of another type": post_json({"moment": "2021-02-03", "count": "many"}),
            "empty rows": post_json({"moment": "2021-02-03", "rows": []}),
            **_SWAGGERS,
        },
    ),
)
