"""The trace and logging extensions over gRPC."""

from __future__ import annotations

from typing import Any

from tritonclient.grpc import service_pb2

from tests.conformance.triton.case import Corpus
from tests.conformance.triton.rpc import Rpc
from tests.conformance.triton.rpc_messages import call

_corpus = Corpus("grpc settings")


def _trace(settings: dict[str, list[str]], model: str = "") -> Rpc:
    values = {name: service_pb2.TraceSettingRequest.SettingValue(value=value) for name, value in settings.items()}
    return call("TraceSetting", settings=values, model_name=model)


def _log(settings: dict[str, dict[str, Any]]) -> Rpc:
    values = {name: service_pb2.LogSettingsRequest.SettingValue(**value) for name, value in settings.items()}
    return call("LogSettings", settings=values)


_SHOWN, _SHOWN_OF_TABLE = _trace({}), _trace({}, "table")
_CLEARED: dict[str, list[str]] = {"trace_level": [], "trace_rate": [], "trace_count": [], "log_frequency": []}
_corpus.add("trace", _SHOWN, _SHOWN_OF_TABLE)
_corpus.add("trace of an unknown model", _trace({}, "nope"), _trace({"trace_rate": ["5"]}, "nope"))

_TRACE_CHANGES: dict[str, dict[str, list[str]]] = {
    "rate": {"trace_rate": ["5"]},
    "count": {"trace_count": ["7"]},
    "frequency": {"log_frequency": ["3"]},
    "several": {"trace_rate": ["5"], "trace_count": ["7"], "log_frequency": ["3"]},
    "level off": {"trace_level": ["OFF"]},
    "two levels off": {"trace_level": ["OFF", "TIMESTAMPS"]},
    "unknown level": {"trace_level": ["ZZZ"]},
    "file": {"trace_file": ["zzz"]},
    "no file": {"trace_file": []},
    "mode": {"trace_mode": ["opentelemetry"]},
    "an unknown setting": {"zzz": ["1"]},
    "rate in words": {"trace_rate": ["x"]},
    "rate empty": {"trace_rate": [""]},
    "rate negative": {"trace_rate": ["-1"]},
    "rate 0": {"trace_rate": ["0"]},
    "rate too large": {"trace_rate": ["99999999999"]},
    "rate twice": {"trace_rate": ["1", "2"]},
    "count in words": {"trace_count": ["x"]},
    "count -1": {"trace_count": ["-1"]},
    "count -2": {"trace_count": ["-2"]},
    "count too large": {"trace_count": ["99999999999"]},
    "count twice": {"trace_count": ["1", "2"]},
    "frequency in words": {"log_frequency": ["x"]},
    "frequency negative": {"log_frequency": ["-1"]},
    "frequency too large": {"log_frequency": ["99999999999"]},
    "frequency twice": {"log_frequency": ["1", "2"]},
    "all cleared": _CLEARED,
}
_OF_A_MODEL = ("rate", "several", "level off", "file", "rate in words", "all cleared")
for _name, _change in _TRACE_CHANGES.items():
    _corpus.add(f"trace: {_name}", _trace(_change), _SHOWN, _trace(_CLEARED), _SHOWN)
    if _name in _OF_A_MODEL:
        _corpus.add(
            f"trace of a model: {_name}",
            _trace(_change, "table"),
            _SHOWN_OF_TABLE,
            _trace(_CLEARED, "table"),
            _SHOWN_OF_TABLE,
        )

_AS_IT_WAS = _log(
    {
        "log_info": {"bool_param": True},
        "log_warning": {"bool_param": True},
        "log_error": {"bool_param": True},
        "log_verbose_level": {"uint32_param": 0},
        "log_format": {"string_param": "default"},
    }
)
_corpus.add("logging", _log({}))
_LOG_CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "verbose": {"log_verbose_level": {"uint32_param": 1}},
    "format": {"log_format": {"string_param": "ISO8601"}},
    "no information": {"log_info": {"bool_param": False}},
    "no warnings": {"log_warning": {"bool_param": False}},
    "no errors": {"log_error": {"bool_param": False}},
    "an unknown setting": {"zzz": {"uint32_param": 0}},
    "file": {"log_file": {"string_param": "zzz"}},
    "file a number": {"log_file": {"uint32_param": 1}},
    "information a number": {"log_info": {"uint32_param": 1}},
    "information text": {"log_info": {"string_param": "true"}},
    "information nothing": {"log_info": {}},
    "warnings a number": {"log_warning": {"uint32_param": 1}},
    "errors a number": {"log_error": {"uint32_param": 1}},
    "verbose text": {"log_verbose_level": {"string_param": "1"}},
    "verbose a boolean": {"log_verbose_level": {"bool_param": True}},
    "unknown format": {"log_format": {"string_param": "zzz"}},
    "format in other letters": {"log_format": {"string_param": "iso8601"}},
    "format a number": {"log_format": {"uint32_param": 1}},
    "good beside bad": {"log_verbose_level": {"uint32_param": 1}, "log_format": {"string_param": "zzz"}},
}
for _name, _wanted in _LOG_CHANGES.items():
    _corpus.add(f"logging: {_name}", _log(_wanted), _log({}), _AS_IT_WAS)

CASES = _corpus.cases
