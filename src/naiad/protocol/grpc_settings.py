"""Messages of the extensions that are maps of values of several kinds: load parameters, trace and log settings
(triton.md §2.2, §2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from naiad.errors import InvalidArgumentError, UnsupportedError
from naiad.messages import service_pb2
from naiad.protocol.repository import FILE, LoadParameters
from naiad.protocol.trace import Changes, read_trace_changes

_LOG_KINDS: Final = {
    # setting: the field that has it, and what Triton calls its kind
    "log_info": ("bool_param", "boolean"),
    "log_warning": ("bool_param", "boolean"),
    "log_error": ("bool_param", "boolean"),
    "log_verbose_level": ("uint32_param", "int32"),
    "log_format": ("string_param", "string"),
}
_COUNT_GAP: Final = " "


def read_load(request: Any) -> LoadParameters:
    """What a `RepositoryModelLoadRequest` brings along.

    Raises:
        InvalidArgumentError: a parameter is not known, or of another kind.
    """
    config = None
    files: dict[str, bytes] = {}
    for key, parameter in request.parameters.items():
        expected = "bytes_param" if key.startswith(FILE) else "string_param"
        if key != "config" and not key.startswith(FILE):
            raise InvalidArgumentError(f"unrecognized load parameter '{key}'.")
        if parameter.WhichOneof("parameter_choice") != expected:
            raise InvalidArgumentError(f"invalid value type for load parameter '{key}', expected {expected}.")
        if key == "config":
            config = parameter.string_param
        else:
            files[key[len(FILE) :]] = parameter.bytes_param
    return LoadParameters(config, files)


def read_unload(request: Any) -> bool:
    """Whether a `RepositoryModelUnloadRequest` wants the models of an ensemble unloaded with it.

    Raises:
        InvalidArgumentError: the parameter is of another kind.
    """
    parameter = request.parameters.get("unload_dependents")
    if parameter is None:
        return False
    if parameter.WhichOneof("parameter_choice") != "bool_param":
        raise InvalidArgumentError("invalid value type for 'unload_dependents' parameter, expected bool_param.")
    return bool(parameter.bool_param)


def read_trace(request: Any) -> Changes:
    """What a `TraceSettingRequest` wants changed; a setting without a value is not to be given any more.

    Raises:
        InvalidArgumentError, UnsupportedError: as `read_trace_changes`.
    """
    values = {key: list(setting.value) or None for key, setting in request.settings.items()}
    return read_trace_changes(values, count_gap=_COUNT_GAP)


def write_trace(document: Mapping[str, Any]) -> Any:
    """A `TraceSettingResponse`.

    Args:
        document: texts, or lists of them, by name.
    """
    response = service_pb2.TraceSettingResponse()
    for key, value in document.items():
        response.settings[key].value.extend(value if isinstance(value, list) else [value])
    return response


def log_changes(request: Any) -> dict[str, Any]:
    """The values that a `LogSettingsRequest` gives, by name; what it does not know it passes over.

    Raises:
        UnsupportedError: it wants another file.
        InvalidArgumentError: a value is of the wrong kind.
    """
    if "log_file" in request.settings:
        raise UnsupportedError("log file location can not be updated through network protocol")
    changes = {}
    for key, (field, kind) in _LOG_KINDS.items():
        if key in request.settings:
            value = request.settings[key]
            if value.WhichOneof("parameter_choice") != field:
                raise InvalidArgumentError(f"expect {kind} for '{key}'")
            changes[key] = getattr(value, field)
    return changes


def write_log(document: Mapping[str, Any]) -> Any:
    """A `LogSettingsResponse`.

    Args:
        document: values by name.
    """
    response = service_pb2.LogSettingsResponse()
    for key, value in document.items():
        field, _ = _LOG_KINDS.get(key, ("string_param", ""))
        setattr(response.settings[key], field, value)
    return response
