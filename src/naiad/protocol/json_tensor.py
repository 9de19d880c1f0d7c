"""Tensors in JSON: a list of elements to an array, and an array to the text of a list (triton.md §1.4)."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson

from naiad import datatypes
from naiad.datatypes import DataType
from naiad.errors import InternalError, InvalidArgumentError
from naiad.protocol import json_value

Array = npt.NDArray[Any]

_WRONG_COUNT: Final = "Unable to parse 'data': Shape does not match true shape of 'data' field"
_NUMPY_OPTIONS: Final = orjson.OPT_SERIALIZE_NUMPY

_KINDS: Final[dict[str, tuple[str, str]]] = {
    # numpy kind of the tensor: what Triton calls an element of another kind, and what it wanted
    "b": ("non-boolean", "boolean"),
    "i": ("non-signed-integer", "signed-integer"),
    "u": ("non-unsigned-integer", "unsigned-integer"),
    "f": ("non-number", "double"),
}
_WIDEST: Final = {"i": "q", "u": "Q", "f": "d"}
"""The `array` type codes of a kind's widest type, which is what JSON's numbers are read as."""


def array_from_json(data: Any, datatype: DataType, count: int | None) -> Array:
    """The elements of a JSON tensor, in row-major order.

    Args:
        data: parsed JSON: elements in a list, nested to any depth and in any way.
        datatype: what they are; not FP16 and BF16.
        count: how many the shape wants; None for as many as there are.

    Returns:
        A flat, contiguous array of these elements; for BYTES an object array of `bytes`.

    Raises:
        InternalError: not an array, another number of elements, or an element of another kind.
    """
    elements = _read(json_value.as_array(data, "data"), datatype)
    if count is not None and elements.size != count:
        raise InternalError(_WRONG_COUNT)
    return elements


def array_to_json(array: Array, datatype: DataType) -> bytes:
    """The text of a flat JSON list with the array's elements, row-major; `NaN` and infinities bare, as Triton's.

    FP32 is written with the digits of the double that it equals, as Triton does.

    Raises:
        InvalidArgumentError: FP16 and BF16 do not travel through JSON.
    """
    if not datatype.json_representable:
        raise InvalidArgumentError(
            f"sending {datatype.name} data via JSON is not supported. Please use the binary data format for output"
        )
    if datatype is datatypes.BYTES:
        return orjson.dumps([_text(element) for element in array.ravel()])
    if datatype.dtype.kind == "f":
        doubles = array.astype(np.float64).ravel()
        text = orjson.dumps(doubles, option=_NUMPY_OPTIONS)
        if b"null" in text:  # what orjson makes of NaN and infinities
            return json.dumps(doubles.tolist(), separators=(",", ":")).encode()
        return text
    if datatype.dtype.kind == "b":
        return orjson.dumps(array.ravel().tolist())
    return orjson.dumps(np.ascontiguousarray(array).ravel(), option=_NUMPY_OPTIONS)


def _read(elements: list[Any], datatype: DataType) -> Array:
    while True:
        try:
            return _convert(elements, datatype)
        except TypeError:
            elements = _unnest(elements, datatype)
        except OverflowError:
            raise _wrong_kind(datatype) from None


def _convert(elements: list[Any], datatype: DataType) -> Array:
    """A list without lists in it as an array; TypeError when it has other elements than the datatype's."""
    kind = datatype.dtype.kind
    if datatype is datatypes.BYTES:
        if not {str}.issuperset(map(type, elements)):
            raise TypeError
        return datatypes.object_array([element.encode() for element in elements], (len(elements),))
    if kind == "b":
        if not {bool}.issuperset(map(type, elements)):
            raise TypeError
        return np.frombuffer(bytes(elements), np.bool_)
    if elements and isinstance(elements[0], bool):
        raise TypeError  # which to Python is a number
    # Never numpy's own idea of a list: one long string among many short ones makes it ask for all memory there is.
    widest = np.frombuffer(array(_WIDEST[kind], elements), _WIDEST[kind])
    with np.errstate(over="ignore"):
        return widest.astype(datatype.dtype)  # small integers wrap, as in Triton


def _unnest(elements: list[Any], datatype: DataType) -> list[Any]:
    """The elements with at least one level of lists less; an error when there is none."""
    kinds = set(map(type, elements))
    if kinds == {list}:
        return list(chain.from_iterable(elements))
    if list in kinds:
        return list(_flatten(elements))
    if datatype is datatypes.BYTES:
        raise InternalError("Unable to parse JSON bytes array: attempt to access JSON non-string as string")
    raise _wrong_kind(datatype)


def _wrong_kind(datatype: DataType) -> InternalError:
    found, expected = _KINDS[datatype.dtype.kind]
    return json_value.fail("data", found, expected)


def _flatten(data: list[Any]) -> Iterator[Any]:
    stack = [iter(data)]
    while stack:
        for element in stack[-1]:
            if isinstance(element, list):
                stack.append(iter(element))
                break
            yield element
        else:
            stack.pop()


def _text(element: Any) -> str:
    return element.decode("utf-8", "replace") if isinstance(element, bytes) else str(element)
