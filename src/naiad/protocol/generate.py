"""The generate extension: any JSON object to the inputs and parameters of a model, and its outputs to an object again.

Which member is a tensor, and of which type and shape, follows from the model's metadata (triton.md §1.10). What of the
mapping is not written down anywhere is as a tritonserver 2.51 does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import numpy.typing as npt
import orjson
import rapidjson

from naiad.datatypes import DataType
from naiad.errors import InternalError, InvalidArgumentError, NaiadError
from naiad.protocol import json_value
from naiad.protocol.infer_request import InferHeader, InputTensor
from naiad.protocol.json_tensor import array_from_json, array_to_json

_ID: Final = "id"
_NESTED: Final = "parameters"


class TensorMetadata(Protocol):
    """What is known of a model's input.

    Attributes:
        name: as a member of the object is called.
        datatype: its type.
        shape: as clients see it, batch dimension included; -1 for what may vary.
    """

    name: str
    datatype: DataType
    shape: tuple[int, ...]


def parse_generate(text: bytes | memoryview, inputs: Mapping[str, TensorMetadata], *, max_bytes: int) -> InferHeader:
    """Read the body of a generate request.

    `id` names the request; a member named as an input is that tensor; every other is a parameter. The members of
    `parameters` count as if they stood beside it.

    Args:
        text: the JSON.
        inputs: the model's, by name.
        max_bytes: of the JSON, and of all its tensors together (--http-max-input-size).

    Returns:
        A header whose inputs hold their elements.

    Raises:
        InternalError: the JSON or a value in it is not of the kind expected.
        InvalidArgumentError: a value does not fit the model, is there twice, or is too large.
    """
    if len(text) > max_bytes:
        raise InvalidArgumentError(
            f"request JSON size of {len(text)} bytes exceeds the maximum allowed input size of {max_bytes} bytes. "
            "Use --http-max-input-size to increase the limit."
        )
    document = json_value.parse(text)
    if not isinstance(document, dict):
        raise InternalError("attempt to get members for non-object")
    header = InferHeader()
    if _ID in document:
        header.id = json_value.as_string(document[_ID], _ID)
    conversion = _Conversion(header, inputs, max_bytes)
    for name, value in document.items():
        if name == _NESTED:
            _convert_nested(conversion, value, clashes=name in inputs)
        elif name != _ID or name in inputs:
            conversion.add(name, value)
    _check_repeats(bytes(text), conversion)
    return header


def _convert_nested(conversion: _Conversion, value: Any, *, clashes: bool) -> None:
    if clashes:
        raise InvalidArgumentError(f"Keyword '{_NESTED}' for nested schema also given as input tensor name")
    if not isinstance(value, dict):
        raise InternalError(
            f"Expected JSON object for keyword: '{_NESTED}': attempt to access JSON non-object as object"
        )
    try:
        for name, member in value.items():
            conversion.add(name, member)
    except NaiadError as error:
        raise type(error)(f"Converting keyword: '{_NESTED}': {error.message}") from error


class _Conversion:
    """Puts members of the object into a header.

    Args:
        header: to fill.
        inputs: the model's, by name.
        max_bytes: of all tensors together.
    """

    def __init__(self, header: InferHeader, inputs: Mapping[str, TensorMetadata], max_bytes: int) -> None:
        self._header = header
        self._inputs = inputs
        self._max_bytes = max_bytes
        self._bytes = 0
        self.tensors: dict[str, InputTensor] = {}

    def add(self, name: str, value: Any) -> None:
        """One member, as tensor or as parameter."""
        spec = self._inputs.get(name)
        if spec is not None:
            if name in self.tensors:
                raise self.repeated(name)
            tensor = self.tensors[name] = self._tensor(spec, value)
            self._header.inputs.append(tensor)
        elif isinstance(value, (str, bool, int, float)):
            self._header.parameters[name] = value
        else:
            raise InvalidArgumentError(
                f"parameter '{name}' has invalid type. It should be either 'int', 'bool', or 'string'."
            )

    def repeated(self, name: str) -> InvalidArgumentError:
        """The error for a tensor that is there twice."""
        return InvalidArgumentError(
            f"[request id: {self._header.id or '<id_unknown>'}] input '{name}' already exists in request"
        )

    def _tensor(self, spec: TensorMetadata, value: Any) -> InputTensor:
        elements = value if isinstance(value, list) else [value]
        shape = _shape(spec, len(elements))
        size = len(elements) * spec.datatype.size_bytes
        self._bytes += size
        if self._bytes > self._max_bytes:
            raise InvalidArgumentError(
                f"request size of {self._bytes} bytes with input '{spec.name}' of size {size} bytes exceeds the "
                f"maximum allowed input size of {self._max_bytes}. Use --http-max-input-size to increase the limit."
            )
        if not spec.datatype.json_representable:
            raise InvalidArgumentError(
                f"receiving {spec.datatype.name} data via JSON is not supported. "
                f"Please use the binary data format for input {spec.name}"
            )
        data = array_from_json(elements, spec.datatype, len(elements))
        return InputTensor(spec.name, spec.datatype, shape, data=data)


def _shape(spec: TensorMetadata, count: int) -> tuple[int, ...]:
    """The shape of a tensor of `count` elements: what fixed dimensions leave goes to the innermost variable one."""
    rest = count
    for dim in spec.shape:
        if dim >= 0:
            rest, over = divmod(rest, dim) if dim else (1, rest)
            if over:
                raise _no_shape(spec)
    shape = []
    for dim in reversed(spec.shape):
        if dim < 0:
            dim, rest = rest, 1
        shape.append(dim)
    if rest != 1:
        raise _no_shape(spec)
    return tuple(reversed(shape))


def _no_shape(spec: TensorMetadata) -> InvalidArgumentError:
    return InvalidArgumentError(f"The schema can not convert input '{spec.name}' to tensor with proper shape")


def _check_repeats(text: bytes, conversion: _Conversion) -> None:
    """Refuse a tensor that one object has twice, of which the parser has kept only the last."""
    if any(text.count(orjson.dumps(name)) > 1 for name in conversion.tensors):
        finder = _RepeatFinder(number_mode=rapidjson.NM_NAN)
        finder(json_value.readable(text))
        for name in conversion.tensors:
            if name in finder.repeated:
                raise conversion.repeated(name)


class _RepeatFinder(rapidjson.Decoder):
    """Finds the names that an object has more than once."""

    def __init__(self, **settings: Any) -> None:
        self.repeated: set[str] = set()

    def start_object(self) -> list[tuple[str, Any]]:
        """An object is to be a list of pairs."""
        return []

    def end_object(self, pairs: list[tuple[str, Any]]) -> None:
        """Its pairs are there."""
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                self.repeated.add(name)
            seen.add(name)


def generate_json(
    model_name: str,
    model_version: str,
    request_id: str,
    outputs: Iterable[tuple[str, DataType, npt.NDArray[Any]]],
) -> bytes:
    """The object of one response: every output flattened under its name, one element alone without its list.

    Members come in the order of their names. Where an output is called as the server's own members are, those stay.

    Args:
        model_name, model_version: of the model.
        request_id: echoed; "" for none.
        outputs: name, type and array of each.

    Raises:
        InvalidArgumentError: an output is of a type that does not travel through JSON.
    """
    members = {}
    for name, datatype, array in outputs:
        elements = array_to_json(array, datatype)
        members[name] = elements[1:-1] if array.size == 1 else elements
    members["model_name"] = orjson.dumps(model_name)
    members["model_version"] = orjson.dumps(model_version)
    if request_id:
        members[_ID] = orjson.dumps(request_id)
    return b"{%b}" % b",".join([orjson.dumps(name) + b":" + members[name] for name in sorted(members)])


def event(data: bytes) -> bytes:
    """One server-sent event.

    Args:
        data: a JSON text, which has no line breaks.
    """
    return b"data: %b\n\n" % data
