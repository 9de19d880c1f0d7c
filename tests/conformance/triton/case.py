"""What is asked of both servers: a small language of requests, in bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from naiad import datatypes
from tests.conformance.triton.rpc import Rpc
from tests.conformance.triton.wire import Answer
from tests.support.http_client import json_body, request_bytes


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes for one connection, and how much comes back.

    Attributes:
        data: what is sent.
        then: what is sent when an interim answer says so.
        answers: how many responses that makes, interim ones not counted.
        until: the request is repeated until its last answer fulfils this, when given.
        view: what is compared of the last answer; all of everything when not given.
        metrics: it goes to the metrics port instead of the HTTP port.
    """

    protocol: ClassVar = "HTTP"
    data: bytes
    then: bytes = b""
    answers: int = 1
    until: Callable[[Answer], bool] | None = None
    view: Callable[[Answer], Any] | None = None
    metrics: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """Requests that are sent one after another, those over HTTP/1.1 each on a connection of its own.

    Attributes:
        name: unique; `noun/what is special`.
        requests: to both servers alike.
    """

    name: str
    requests: tuple[Request | Rpc, ...]


@dataclass(slots=True)
class Corpus:
    """The cases about one noun.

    Args:
        noun: the first part of their names.
    """

    noun: str
    cases: list[Case] = field(default_factory=list)

    def add(self, name: str, *requests: bytes | Request | Rpc) -> None:
        """Add a case."""
        made = tuple(Request(request) if isinstance(request, bytes) else request for request in requests)
        self.cases.append(Case(f"{self.noun}/{name}", made))


def get(path: str, *headers: str) -> bytes:
    """A GET."""
    return request_bytes("GET", path, headers=headers)


def post(path: str, body: bytes | str = b"", *headers: str) -> bytes:
    """A POST with a body."""
    return request_bytes("POST", path, body.encode() if isinstance(body, str) else body, headers=headers)


def tensor(name: str, shape: Sequence[Any], datatype: str, data: Any = None, **parameters: Any) -> dict[str, Any]:
    """One entry of `inputs`; without `data` and `parameters` members when they are not given."""
    made: dict[str, Any] = {"name": name, "shape": list(shape), "datatype": datatype}
    if data is not None:
        made["data"] = data
    if parameters:
        made["parameters"] = parameters
    return made


def output(name: str, **parameters: Any) -> dict[str, Any]:
    """One entry of `outputs`."""
    return {"name": name, "parameters": parameters} if parameters else {"name": name}


def document(inputs: Sequence[Any], **members: Any) -> bytes:
    """The JSON of an inference."""
    return json_body({"inputs": list(inputs), **members})


def infer(model: str, *inputs: Any, version: str = "", headers: Sequence[str] = (), **members: Any) -> bytes:
    """An inference in JSON."""
    return post(infer_path(model, version), document(inputs, **members), *headers)


def infer_text(model: str, body: bytes | str, *headers: str) -> bytes:
    """An inference whose body is this text, whatever it is."""
    return post(infer_path(model), body, *headers)


def infer_binary(
    model: str,
    *inputs: dict[str, Any],
    tail: bytes,
    header: str | None = None,
    headers: Sequence[str] = (),
    **members: Any,
) -> bytes:
    """An inference with bytes behind its JSON.

    Args:
        model: to ask.
        inputs: entries of `inputs`, with their `binary_data_size`.
        tail: the bytes.
        header: the value of Inference-Header-Content-Length; the JSON's length when not given.
        headers: more header lines.
        members: more members of the JSON.
    """
    text = document(inputs, **members)
    length = f"Inference-Header-Content-Length: {len(text) if header is None else header}"
    return post(infer_path(model), text + tail, length, *headers)


def infer_path(model: str, version: str = "") -> str:
    """Where a model is asked."""
    return f"/v2/models/{model}{f'/versions/{version}' if version else ''}/infer"


def binary(name: str, array: npt.NDArray[Any], **parameters: Any) -> tuple[dict[str, Any], bytes]:
    """An entry of `inputs` for bytes behind the JSON, and the bytes. The datatype is the array's; objects are BYTES."""
    datatype = "BYTES" if array.dtype == object else _wire_name(array.dtype)
    tail = framed(*array.ravel()) if array.dtype == object else array.tobytes()
    return tensor(name, array.shape, datatype, binary_data_size=len(tail), **parameters), tail


def framed(*elements: bytes) -> bytes:
    """BYTES elements as they travel outside JSON."""
    return b"".join(len(element).to_bytes(4, "little") + element for element in elements)


def parsed(answer: Answer) -> Any:
    """The JSON of an answer; None when it has none."""
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


def _wire_name(dtype: np.dtype[Any]) -> str:
    return next(row.name for row in datatypes.BY_NAME.values() if row.dtype == dtype and row.name != "BYTES")
