"""Maps of values in protobuf: load parameters, trace and log settings."""

from __future__ import annotations

from typing import Any

import pytest

from naiad.errors import InvalidArgumentError, NaiadError, UnsupportedError
from naiad.messages import service_pb2
from naiad.protocol.grpc_settings import log_changes, read_load, read_trace, read_unload, write_log, write_trace
from naiad.protocol.repository import LoadParameters

NO_TEXT = "invalid value type for load parameter 'config', expected string_param."


def load(**parameters: Any) -> Any:
    made = service_pb2.RepositoryModelLoadRequest()
    for name, value in parameters.items():
        made.parameters[name].MergeFrom(service_pb2.ModelRepositoryParameter(**value))
    return made


class TestLoad:
    def test_parameters(self) -> None:
        assert read_load(load()) == LoadParameters()
        request = load(**{"config": {"string_param": "{}"}, "file:1/model.onnx": {"bytes_param": b"\xff"}})
        assert read_load(request) == LoadParameters("{}", {"1/model.onnx": b"\xff"})

    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [
            (
                "config",
                {"bytes_param": b"{}"},
                NO_TEXT,
            ),
            ("config", {}, NO_TEXT),
            ("file:x", {"string_param": ""}, "invalid value type for load parameter 'file:x', expected bytes_param."),
            ("other", {"string_param": ""}, "unrecognized load parameter 'other'."),
        ],
    )
    def test_what_is_refused(self, name: str, value: dict[str, Any], sentence: str) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            read_load(load(**{name: value}))
        assert caught.value.message == sentence


def test_unload() -> None:
    request = service_pb2.RepositoryModelUnloadRequest()
    assert read_unload(request) is False
    request.parameters["other"].int64_param = 1
    request.parameters["unload_dependents"].bool_param = True
    assert read_unload(request) is True
    request.parameters["unload_dependents"].int64_param = 1
    with pytest.raises(InvalidArgumentError) as caught:
        read_unload(request)
    assert caught.value.message == "invalid value type for 'unload_dependents' parameter, expected bool_param."


def trace(**settings: list[str]) -> Any:
    made = service_pb2.TraceSettingRequest()
    for name, values in settings.items():
        made.settings[name].value.extend(values)
    return made


class TestTrace:
    def test_what_is_wanted(self) -> None:
        assert read_trace(trace()) == {}
        assert read_trace(trace(trace_rate=["5"], trace_level=["TENSORS", "TIMESTAMPS"], zz=["1", "2"])) == {
            "rate": 5,
            "levels": frozenset({"TENSORS", "TIMESTAMPS"}),
        }
        assert read_trace(trace(trace_count=[], trace_level=[])) == {"count": None, "levels": None}

    @pytest.mark.parametrize(
        ("settings", "kind", "sentence"),
        [
            ({"trace_rate": ["1", "2"]}, InvalidArgumentError, "expect only 1 value for 'trace_rate'"),
            (
                {"trace_count": ["-2"]},
                InvalidArgumentError,
                "Unable to parse 'trace_count'. Expecting value >= -1, got: -2",
            ),
            ({"log_frequency": ["x"]}, InvalidArgumentError, "Unable to parse 'log_frequency', got: x"),
            (
                {"trace_level": ["OFF", "TENSORS"]},
                InvalidArgumentError,
                "Expect only one trace level 'OFF' is specified",
            ),
            (
                {"trace_file": []},
                UnsupportedError,
                "trace file location can not be updated through network protocol",
            ),
        ],
    )
    def test_what_is_refused(self, settings: dict[str, list[str]], kind: type[NaiadError], sentence: str) -> None:
        with pytest.raises(kind) as caught:
            read_trace(trace(**settings))
        assert caught.value.message == sentence

    def test_what_is_told(self) -> None:
        told = write_trace({"trace_level": ["OFF"], "trace_rate": "5", "trace_file": ""})
        assert {name: list(setting.value) for name, setting in told.settings.items()} == {
            "trace_level": ["OFF"],
            "trace_rate": ["5"],
            "trace_file": [""],
        }


def log(**settings: dict[str, Any]) -> Any:
    made = service_pb2.LogSettingsRequest()
    for name, value in settings.items():
        made.settings[name].MergeFrom(service_pb2.LogSettingsRequest.SettingValue(**value))
    return made


class TestLog:
    def test_what_is_wanted(self) -> None:
        assert log_changes(log(zz={"bool_param": True})) == {}
        request = log(
            log_info={"bool_param": False}, log_verbose_level={"uint32_param": 2}, log_format={"string_param": "x"}
        )
        assert log_changes(request) == {"log_info": False, "log_verbose_level": 2, "log_format": "x"}

    @pytest.mark.parametrize(
        ("settings", "sentence"),
        [
            ({"log_info": {"uint32_param": 1}}, "expect boolean for 'log_info'"),
            ({"log_error": {}}, "expect boolean for 'log_error'"),
            ({"log_verbose_level": {"string_param": "1"}}, "expect int32 for 'log_verbose_level'"),
            ({"log_format": {"uint32_param": 1}}, "expect string for 'log_format'"),
            ({"log_file": {"bool_param": True}}, "log file location can not be updated through network protocol"),
        ],
    )
    def test_what_is_refused(self, settings: dict[str, dict[str, Any]], sentence: str) -> None:
        with pytest.raises((InvalidArgumentError, UnsupportedError)) as caught:
            log_changes(log(**settings))
        assert caught.value.message == sentence

    def test_what_is_told(self) -> None:
        told = write_log({"log_file": "", "log_info": True, "log_verbose_level": 1, "log_format": "default"}).settings
        assert told["log_file"].WhichOneof("parameter_choice") == "string_param"
        assert (told["log_info"].bool_param, told["log_verbose_level"].uint32_param) == (True, 1)
        assert told["log_format"].string_param == "default"
