"""What a `ModelInferRequest` says: the same inputs and outputs as in JSON, out of protobuf (triton.md §2.2, §2.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from naiad import datatypes
from naiad.datatypes import DataType
from naiad.errors import InvalidArgumentError
from naiad.protocol.grpc_contents import contents_bytes
from naiad.protocol.grpc_infer_message import Buffer, GrpcInferMessage
from naiad.protocol.infer_request import InferHeader, InputTensor, RequestedOutput
from naiad.protocol.shared_memory import Span

_EMPTY_FINAL: Final = "triton_enable_empty_final_response"
_STOL: Final = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")
_MAX_VERSION: Final = (1 << 63) - 1
_INVALID: Final = DataType("<invalid>", "TYPE_INVALID", 0, datatypes.BY_NAME["UINT8"].dtype, "", 1)


def read_version(text: str) -> str:
    """A version as requests name it, without what C's `stol` passes over; "" for the latest (triton.md §2.3).

    Raises:
        InvalidArgumentError: it is no number of 63 bits.
    """
    if not text:
        return ""
    match = _STOL.match(text)
    number = int(match[1]) if match is not None and len(match[1]) < 100 else None
    if number is None or not -_MAX_VERSION - 1 <= number <= _MAX_VERSION:
        raise InvalidArgumentError(
            f"failed to get model version from specified version string '{text}' (details: stol), version should be an "
            "integral value > 0"
        )
    if number < 0:
        raise InvalidArgumentError(
            f"invalid model version specified '{text}' , version should be an integral value > 0"
        )
    return str(number)


def read_header(request: GrpcInferMessage) -> tuple[InferHeader, list[Buffer]]:
    """What a request wants, and the bytes of each input that is not in shared memory, in the order sent.

    Raises:
        InvalidArgumentError: something in it is not allowed, in Triton's words.
    """
    message = request.message
    header = InferHeader(id=message.id, binary_output=True)
    for key, value in message.parameters.items():
        _read_parameter(key, value, header)
    model_name = message.model_name
    names: set[str] = set()
    for tensor in message.inputs:
        if tensor.name in names:
            prefix = f"[request id: {header.id or '<id_unknown>'}] "
            raise InvalidArgumentError(f"{prefix}input '{tensor.name}' already exists in request")
        names.add(tensor.name)
    buffers: list[Buffer] = []
    position = 0
    for tensor in message.inputs:
        datatype = datatypes.BY_NAME.get(tensor.datatype, _INVALID)
        made = InputTensor(tensor.name, datatype, tuple(tensor.shape))
        header.inputs.append(made)
        made.span = _read_span(tensor)
        if made.span is not None:
            if tensor.HasField("contents"):
                raise InvalidArgumentError(
                    f"unexpected 'content' provided when using shared memory for input tensor '{tensor.name}' for "
                    f"model '{model_name}'"
                )
            continue
        if tensor.HasField("contents"):
            if request.raw:
                raise InvalidArgumentError(
                    f"contents field must not be specified when using raw_input_contents for '{tensor.name}' for model "
                    f"'{model_name}'"
                )
            buffer: Buffer = contents_bytes(tensor, datatype, model_name)
        elif position < len(request.raw):
            buffer = request.raw[position]
            position += 1
        else:
            raise InvalidArgumentError(
                f"unable to find data for input tensor '{tensor.name}' for model '{model_name}' in request."
            )
        made.binary_size = len(buffer)
        buffers.append(buffer)
    header.outputs = [_read_output(output) for output in message.outputs]
    return header, buffers


def _kind(parameter: Any) -> str | None:
    kind: str | None = parameter.WhichOneof("parameter_choice")
    return kind


def _read_parameter(key: str, parameter: Any, header: InferHeader) -> None:
    kind = _kind(parameter)
    if key == "priority":
        if kind not in ("int64_param", "uint64_param"):
            raise _wrong_kind(key, "int64_param or uint64_param")
        header.priority = getattr(parameter, kind)
        if header.priority < 0:
            raise InvalidArgumentError("invalid value for 'priority', expected value >= 0.")
        return
    if key == "timeout":
        if kind != "int64_param":
            raise _wrong_kind(key, "int64_param")
        header.timeout_us = parameter.int64_param
        return
    if key == "sequence_id":
        if kind not in ("int64_param", "string_param"):
            raise _wrong_kind(key, "int64_param or string_param")
    elif key in ("sequence_start", "sequence_end", _EMPTY_FINAL):
        if kind != "bool_param":
            raise _wrong_kind(key, "bool_param")
    elif key.startswith("triton_"):
        raise InvalidArgumentError(
            "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting "
            f"with 'triton_' are allowed: {_EMPTY_FINAL}"
        )
    elif kind is None or kind == "uint64_param":
        raise _wrong_kind(key, "int64_param, bool_param, or string_param")
    header.parameters[key] = getattr(parameter, kind)


def _wrong_kind(key: str, expected: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"invalid value type for '{key}' parameter, expected {expected}.")


def _read_output(output: Any) -> RequestedOutput:
    wanted = RequestedOutput(output.name, binary=True, span=_read_span(output))
    if "classification" in output.parameters:
        parameter = output.parameters["classification"]
        if _kind(parameter) != "int64_param":
            raise InvalidArgumentError("invalid value type for 'classification' parameter, expected int64_param")
        if parameter.int64_param <= 0:
            raise InvalidArgumentError("invalid value for 'classification' parameter, expected >= 0")
        if wanted.span is not None:
            raise InvalidArgumentError("output can't set both 'shared_memory_region' and 'classification'")
        wanted.class_count = parameter.int64_param
    return wanted


def _read_span(tensor: Any) -> Span | None:
    """Where in shared memory a tensor is, when it says so."""
    parameters: Mapping[str, Any] = tensor.parameters
    if not parameters:
        return None
    values: dict[str, Any] = {}
    for key, kind in (
        ("shared_memory_region", "string_param"),
        ("shared_memory_offset", "int64_param"),
        ("shared_memory_byte_size", "int64_param"),
    ):
        if key not in parameters:
            continue
        if key != "shared_memory_region" and "shared_memory_region" not in values:
            raise InvalidArgumentError(
                f"'{key}' can not be specified without 'shared_memory_region' parameter for tensor '{tensor.name}'"
            )
        if _kind(parameters[key]) != kind:
            raise InvalidArgumentError(
                f"invalid value type for '{key}' parameter for tensor '{tensor.name}', expected {kind}."
            )
        values[key] = getattr(parameters[key], kind)
    if "shared_memory_region" not in values:
        return None
    if "shared_memory_byte_size" not in values:
        raise InvalidArgumentError(
            "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor "
            f"'{tensor.name}'"
        )
    # The numbers go on as size_t.
    unsigned = (1 << 64) - 1
    offset = values.get("shared_memory_offset", 0) & unsigned
    return Span(values["shared_memory_region"], offset, values["shared_memory_byte_size"] & unsigned)
