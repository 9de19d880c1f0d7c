"""A v2 client of the tests' own: it shares no code with naiad, and asks in every way a tensor can travel."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from tests.conformance.onnx.tensor import NOT_IN_JSON, NUMPY_TYPES, Array, Tensor
from tests.support.http_client import Answer, Connection, json_body, request_bytes


def infer_request(model: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], *, binary: bool) -> bytes:
    """The HTTP request for an inference.

    Args:
        model: its name.
        inputs: what to send; a scalar goes as one element (triton.md §3.4).
        outputs: what to ask for.
        binary: tensors travel behind the JSON, rather than in it wherever their datatype can.
    """
    pieces: list[bytes] = []
    document = {
        "inputs": [_input(tensor, pieces, binary=binary) for tensor in inputs],
        "outputs": [
            {"name": tensor.name, "parameters": {"binary_data": binary or tensor.datatype in NOT_IN_JSON}}
            for tensor in outputs
        ],
    }
    header = json_body(document)
    headers = [f"Inference-Header-Content-Length: {len(header)}"] if pieces else []
    return request_bytes("POST", f"/v2/models/{quote(model)}/infer", header + b"".join(pieces), headers=headers)


def infer(
    connection: Connection, model: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], *, binary: bool
) -> Answer:
    """Ask, and read the answer."""
    return connection.ask(infer_request(model, inputs, outputs, binary=binary))


def answered_arrays(answer: Answer) -> dict[str, Array]:
    """The outputs of an answer, by name; their elements are as in `Tensor`."""
    arrays: dict[str, Array] = {}
    position = int(answer.headers.get("inference-header-content-length", len(answer.body)))
    for output in answer.json["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            flat = _from_json(output["data"], output["datatype"])
        else:
            flat = from_bytes(answer.body[position : position + size], output["datatype"])
            position += size
        arrays[output["name"]] = flat.reshape(output["shape"])
    assert position == len(answer.body), "bytes behind the last output"
    return arrays


def _input(tensor: Tensor, pieces: list[bytes], *, binary: bool) -> dict[str, Any]:
    described = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.array.shape) or [1]}
    if binary or tensor.datatype in NOT_IN_JSON:
        pieces.append(to_bytes(tensor))
        return {**described, "parameters": {"binary_data_size": len(pieces[-1])}}
    return {**described, "data": tensor.array.ravel().tolist()}


def to_bytes(tensor: Tensor) -> bytes:
    """The elements as they travel outside JSON."""
    if tensor.datatype != "BYTES":
        return tensor.array.tobytes()
    texts = [text.encode() for text in tensor.array.ravel()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def from_bytes(data: bytes, datatype: str) -> Array:
    """Undo `to_bytes`; a flat array."""
    if datatype != "BYTES":
        return np.frombuffer(data, NUMPY_TYPES[datatype])
    texts, position = [], 0
    while position < len(data):
        (length,) = struct.unpack_from("<I", data, position)
        texts.append(data[position + 4 : position + 4 + length].decode())
        position += 4 + length
    assert position == len(data), "the last element is cut short"
    return _texts(texts)


def _from_json(data: list[Any], datatype: str) -> Array:
    if datatype == "BYTES":
        return _texts(data)
    assert all(isinstance(element, bool) == (datatype == "BOOL") for element in data)
    return np.array(data, NUMPY_TYPES[datatype])


def _texts(texts: Sequence[str]) -> Array:
    array = np.empty(len(texts), np.object_)
    array[:] = texts
    return array
