from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from naiad.cli import output as output_module
from naiad.cli.output import Format, check_query, search, write_document
from naiad.errors import InvalidArgumentError, UsageError

MODELS: Any = [
    {"id": "bert:1", "size": 12, "gpu": None, "tags": {"a": "b"}, "ready": True},
    {"id": "a:10", "size": 7, "gpu": None, "tags": {}, "ready": False},
]


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Any:
    def write(document: Any, *, output: Format, query: str | None = None) -> str:
        write_document(document, output=output, query=query)
        return capsys.readouterr().out

    return write


def test_json_keeps_order_and_letters(written: Any) -> None:
    assert written({"b": "é", "a": [1]}, output=Format.JSON) == '{\n  "b": "é",\n  "a": [\n    1\n  ]\n}\n'


def test_yaml_keeps_order_and_letters(written: Any) -> None:
    assert written({"b": "é", "a": None}, output=Format.YAML) == "b: é\na: null\n"
    assert written("text", output=Format.YAML) == "text\n"


def test_tsv_is_one_line_a_row(written: Any) -> None:
    assert written(MODELS, output=Format.TSV) == 'bert:1\t12\t\t{"a": "b"}\ttrue\na:10\t7\t\t{}\tfalse\n'
    assert written("bert:1", output=Format.TSV) == "bert:1\n"
    assert written(["a", "b"], output=Format.TSV) == "a\nb\n"
    assert written("tab\tand\nline", output=Format.TSV) == "tab\\tand\\nline\n"
    assert written([], output=Format.TSV) == ""


def test_a_table_has_the_plain_columns_that_are_not_empty(written: Any) -> None:
    assert written(MODELS, output=Format.TABLE).splitlines() == [
        "Id      Size  Ready",
        "------  ----  -----",
        "bert:1  12    true",
        "a:10    7     false",
    ]


def test_tables_of_other_things(written: Any) -> None:
    assert written([], output=Format.TABLE) == ""
    assert written(["a", "b"], output=Format.TABLE) == "a\nb\n"
    assert written([[1, "x"], [2, "y"]], output=Format.TABLE) == "1  x\n2  y\n"
    assert written({"key": "value"}, output=Format.TABLE) == "Key\n-----\nvalue\n"


def test_a_table_cannot_move_the_cursor(written: Any) -> None:
    assert written([{"a": "\x1b[31mred\x07"}], output=Format.TABLE).splitlines()[2] == "\\x1b[31mred\\x07"


def test_none_is_nothing(written: Any) -> None:
    assert written(MODELS, output=Format.NONE) == ""


def test_a_query_selects(written: Any) -> None:
    assert written(MODELS, output=Format.TSV, query="[?ready].id") == "bert:1\n"
    assert written(MODELS, output=Format.JSON, query="[0].nothing") == "null\n"


def test_queries_that_cannot_be_used() -> None:
    check_query("[].id")
    with pytest.raises(UsageError, match="is no JMESPath expression: ") as caught:
        check_query("[")
    assert "\n" not in caught.value.message
    with pytest.raises(InvalidArgumentError, match=r"sum\(\) takes array-number, not dict"):
        search("sum(@)", MODELS)
    with pytest.raises(InvalidArgumentError, match="does not fit the output"):
        search("no_such_function(@)", MODELS)


def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch, written: Any) -> None:
    assert "\x1b[" not in written({"a": 1}, output=Format.JSON)
    assert "\x1b[" in written({"a": 1}, output=Format.JSONC)
    monkeypatch.setattr(output_module, "has_colour", lambda stream: stream is sys.stdout)
    assert "\x1b[" in written({"a": 1}, output=Format.JSON)
    assert "\x1b[" not in written({"a": 1}, output=Format.YAML)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DOCUMENTS = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@given(DOCUMENTS)
def test_json_and_yaml_come_back(document: Any) -> None:
    assert json.loads(output_module._RENDERERS[Format.JSON](document)) == document
    assert yaml.safe_load(output_module._RENDERERS[Format.YAML](document)) == document


@given(DOCUMENTS)
def test_every_document_has_every_form(document: Any) -> None:
    for output in (Format.TABLE, Format.TSV):
        text = output_module._RENDERERS[output](document)
        rows = len(document) if isinstance(document, list) else 1
        if output is Format.TSV and rows:
            assert len(text.split("\n")) == rows
