"""One inference: the request in one of the ways it can travel, and whether an answer is the one to it."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.soak.connection import Answer
from benchmarks.soak.tally import Outcome
from benchmarks.soak.timeline import Timeline

Array = npt.NDArray[np.float32]
Body = tuple[list[str], bytes]
"""Header lines, and the body."""


@dataclass(frozen=True, slots=True)
class Inference:
    """A request that was sent, or is about to be.

    Attributes:
        model: its name.
        timeline: of the model.
        mark: when it was sent.
        x: FP32[rows, columns].
        identity: what the answer must repeat; "" where it cannot.
    """

    model: str
    timeline: Timeline
    mark: int
    x: Array
    identity: str

    def request(self, encode: Callable[[Inference], Body]) -> bytes:
        """The bytes of the request."""
        headers, body = encode(self)
        lines = [f"POST /v2/models/{self.model}/infer HTTP/1.1", "Host: soak", *headers]
        if "Transfer-Encoding: chunked" not in headers:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def judge(self, answer: Answer) -> tuple[Outcome, str]:
        """What an answer is to this request, and what is wrong with it."""
        if answer.status == 404:
            return self.judge_missing(answer.json["error"])
        if answer.status != 200:
            return Outcome.WRONG, f"{self.model}: {answer.status} {answer.body[:300]!r}"
        document = answer.json
        y = read_output(answer, document["outputs"][0])
        return self.judge_output(document["model_name"], document.get("id", ""), y)

    def judge_missing(self, sentence: str) -> tuple[Outcome, str]:
        """The same for an answer that says that there is no such model."""
        states = self.timeline.possible(self.mark)
        if None in states and "unknown model" in sentence:
            return Outcome.UNLOADED, ""
        return Outcome.WRONG, f"{self.model} {states}: {sentence}"

    def judge_output(self, model: str, identity: str, y: Array) -> tuple[Outcome, str]:
        """The same for an answer with an output."""
        states = self.timeline.possible(self.mark)
        if (model, identity) != (self.model, self.identity):
            return Outcome.WRONG, f"for {self.model} {self.identity}: {model} {identity}"
        if not any(state is not None and np.array_equal(y, self.x * np.float32(state)) for state in states):
            return Outcome.WRONG, f"{self.model} {states}: {self.x.ravel()[:4]} to {y.ravel()[:4]}"
        return Outcome.ANSWERED, ""


def read_output(answer: Answer, output: Any) -> Array:
    """The only output of an answer."""
    if "data" in output:
        return np.array(output["data"], np.float32).reshape(output["shape"])
    return np.frombuffer(answer.body[answer.json_bytes :], np.float32).reshape(output["shape"])


# Ways to travel.


def as_json(inference: Inference) -> Body:
    """Everything in the JSON."""
    tensor = _tensor(inference)
    tensor["data"] = inference.x.ravel().tolist()
    return [], _header(inference, tensor)


def as_binary(inference: Inference) -> Body:
    """Tensors behind the JSON, both ways."""
    tensor = _tensor(inference)
    tensor["parameters"] = {"binary_data_size": inference.x.nbytes}
    header = _header(inference, tensor, outputs=[{"name": "y", "parameters": {"binary_data": True}}])
    return [f"Inference-Header-Content-Length: {len(header)}"], header + inference.x.tobytes()


def as_gzip(inference: Inference) -> Body:
    """Compressed both ways."""
    headers, body = as_binary(inference)
    return [*headers, "Content-Encoding: gzip", "Accept-Encoding: gzip"], gzip.compress(body, 1)


def as_deflate(inference: Inference) -> Body:
    """Compressed both ways, otherwise."""
    headers, body = as_json(inference)
    return [*headers, "Content-Encoding: deflate", "Accept-Encoding: deflate"], zlib.compress(body, 1)


def as_raw(inference: Inference) -> Body:
    """Nothing but one row's bytes."""
    return ["Inference-Header-Content-Length: 0"], inference.x.tobytes()


def as_chunks(inference: Inference) -> Body:
    """In chunks."""
    headers, body = as_binary(inference)
    return [*headers, "Transfer-Encoding: chunked"], b"".join(_chunks(body))


def _chunks(body: bytes) -> Iterable[bytes]:
    for start in range(0, len(body), 8192):
        piece = body[start : start + 8192]
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _tensor(inference: Inference) -> dict[str, Any]:
    return {"name": "x", "datatype": "FP32", "shape": list(inference.x.shape)}


def _header(inference: Inference, tensor: dict[str, Any], **fields: Any) -> bytes:
    document = {"inputs": [tensor], **fields}
    if inference.identity:
        document["id"] = inference.identity
    return json.dumps(document, separators=(",", ":")).encode()
