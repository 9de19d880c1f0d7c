"""A configuration as `GET /v2/models/M/config` shows it."""

from __future__ import annotations

import math
import struct
from collections.abc import MutableSequence
from decimal import Decimal
from typing import Any, Final

import orjson
from google.protobuf.descriptor import FieldDescriptor

from naiad.config.model_config import ModelConfig

_INT64_TYPES: Final = frozenset({FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64})

_INT64_LEFT_AS_STRINGS: Final = frozenset(
    {
        "inference.ModelSequenceBatching.InitialState.dims",
        "inference.ModelOptimizationPolicy.Cuda.GraphSpec.Shape.dim",
        "inference.ModelInstanceGroup.SecondaryDevice.device_id",
    }
)
"""proto3 JSON writes 64-bit integers as strings; Triton turns all back into numbers except these (triton.md §3.3)."""

_FLOAT: Final = struct.Struct("<f")


def config_json(config: ModelConfig) -> bytes:
    """Write a configuration as Triton's config route does (triton.md §3.3).

    Compact, snake_case, in the message's declaration order; scalars, lists and maps always, sub-messages and members
    of a oneof only when set. Map keys are sorted.
    """
    return orjson.dumps(_object(config))


def _object(message: Any) -> dict[str, Any]:
    document: dict[str, Any] = {}
    # Triton's protobuf appends the scalar of a oneof when it meets it, behind the fields that are always there.
    for field in sorted(message.DESCRIPTOR.fields, key=_is_scalar_choice):
        if field.has_presence and not message.HasField(field.name):
            continue
        value = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            entry = field.message_type.fields_by_name["value"]
            document[field.name] = {str(key): _value(value[key], entry) for key in sorted(value)}
        elif isinstance(value, MutableSequence):
            document[field.name] = [_value(item, field) for item in value]
        else:
            document[field.name] = _value(value, field)
    return document


def _is_scalar_choice(field: Any) -> bool:
    return field.containing_oneof is not None and field.message_type is None


def _value(value: Any, field: Any) -> Any:
    if field.message_type is not None:
        return _object(value)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return value if named is None else named.name
    if field.cpp_type in _INT64_TYPES and field.full_name in _INT64_LEFT_AS_STRINGS:
        return str(value)
    if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT:
        return _number(_shortest_float(value))
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return _number(f"{value:.15g}" if float(f"{value:.15g}") == value else f"{value:.17g}")
    return value


def _shortest_float(value: float) -> str:
    short = f"{value:.6g}"
    return short if not math.isfinite(value) or _FLOAT.pack(float(short)) == _FLOAT.pack(value) else f"{value:.9g}"


def _number(text: str) -> Any:
    """A floating-point number the way it leaves Triton: written by protobuf, then read and written by RapidJSON."""
    number = float(text)
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    if text.lstrip("-").isdigit():
        return int(text)
    digits = repr(number)
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        plain = format(Decimal(digits), "f")
        return orjson.Fragment(plain if "." in plain else f"{plain}.0")
    mantissa, _, exponent = digits.partition("e")
    return orjson.Fragment(f"{mantissa.removesuffix('.0')}e{int(exponent)}")
