"""OpenAPI documents, and the user's own instead of them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from naiad.scoring.errors import EntryScriptError
from naiad.scoring.openapi_document import ServiceInfo
from tests.support.entry_script import LoadScript, json_of, message

ECHO = "def run(data):\n    return data"
MIXED = """
from inference_schema.schema_decorators import input_schema, output_schema
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType as Type
@input_schema("mixed", Type([1, "a"]))
@input_schema("plain", Type(1))
@output_schema(Type({"answer": 0.5}))
def run(plain, mixed, more=None):
    return {"answer": 0.5}
"""
PATHS = {"": ["/", "/score", "/swagger.json"], "/a/b/": ["/a/b/", "/a/b/score", "/a/b/swagger.json"], "/": None}


@pytest.mark.parametrize(
    ("version", "key", "value"),
    [
        ("2", "swagger", "2.0"),
        ("2.0", "swagger", "2.0"),
        ("3", "openapi", "3.0.3"),
        ("3.0", "openapi", "3.0.3"),
        ("3.1", "openapi", "3.1.0"),
    ],
)
def test_every_version_has_its_document(ready: LoadScript, version: str, key: str, value: str) -> None:
    document = json_of(ready(ECHO).swagger(version))
    assert document[key] == value
    assert document["info"]["title"] == "ML service"
    assert document["info"]["version"] == "1.0"
    schemas = document["definitions"] if version.startswith("2") else document["components"]["schemas"]
    assert schemas["ServiceInput"] == schemas["ServiceOutput"] == {"type": "object", "example": {}}
    assert document["paths"]["/score"]["post"]["operationId"] == "RunMLService"


@pytest.mark.parametrize(("prefix", "paths"), PATHS.items())
def test_the_service_is_named(ready: LoadScript, prefix: str, paths: list[str] | None) -> None:
    service = ServiceInfo(name='the "best"', version="7", path_prefix=prefix)
    document = json_of(ready(ECHO, service=service).swagger("3"))
    assert (document["info"]["title"], document["info"]["version"]) == ('the "best"', "7")
    assert list(document["paths"]) == (paths or PATHS[""])


def test_every_reference_leads_somewhere(ready: LoadScript) -> None:
    script = ready(ECHO)
    for version in ("2", "3", "3.1"):
        document = json_of(script.swagger(version))
        references = list(_references(document))
        assert len(references) == 5
        for reference in references:
            place = document
            for step in reference.removeprefix("#/").split("/"):
                place = place[step]


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for item in value for found in _references(item)]
    if not isinstance(value, dict):
        return []
    return [value["$ref"]] if "$ref" in value else _references(list(value.values()))


def test_the_decorators_are_described(ready: LoadScript) -> None:
    schemas = json_of(ready(MIXED).swagger("3"))["components"]["schemas"]
    assert schemas["ServiceInput"] == {
        "type": "object",
        "properties": {
            "plain": {"type": "integer", "format": "int64"},
            "mixed": {"type": "array", "items": {"type": "string"}},
            "more": {},
        },
        "example": {"plain": 1, "mixed": [1, "a"], "more": ""},
    }
    assert schemas["ServiceOutput"] == {
        "type": "object",
        "required": ["answer"],
        "properties": {"answer": {"type": "number", "format": "double"}},
        "example": {"answer": 0.5},
    }


def test_version_2_cannot_describe_arrays_of_mixed_types(load: LoadScript, caplog: pytest.LogCaptureFixture) -> None:
    script = load(MIXED)
    with caplog.at_level(logging.INFO, logger="azmlinfsrv"):
        script.init()
    assert caplog.messages[-1] == "Swaggers are prepared for versions [3, 3.1] and skipped for versions [2]."
    for version in ("2", "2.0"):
        response = script.swagger(version)
        assert response.status == 404
        assert message(response) == (
            f"Swagger version [{version}] is not supported for the scoring script. "
            "Supported swagger versions: [3, 3.1]."
        )


@pytest.mark.parametrize("version", ["", "1", "4", "2.1", "two"])
def test_other_versions_are_refused(ready: LoadScript, version: str) -> None:
    response = ready(ECHO).swagger(version)
    assert response.status == 404
    assert message(response) == f"Swagger version [{version}] is not valid. Supported versions: [2, 3, 3.1]."


def test_the_users_files_win(ready: LoadScript, tmp_path: Path) -> None:
    for name in ("swagger.json", "swagger2.json", "swagger3.1.json"):
        (tmp_path / name).write_text(json.dumps({"mine": name}))
    script = ready(ECHO)
    assert json_of(script.swagger("2")) == {"mine": "swagger.json"}
    assert json_of(script.swagger("3"))["openapi"] == "3.0.3"
    assert json_of(script.swagger("3.1")) == {"mine": "swagger3.1.json"}
    (tmp_path / "swagger.json").unlink()
    assert json_of(ready(ECHO).swagger("2")) == {"mine": "swagger2.json"}


def test_a_file_that_init_writes_is_read(ready: LoadScript, tmp_path: Path) -> None:
    path = str(tmp_path / "swagger3.json")
    init = f"from pathlib import Path\ndef init():\n    Path({path!r}).write_text('{{\"mine\": 3}}')\n"
    assert json_of(ready(init + ECHO).swagger("3.0")) == {"mine": 3}


def test_a_file_that_is_not_json_is_named(ready: LoadScript, tmp_path: Path) -> None:
    (tmp_path / "swagger3.json").write_text("{")
    with pytest.raises(EntryScriptError, match=r"The swagger file .*swagger3\.json cannot be read as JSON"):
        ready(ECHO)
