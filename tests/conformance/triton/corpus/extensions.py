"""The trace and logging extensions: settings asked and changed."""

from __future__ import annotations

from typing import Any

from tests.conformance.triton.case import Corpus, get, post
from tests.support.http_client import json_body

_corpus = Corpus("extensions")

_TRACE = "/v2/trace/setting"
_OF_TABLE = "/v2/models/table/trace/setting"
_LOG = "/v2/logging"
_LOG_AS_IT_WAS = post(
    _LOG,
    json_body(
        {"log_info": True, "log_warning": True, "log_error": True, "log_verbose_level": 0, "log_format": "default"}
    ),
)

_corpus.add("trace", get(_TRACE), get(_OF_TABLE))
_corpus.add(
    "trace of an unknown model", get("/v2/models/nope/trace/setting"), post("/v2/models/nope/trace/setting", "{}")
)
_corpus.add("trace of a version", get("/v2/models/table/versions/1/trace/setting"))

_TRACE_CHANGES: dict[str, Any] = {
    "nothing": {},
    "rate": {"trace_rate": "5"},
    "count": {"trace_count": "7"},
    "frequency": {"log_frequency": "3"},
    "several": {"trace_rate": "5", "trace_count": "7", "log_frequency": "3"},
    "level off": {"trace_level": ["OFF"]},
    "two levels off": {"trace_level": ["OFF", "TIMESTAMPS"]},
    "level text": {"trace_level": "OFF"},
    "unknown level": {"trace_level": ["ZZZ"]},
    "no level": {"trace_level": []},
    "level a number": {"trace_level": [1]},
    "file": {"trace_file": "zzz"},
    "mode": {"trace_mode": "opentelemetry"},
    "an unknown setting": {"zzz": "1"},
    "rate a number": {"trace_rate": 5},
    "rate in words": {"trace_rate": "x"},
    "rate empty": {"trace_rate": ""},
    "rate negative": {"trace_rate": "-1"},
    "rate 0": {"trace_rate": "0"},
    "rate too large": {"trace_rate": "99999999999"},
    "rate null": {"trace_rate": None},
    "count in words": {"trace_count": "x"},
    "count -1": {"trace_count": "-1"},
    "count -2": {"trace_count": "-2"},
    "count too large": {"trace_count": "99999999999"},
    "count null": {"trace_count": None},
    "frequency in words": {"log_frequency": "x"},
    "frequency negative": {"log_frequency": "-1"},
    "frequency null": {"log_frequency": None},
    "level null": {"trace_level": None},
}
_CLEAR = json_body({"trace_level": None, "trace_rate": None, "trace_count": None, "log_frequency": None})
_OF_A_MODEL = ("nothing", "rate", "count", "frequency", "several", "level off", "file", "rate in words", "rate null")
for _name, _change in _TRACE_CHANGES.items():
    _corpus.add(f"trace: {_name}", post(_TRACE, json_body(_change)), get(_TRACE), post(_TRACE, _CLEAR), get(_TRACE))
    if _name in _OF_A_MODEL:
        _corpus.add(
            f"trace of a model: {_name}", post(_OF_TABLE, json_body(_change)), get(_OF_TABLE), post(_OF_TABLE, _CLEAR)
        )
_corpus.add(
    "trace: the server's does not change a model's own",
    post(_OF_TABLE, '{"trace_rate":"9"}'),
    post(_TRACE, '{"trace_rate":"4","trace_count":"6"}'),
    get(_OF_TABLE),
    get("/v2/models/tiny/trace/setting"),
    post(_OF_TABLE, _CLEAR),
    get(_OF_TABLE),
    post(_TRACE, _CLEAR),
    get(_OF_TABLE),
)

_corpus.add("logging", get(_LOG))
_LOG_CHANGES: dict[str, Any] = {
    "nothing": {},
    "verbose": {"log_verbose_level": 1},
    "format": {"log_format": "ISO8601"},
    "no information": {"log_info": False},
    "no warnings": {"log_warning": False},
    "no errors": {"log_error": False},
    "several": {"log_info": False, "log_verbose_level": 2, "log_format": "ISO8601"},
    "an unknown setting": {"zzz": 0},
    "file": {"log_file": "zzz"},
    "information a number": {"log_info": 1},
    "information text": {"log_info": "true"},
    "information null": {"log_info": None},
    "verbose text": {"log_verbose_level": "1"},
    "verbose negative": {"log_verbose_level": -1},
    "verbose a float": {"log_verbose_level": 1.5},
    "verbose a boolean": {"log_verbose_level": True},
    "unknown format": {"log_format": "zzz"},
    "format in other letters": {"log_format": "iso8601"},
    "format a number": {"log_format": 1},
    "good before bad": {"log_verbose_level": 1, "log_format": "zzz"},
}
for _name, _change in _LOG_CHANGES.items():
    _corpus.add(f"logging: {_name}", post(_LOG, json_body(_change)), get(_LOG), _LOG_AS_IT_WAS)
for _path in (_TRACE, _OF_TABLE, _LOG):
    for _name, _text in {"nothing": "", "cut short": "{", "an array": "[]", "text": '"a"', "null": "null"}.items():
        _corpus.add(f"{_path} body {_name}", post(_path, _text), get(_path))

CASES = _corpus.cases
