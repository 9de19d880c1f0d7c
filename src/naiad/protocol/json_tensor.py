"""Tensors in JSON: a list of elements to an array, and an array to the text of a list (triton.md §1.4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
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

_EXPECTED_KINDS: Final[dict[str, tuple[str, str, str]]] = {
    # numpy kind of the tensor: kinds that its elements may have, what Triton calls others, what it wanted
    "b": ("b", "non-boolean", "boolean"),
    "i": ("iu", "non-signed-integer", "signed-integer"),
    "u": ("iu", "non-unsigned-integer", "unsigned-integer"),
    "f": ("iuf", "non-number", "double"),
}


def array_from_json(data: Any, datatype: DataType, count: int) -> Array:
    """The elements of a JSON tensor, in row-major order.

    Args:
        data: parsed JSON: elements in a list, nested to any depth and in any way.
        datatype: what they are; not FP16 and BF16.
        count: how many the shape wants.

    Returns:
        A flat, contiguous array of `count` elements; for BYTES an object array of `bytes`.

    Raises:
        InternalError: not an array, another number of elements, or an element of another kind.
    """
    json_value.as_array(data, "data")
    if datatype is datatypes.BYTES:
        return _bytes_from_json(list(_flatten(data)), count)
    if data and isinstance(data[0], list):
        array = _to_array(data)
        if array is None or array.dtype.hasobject:
            array = _to_array(list(_flatten(data)))
    else:
        array = _to_array(data)
    if array is None or (array.dtype.hasobject and array.size == count):
        raise _wrong_kind(datatype)
    if array.size != count:
        raise InternalError(_WRONG_COUNT)
    return _cast(array.reshape(-1), datatype)


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


def _to_array(data: list[Any]) -> Array | None:
    """numpy's idea of a (regularly nested) list; None when it is ragged."""
    try:
        return np.array(data)
    except (ValueError, OverflowError):
        return None


def _cast(array: Array, datatype: DataType) -> Array:
    kind = datatype.dtype.kind
    allowed, _, _ = _EXPECTED_KINDS[kind]
    if array.size and array.dtype.kind not in allowed:
        raise _wrong_kind(datatype)
    # numpy reads integers as unsigned only when one of them is beyond the signed range.
    if kind == "i" and array.dtype.kind == "u":
        raise _wrong_kind(datatype)
    if kind == "u" and array.dtype.kind == "i" and array.size and int(array.min()) < 0:
        raise _wrong_kind(datatype)
    with np.errstate(over="ignore"):
        return array.astype(datatype.dtype)  # small integers wrap, as in Triton


def _wrong_kind(datatype: DataType) -> InternalError:
    _, found, expected = _EXPECTED_KINDS[datatype.dtype.kind]
    return json_value.fail("data", found, expected)


def _bytes_from_json(elements: list[Any], count: int) -> Array:
    if len(elements) != count:
        raise InternalError(_WRONG_COUNT)
    if not all(isinstance(element, str) for element in elements):
        raise InternalError("Unable to parse JSON bytes array: attempt to access JSON non-string as string")
    return datatypes.object_array([element.encode() for element in elements], (count,))


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
