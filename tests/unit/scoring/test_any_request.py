"""Whatever a client sends, a script that does nothing wrong is never blamed, and nothing is raised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from naiad.scoring.entry_script import EntryScript
from naiad.scoring.score_request import ScoreRequest

_IMPORTS = """
import numpy as np
from azureml.contrib.services.aml_request import rawhttp
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType as Numpy
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType as Standard
from inference_schema.schema_decorators import input_schema

def init():
    pass
"""
SCRIPTS: Final = {
    "undecorated": "def run(data, request_headers):\n    return [data, request_headers]",
    "schema": (
        "@input_schema('a', Numpy(np.array([[1.0]])))\n"
        "@input_schema('b', Standard({'n': Numpy(np.array([1])), 'k': 'x'}))\n"
        "@input_schema('c', Standard(b'abc'), optional=True)\n"
        "def run(a=[[1]], b={}, c=None):\n    return [a.tolist(), b.get('k'), c and len(c)]"
    ),
    "raw": (
        "@rawhttp\ndef run(request):\n"
        "    return [request.full_path, request.args, len(request.get_data()), dict(request.headers)]"
    ),
}
STATUSES: Final = {"undecorated": {200, 400, 405}, "schema": {200, 400, 405, 415}, "raw": {200, 405}}

JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcnk"), inner, max_size=3),
    max_leaves=12,
)
BODIES: Final = st.binary(max_size=30) | st.dictionaries(st.sampled_from("abc"), JSON).map(
    lambda value: json.dumps(value).encode()
)
TEXT_BODIES: Final = st.text(st.sampled_from('{}[]":,abcn01.-e \\u'), max_size=30).map(str.encode)
NAMES: Final = st.sampled_from(["Content-Type", "content-length", "X-A", "x_a", "Cookie", "Host", "Transfer-Encoding"])
VALUES: Final = st.sampled_from(["application/json", "multipart/form-data; boundary=x", "5", "-1", ""]) | st.text(
    st.characters(min_codepoint=32, max_codepoint=255), max_size=8
)
REQUESTS: Final = st.builds(
    ScoreRequest,
    st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", "PUT"]),
    st.sampled_from(["/score", "/sc%6Fre", "/%ff", "/%"]),
    st.binary(max_size=20) | st.sampled_from([b"a=[[1]]&b={}", b"a=x", b"a=[[1", b"c=YWJj&a=[[2]]"]),
    st.lists(st.tuples(NAMES, VALUES), max_size=4),
    BODIES | TEXT_BODIES,
)


@pytest.fixture(scope="module", params=sorted(SCRIPTS))
def script(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, EntryScript]:
    """A script of each kind."""
    path: Path = tmp_path_factory.mktemp("script") / "score.py"
    path.write_text(f"{_IMPORTS}\n{SCRIPTS[request.param]}\n")
    loaded = EntryScript.load(path, app_root=path.parent)
    loaded.init()
    return request.param, loaded


@given(request=REQUESTS)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_request_has_an_answer(script: tuple[str, EntryScript], request: ScoreRequest) -> None:
    kind, loaded = script
    response = loaded.score(request)
    assert response.status in STATUSES[kind], (request, response)
    assert isinstance(response.body, bytes)
    assert not response.run_function_failed
