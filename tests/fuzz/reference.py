"""What an inference request means, told a second time, as plainly as can be (triton.md §1.4, §1.5)."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

DTYPES: dict[str, Any] = {
    "BOOL": np.bool_,
    **{f"UINT{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
    "BF16": ml_dtypes.bfloat16,
    "BYTES": object,
}


@dataclass(frozen=True, slots=True)
class Port:
    """An input of a model: the dims leave the batch dimension out."""

    name: str
    datatype: str
    dims: tuple[int, ...]
    optional: bool = False


class RefusedError(Exception):
    """The request is not one for the model."""


def read_request(
    ports: Sequence[Port], outputs: Sequence[str], max_batch_size: int, document: Any, binary: bytes
) -> dict[str, tuple[tuple[int, ...], npt.NDArray[Any]]]:
    """The shapes and elements of a well-formed request's inputs, by name.

    Args:
        ports: the model's inputs.
        outputs: names of its outputs.
        max_batch_size: of the model; 0 when it does not batch.
        document: the JSON.
        binary: the bytes behind it.

    Raises:
        RefusedError: the model cannot run it.
    """
    by_name = {port.name: port for port in ports}
    arrays: dict[str, tuple[tuple[int, ...], npt.NDArray[Any]]] = {}
    rows: set[int] = set()
    for tensor in document["inputs"]:
        name, shape = tensor["name"], tensor["shape"]
        port = by_name.get(name)
        _require(port is not None and name not in arrays)
        assert port is not None
        _require(tensor["datatype"] == port.datatype)
        _require(all(0 <= dim < 1 << 63 for dim in shape) and math.prod(shape) < 1 << 63)
        if max_batch_size:
            _require(bool(shape) and 0 < shape[0] <= max_batch_size)
            rows.add(shape[0])
        dims = shape[1:] if max_batch_size else shape
        _require(len(dims) == len(port.dims))
        _require(all(wanted in (-1, got) for wanted, got in zip(port.dims, dims, strict=True)))
        elements, binary = _elements(tensor, port.datatype, math.prod(shape), binary)
        arrays[name] = tuple(shape), elements
    _require(not binary and len(rows) <= 1)
    _require(all(port.optional or port.name in arrays for port in ports))
    _require({output["name"] for output in document.get("outputs", ())} <= set(outputs))
    return arrays


def _elements(tensor: Any, datatype: str, count: int, binary: bytes) -> tuple[npt.NDArray[Any], bytes]:
    """The elements of a tensor, and the bytes that are left."""
    size = tensor.get("parameters", {}).get("binary_data_size")
    _require((size is None) == ("data" in tensor))
    if size is None:
        return _from_json(tensor["data"], datatype, count), binary
    _require(0 <= size <= len(binary))
    own, rest = binary[:size], binary[size:]
    if datatype == "BYTES":
        return _array(_texts(own), object, count), rest
    dtype = np.dtype(DTYPES[datatype])
    _require(size == count * dtype.itemsize)
    return np.frombuffer(own, dtype), rest


def _from_json(data: Any, datatype: str, count: int) -> npt.NDArray[Any]:
    if not count:
        return np.empty(0, DTYPES[datatype])  # whatever was sent
    _require(datatype not in ("FP16", "BF16") and isinstance(data, list))
    flat = list(_flat(data))
    if datatype == "BYTES":
        _require(all(isinstance(element, str) for element in flat))
        return _array([element.encode() for element in flat], object, count)
    kinds = {"BOOL": (bool,), "FP32": (int, float), "FP64": (int, float)}.get(datatype, (int,))
    _require(all(isinstance(element, kinds) and (bool in kinds) == isinstance(element, bool) for element in flat))
    if datatype.startswith("INT"):
        _require(all(-(1 << 63) <= element < 1 << 63 for element in flat))
    if datatype.startswith("UINT"):
        _require(all(0 <= element < 1 << 64 for element in flat))
    if datatype.startswith(("INT", "UINT")):
        # Small integers lose their upper bits.
        bits = int(datatype.removeprefix("U").removeprefix("INT"))
        flat = [element % (1 << bits) for element in flat]
        return _array(flat, f"<u{bits // 8}", count).view(DTYPES[datatype])
    return _array(flat, DTYPES[datatype], count)


def _flat(data: Any) -> Any:
    for element in data:
        if isinstance(element, list):
            yield from _flat(element)
        else:
            yield element


def _texts(data: bytes) -> list[bytes]:
    texts = []
    while data:
        _require(len(data) >= 4)
        (length,) = struct.unpack_from("<I", data)
        _require(len(data) - 4 >= length)
        texts.append(data[4 : 4 + length])
        data = data[4 + length :]
    return texts


def _array(elements: list[Any], dtype: Any, count: int) -> npt.NDArray[Any]:
    _require(len(elements) == count)
    array = np.empty(count, dtype)
    with np.errstate(over="ignore"):
        array[:] = elements
    return array


def _require(condition: bool) -> None:
    if not condition:
        raise RefusedError
