"""`ModelInferResponse`, written without an object of protobuf: what does not change, and lengths before raw contents
(triton.md §2.2, §2.3)."""

from __future__ import annotations

from naiad.datatypes import DataType
from naiad.protocol.protobuf_wire import field, packed_shape, tag, varint

_ID, _PARAMETERS, _OUTPUTS, _RAW = 3, 4, 5, 6
_ID_TAG, _RAW_TAG = tag(_ID), tag(_RAW)
_BOOL_PARAMETER = tag(1, 0)

FINAL_RESPONSE = field(_PARAMETERS, field(1, b"triton_final_response") + field(2, _BOOL_PARAMETER + b"\x01"))
"""The parameter of a stream's response that is a request's last."""


def response_start(model_name: str, model_version: str) -> bytes:
    """Name and version of the model that answers."""
    return field(1, model_name.encode()) + field(2, model_version.encode())


def response_id(request_id: str) -> bytes:
    """The id of a request, in its response; nothing for none."""
    text = request_id.encode()
    return _ID_TAG + varint(len(text)) + text if text else b""


def output_start(name: str, datatype: DataType) -> bytes:
    """Name and type of an output."""
    return field(1, name.encode()) + field(2, datatype.name.encode())


def output(start: bytes, shape: tuple[int, ...]) -> bytes:
    """An output's description.

    Args:
        start: from `output_start`.
        shape: of this response.
    """
    return field(_OUTPUTS, start + packed_shape(3, shape))


def raw_prefix(size_bytes: int) -> bytes:
    """What stands before an output's raw contents."""
    return _RAW_TAG + varint(size_bytes)


def stream_prefix(size_bytes: int) -> bytes:
    """What stands before a response to make it a `ModelStreamInferResponse`."""
    return tag(2) + varint(size_bytes)


def stream_error(text: str, request_id: str, *, model_name: str = "") -> bytes:
    """The `ModelStreamInferResponse` for a request that has no answer.

    Args:
        text: what went wrong.
        request_id: "" for none.
        model_name: of the model that took the request on, and then failed; "" when none did.
    """
    response = response_id(request_id)
    if model_name:
        response = field(1, model_name.encode()) + response + FINAL_RESPONSE
    return field(1, text.encode(errors="replace")) + field(2, response)
