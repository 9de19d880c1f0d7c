"""Schema objects for numpy types (azure-ml.md §4.6)."""

from __future__ import annotations

import base64
from typing import Any, Final

import numpy as np

_BY_KIND: Final[dict[str, dict[str, str]]] = {
    "b": {"type": "boolean"},
    "M": {"type": "string", "format": "date-time"},
    "m": {"type": "string", "format": "timedelta"},
    "U": {"type": "string"},
    "S": {"type": "string", "format": "binary"},
    "V": {"type": "string", "format": "binary"},
    "O": {"type": "object"},
}
_FLOAT_FORMATS: Final = {"float16": "float", "float32": "float", "float64": "double"}


def array_schema(dtype: np.dtype[Any], dimensions: int) -> dict[str, Any]:
    """The schema object of an array, without an example."""
    schema = _element_schema(dtype)
    for _ in range(dimensions):
        schema = {"type": "array", "items": schema}
    return schema


def _element_schema(dtype: np.dtype[Any]) -> dict[str, Any]:
    if dtype.subdtype is not None:
        element, shape = dtype.subdtype
        return array_schema(element, len(shape))
    if dtype.names is not None:
        return {"type": "object", "properties": {name: _element_schema(dtype[name]) for name in dtype.names}}
    if dtype.kind in "iu":
        return {"type": "integer", "format": dtype.name}
    if dtype.name in _FLOAT_FORMATS:
        return {"type": "number", "format": _FLOAT_FORMATS[dtype.name]}
    if dtype.kind in _BY_KIND:
        return dict(_BY_KIND[dtype.kind])
    raise TypeError(f"A swagger document cannot describe arrays of {dtype.name}.")


def example_of(value: Any, schema: dict[str, Any]) -> Any:
    """An element or a row of a sample as JSON, told by its schema object."""
    kind, detail = schema["type"], schema.get("format")
    if "properties" in schema:
        return {name: example_of(value[name], field) for name, field in schema["properties"].items()}
    if kind == "array":
        return [example_of(item, schema["items"]) for item in value]
    if kind == "number":
        return float(value)
    if kind == "integer":
        return int(value)
    if kind == "boolean":
        return bool(value)
    if detail == "date-time":
        return str(value.astype("datetime64[us]"))
    if detail == "binary":
        return base64.b64encode(bytes(value)).decode()
    return str(value)
