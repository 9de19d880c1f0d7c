"""Trace settings on the wire: what a request may want, and how settings are sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.config.trace_config import TraceSettings
from naiad.errors import InternalError, InvalidArgumentError, NaiadError, UnsupportedError
from naiad.protocol.trace import parse_trace_changes, trace_document

RATE_RANGE = "Unable to parse 'trace_rate', value is out of range [ 0, 4294967295 ], got: "
COUNT_RANGE = "Unable to parse 'trace_count', value is out of range [ -1, 2147483647 ], got: "
FREQUENCY_RANGE = "Unable to parse 'log_frequency', value is out of range [ 0, 4294967295 ], got: "
NO_FILE = "trace file location can not be updated through network protocol"
HUGE = "9" * 23


def changes(document: Any) -> dict[str, Any]:
    return parse_trace_changes(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, {}),
        ([], {}),
        ("a", {}),
        ({"zz": 1}, {}),
        ({"trace_level": ["OFF"]}, {"levels": frozenset()}),
        ({"trace_level": ["TENSORS", "TIMESTAMPS", "TENSORS"]}, {"levels": frozenset({"TENSORS", "TIMESTAMPS"})}),
        ({"trace_level": []}, {}),
        ({"trace_level": None}, {"levels": None}),
        ({"trace_rate": "0"}, {"rate": 0}),
        ({"trace_rate": " 5"}, {"rate": 5}),
        ({"trace_rate": None}, {"rate": None}),
        ({"trace_count": "-1"}, {"count": -1}),
        ({"trace_count": "2147483647"}, {"count": 2147483647}),
        ({"trace_count": None}, {"count": None}),
        ({"log_frequency": "4294967295"}, {"log_frequency": 4294967295}),
        ({"log_frequency": None}, {"log_frequency": None}),
        ({"trace_mode": "triton"}, {}),
        ({"trace_mode": None}, {}),
    ],
)
def test_what_is_wanted(document: Any, expected: dict[str, Any]) -> None:
    assert changes(document) == expected


@pytest.mark.parametrize(
    ("document", "kind", "sentence"),
    [
        ({"trace_file": "x"}, UnsupportedError, NO_FILE),
        ({"trace_file": None}, UnsupportedError, NO_FILE),
        ({"trace_level": "OFF"}, InternalError, "attempt to access JSON non-array as array"),
        ({"trace_level": [1]}, InternalError, "attempt to access JSON non-string as string"),
        (
            {"trace_level": ["OFF", "TIMESTAMPS"]},
            InvalidArgumentError,
            "Expect only one trace level 'OFF' is specified",
        ),
        ({"trace_level": ["timestamps"]}, InvalidArgumentError, "Unable to parse 'trace_level', got: timestamps"),
        ({"trace_rate": 5}, InternalError, "attempt to access JSON non-string as string"),
        ({"trace_rate": "x"}, InvalidArgumentError, "Unable to parse 'trace_rate', got: x"),
        ({"trace_rate": "5x"}, InvalidArgumentError, "Unable to parse 'trace_rate', got: 5x"),
        ({"trace_rate": ""}, InvalidArgumentError, "Unable to parse 'trace_rate', got: "),
        ({"trace_rate": "-1"}, InvalidArgumentError, f"{RATE_RANGE}-1"),
        ({"trace_rate": "4294967296"}, InvalidArgumentError, f"{RATE_RANGE}4294967296"),
        ({"trace_rate": HUGE}, InvalidArgumentError, RATE_RANGE + HUGE),
        (
            {"trace_count": "-2"},
            InvalidArgumentError,
            "Unable to parse 'trace_count'. Expecting value >= -1, got:-2",
        ),
        ({"trace_count": "2147483648"}, InvalidArgumentError, f"{COUNT_RANGE}2147483648"),
        ({"trace_count": "-" + HUGE}, InvalidArgumentError, f"{COUNT_RANGE}-{HUGE}"),
        ({"trace_count": 5}, InternalError, "attempt to access JSON non-string as string"),
        ({"log_frequency": "x"}, InvalidArgumentError, "Unable to parse 'log_frequency', got: x"),
        ({"log_frequency": HUGE}, InvalidArgumentError, FREQUENCY_RANGE + HUGE),
    ],
)
def test_what_is_refused(document: Any, kind: type[NaiadError], sentence: str) -> None:
    with pytest.raises(NaiadError) as caught:
        changes(document)
    assert (type(caught.value), caught.value.message) == (kind, sentence)


@pytest.mark.parametrize("mode", ["opentelemetry", "TRITON", 1])
def test_there_is_one_mode(mode: Any) -> None:
    with pytest.raises(UnsupportedError, match="does not export them to OpenTelemetry"):
        changes({"trace_mode": mode})


def test_what_is_no_json() -> None:
    with pytest.raises(InternalError, match=r"The document is empty\. at 0"):
        parse_trace_changes(b"")


@given(
    st.dictionaries(
        st.sampled_from(["trace_level", "trace_rate", "trace_count", "log_frequency", "trace_mode"]),
        st.one_of(st.none(), st.text(), st.integers(), st.lists(st.text()), st.integers().map(str)),
    )
)
def test_whatever_is_taken_is_sent_again_as_it_was(document: dict[str, Any]) -> None:
    try:
        wanted = changes(document)
    except NaiadError:
        return
    values = {key: value for key, value in wanted.items() if value is not None}
    sent = trace_document(TraceSettings(**values), "")
    again = changes({key: value for key, value in sent.items() if key != "trace_file"})
    assert {key: again[key] for key in values} == values


def test_settings_as_they_are_sent() -> None:
    assert trace_document(TraceSettings(), "") == {
        "trace_level": ["OFF"],
        "trace_rate": "1000",
        "trace_count": "-1",
        "log_frequency": "0",
        "trace_file": "",
        "trace_mode": "triton",
    }
    both = TraceSettings(frozenset({"TENSORS", "TIMESTAMPS"}), 1, 2, 3)
    document = trace_document(both, "t.json")
    assert document["trace_level"] == ["TIMESTAMPS", "TENSORS"]
    assert [document[key] for key in ("trace_rate", "trace_count", "log_frequency", "trace_file")] == [
        "1",
        "2",
        "3",
        "t.json",
    ]
