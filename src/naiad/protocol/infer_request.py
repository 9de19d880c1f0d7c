"""The v2 inference request: JSON, with tensors in it or behind it, to named inputs and requested outputs.

What a model wants is not known here; only what the wire says (triton.md §1.4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from naiad import datatypes
from naiad.datatypes import DataType
from naiad.errors import InternalError, InvalidArgumentError
from naiad.protocol import json_value
from naiad.protocol.json_tensor import array_from_json
from naiad.protocol.shared_memory import Span, read_span

_MAX_ELEMENTS: Final = (1 << 63) - 1
_PLACES: Final = ("binary_data_size", "shared_memory_region")


@dataclass(slots=True)
class InputTensor:
    """One input as sent.

    Attributes:
        name: its name.
        datatype: its type.
        shape: as sent, batch dimension included.
        data: the elements that JSON carried (an array of `prod(shape)` elements), or None.
        binary_size: how many of the bytes behind the JSON are its elements, or None.
        span: where in shared memory its elements are, or None.
    """

    name: str
    datatype: DataType
    shape: tuple[int, ...]
    data: Any = None
    binary_size: int | None = None
    span: Span | None = None

    @property
    def byte_size(self) -> int | None:
        """How many bytes it was sent as, wherever they are; None when they were in the JSON."""
        return self.binary_size if self.span is None else self.span.byte_size


@dataclass(slots=True)
class RequestedOutput:
    """One output as asked for.

    Attributes:
        name: its name.
        binary: as bytes behind the JSON.
        class_count: as that many classes, best first; 0 for the tensor itself.
        span: where in shared memory it goes, or None.
    """

    name: str
    binary: bool = False
    class_count: int = 0
    span: Span | None = None


@dataclass(slots=True)
class InferHeader:
    """A whole request but for the bytes behind the JSON.

    Attributes:
        id: echoed in the answer; "" for none.
        inputs: in the order sent.
        outputs: those asked for; empty for all.
        binary_output: all outputs as bytes, when none is listed.
        priority, timeout_us: of the request itself; 0 for none.
        parameters: everything else in `parameters`.
    """

    id: str = ""
    inputs: list[InputTensor] = field(default_factory=list)
    outputs: list[RequestedOutput] = field(default_factory=list)
    binary_output: bool = False
    priority: int = 0
    timeout_us: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def is_reusable(self) -> bool:
        """Whether the same JSON may come again with other tensors: none of them is in it, and no id."""
        return not self.id and all(tensor.data is None for tensor in self.inputs)

    @property
    def layout(self) -> tuple[object, ...]:
        """What requests have in common that differ in their id, their time-out, their priority and their data."""
        return (
            self.binary_output,
            *[
                (tensor.name, tensor.datatype.name, tensor.shape, tensor.binary_size, tensor.span)
                for tensor in self.inputs
            ],
            *[(each.name, each.binary, each.class_count, each.span) for each in self.outputs],
        )


def parse_infer_header(text: bytes | memoryview, *, max_bytes: int) -> InferHeader:
    """Read the JSON of an inference request.

    Args:
        text: the JSON.
        max_bytes: the largest tensor that JSON may carry (--http-max-input-size).

    Raises:
        InternalError: the JSON or a value in it is not of the kind expected.
        InvalidArgumentError: a value is of the right kind and not allowed.
    """
    document = json_value.parse(text)
    header = InferHeader()
    if isinstance(document, dict):
        if "id" in document:
            header.id = json_value.as_string(document["id"], "id")
        if "parameters" in document:
            _read_parameters(document["parameters"], header)
    inputs = json_value.as_array(json_value.member(document, "inputs"), "inputs")
    header.inputs = [_read_input(value, max_bytes) for value in inputs]
    if "outputs" in document:
        outputs = json_value.as_array(document["outputs"], "outputs")
        header.outputs = [_read_output(value) for value in outputs]
    return header


def _read_parameters(parameters: Any, header: InferHeader) -> None:
    if not isinstance(parameters, dict):
        raise InternalError("failed to get request params.: attempt to get members for non-object")
    for key, value in parameters.items():
        if key == "priority":
            header.priority = json_value.as_unsigned(value, key)
        elif key == "timeout":
            header.timeout_us = json_value.as_unsigned(value, key)
        elif key == "binary_data_output":
            header.binary_output = json_value.as_bool(value, key)
        elif key in ("sequence_start", "sequence_end"):
            header.parameters[key] = json_value.as_bool(value, key)
        elif key == "sequence_id":
            header.parameters[key] = _sequence_id(value)
        elif key.startswith("triton_"):
            raise InvalidArgumentError(
                "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified."
            )
        elif isinstance(value, (str, bool, int, float)):
            header.parameters[key] = value
        else:
            raise InvalidArgumentError(
                f"parameter '{key}' has invalid type. It should be either 'int', 'bool', or 'string'."
            )


def _sequence_id(value: Any) -> int | str:
    """A number or a text; what is neither is told as no text, because Triton tries a number first."""
    if type(value) is int and 0 <= value < 1 << 64:
        return value
    return json_value.as_string(value, "sequence_id")


def _read_input(value: Any, max_bytes: int) -> InputTensor:
    member = json_value.member
    parameters = value.get("parameters") if isinstance(value, dict) else None
    parameters = parameters if isinstance(parameters, dict) else {}
    _check_source(value, parameters)
    name = json_value.as_string(member(value, "name"), "name")
    dims = json_value.as_array(member(value, "shape"), "shape")
    shape = tuple([json_value.as_unsigned(dim, "shape") for dim in dims])
    datatype = datatypes.BY_NAME.get(json_value.as_string(member(value, "datatype"), "datatype"))
    if datatype is None:
        raise InvalidArgumentError(f"invalid datatype for input {name}")
    count = _element_count(name, shape, datatype)
    tensor = InputTensor(name, datatype, shape)
    if "binary_data_size" in parameters:
        tensor.binary_size = json_value.as_unsigned(parameters["binary_data_size"], "binary_data_size")
    elif "shared_memory_region" in parameters:
        tensor.span = read_span(parameters)
    elif not shape or not count:
        # Where there is room for no element, Triton does not look at what was sent.
        tensor.data = np.empty(0, datatype.dtype)
    else:
        _check_json_size(name, datatype, count, max_bytes)
        # A wrong number of strings is told by the model, in other words (triton.md §1.5).
        tensor.data = array_from_json(value["data"], datatype, None if datatype is datatypes.BYTES else count)
    return tensor


def _element_count(name: str, shape: tuple[int, ...], datatype: DataType) -> int:
    """How many elements a shape has, which must be a number that 63 bits hold, in bytes too."""
    count = 1
    for dim in shape:
        count *= dim
        if count > _MAX_ELEMENTS:
            # A request may name a million dimensions, and the whole product of those would take hours.
            count = 0 if 0 in shape else count
            break
    if count * datatype.size_bytes <= _MAX_ELEMENTS >= max(shape, default=0):
        return count
    text = ",".join(map(str, shape))
    if max(shape) > _MAX_ELEMENTS:
        raise InvalidArgumentError(
            f"invalid shape for input '{name}': shape [{text}] contains one or more invalid dimensions"
        )
    if count > _MAX_ELEMENTS:
        raise InvalidArgumentError(
            f"invalid shape for input '{name}': shape [{text}] causes total element count to exceed maximum size of "
            f"{_MAX_ELEMENTS}"
        )
    raise InvalidArgumentError(
        f"byte size overflow for input '{name}': element count ({count}) * data type size "
        f"({datatype.size_bytes}) exceeds maximum allowed size ({_MAX_ELEMENTS})"
    )


def _check_json_size(name: str, datatype: DataType, count: int, max_bytes: int) -> None:
    if not datatype.json_representable:
        raise InvalidArgumentError(
            f"receiving {datatype.name} data via JSON is not supported. "
            f"Please use the binary data format for input {name}"
        )
    if count * datatype.size_bytes > max_bytes:
        raise InvalidArgumentError(
            f"JSON input '{name}' has a byte_size ({count * datatype.size_bytes} bytes) that exceeds the maximum "
            f"allowed value of {max_bytes} bytes. Use --http-max-input-size to increase the limit."
        )


def _check_source(value: Any, parameters: dict[str, Any]) -> None:
    """Exactly one of the three places must hold an input's elements."""
    has_data = isinstance(value, dict) and "data" in value
    places = [name for name in _PLACES if name in parameters]
    if has_data + len(places) != 1:
        given = " ".join(f"'{name}'" for name in (*(("data",) if has_data else ()), *places))
        raise InvalidArgumentError(
            "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', "
            f"'shared_memory_region' in 'parameters'. But {f'set {given}' if given else 'no field is set'}"
        )


def _read_output(value: Any) -> RequestedOutput:
    output = RequestedOutput(json_value.as_string(json_value.member(value, "name"), "name"))
    parameters = value.get("parameters", {})
    if not isinstance(parameters, dict):
        return output
    if "classification" in parameters:
        output.class_count = json_value.as_unsigned(parameters["classification"], "classification", verb="set")
    if "shared_memory_region" in parameters:
        # tritonclient sends `"binary_data": false` along, which contradicts nothing.
        for other in ("classification", "binary_data"):
            if parameters.get(other):
                raise InvalidArgumentError(f"Output can't set both 'shared_memory_region' and '{other}'")
        output.span = read_span(parameters)
    if "binary_data" in parameters:
        output.binary = json_value.as_bool(parameters["binary_data"], "binary_data")
    return output
