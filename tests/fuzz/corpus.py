"""Good requests, in parts that can be changed one by one, and the models that they are for."""

from __future__ import annotations

import base64
import gzip
import json
import struct
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from tests.support import onnx_models
from tests.support.onnx_models import TINY_CONFIG, write_model

WATCHED = "watched"
"""A model that no mutated request names."""

SEGMENT = "naiad_fuzz"
SEGMENT_BYTES = 128
"""Shared memory that requests register."""

PORTS = (("FP32", [-1]), ("INT64", [2, -1]), ("BOOL", [-1]), ("BYTES", [-1]), ("FP16", [-1]), ("UINT8", [-1]))
_SPARE_CONFIG = {
    "backend": "onnxruntime",
    "max_batch_size": 4,
    "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [16]}],
    "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [4], "label_filename": ""}],
    "dynamic_batching": {
        "preferred_batch_size": [2],
        "max_queue_delay_microseconds": 10,
        "priority_levels": 2,
        "default_priority_level": 1,
        "default_queue_policy": {"default_timeout_microseconds": 10_000_000, "max_queue_size": 100},
    },
    "version_policy": {"latest": {"num_versions": 1}},
    "instance_group": [{"count": 1, "kind": "KIND_CPU", "name": "g"}],
    "parameters": {"execution": {"string_value": "auto"}, "intra_op_thread_count": {"string_value": "1"}},
    "optimization": {"graph": {"level": 1}, "priority": "PRIORITY_MAX"},
    "model_warmup": [
        {"name": "w", "batch_size": 1, "inputs": {"x": {"data_type": 11, "dims": [16], "zero_data": True}}}
    ],
}


def write_models(repository: Path) -> None:
    """Write the models: the watched one, and those that requests here are for."""
    tiny = onnx_models.tiny()
    threaded = TINY_CONFIG + '\nparameters { key: "execution" value { string_value: "thread" } }'
    write_model(repository, WATCHED, tiny, TINY_CONFIG)
    write_model(repository, "tiny", tiny, TINY_CONFIG)
    write_model(repository, "threaded", tiny, threaded)
    write_model(repository, "mixed", onnx_models.identity(*PORTS))
    write_model(repository, "text", onnx_models.identity(("BYTES", [1])))
    write_model(repository, "spare", tiny)


ATTACKED = ("tiny", "threaded", "mixed", "text")
"""Models that are loaded again now and then, in case a request has unloaded them."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Attributes:
        method, target, headers: of its head; headers as lines, framing left out.
        document: what the JSON says, or None.
        binary: the bytes behind the JSON.
        chunked: the body goes in chunks.
        encoding: gzip, deflate, or none.
    """

    method: str
    target: str
    headers: tuple[str, ...] = ()
    document: Any = None
    binary: bytes = b""
    chunked: bool = False
    encoding: str = ""
    _text: bytes | None = field(default=None)

    def with_text(self, text: bytes) -> Request:
        """The same with another text where the JSON was."""
        return replace(self, _text=text)

    @property
    def text(self) -> bytes:
        """The JSON."""
        if self._text is not None:
            return self._text
        return b"" if self.document is None else json.dumps(self.document).encode("utf-8", "surrogatepass")

    def body(self) -> bytes:
        """JSON and binary tensors, compressed when they are to be."""
        plain = self.text + self.binary
        if self.encoding == "gzip":
            return gzip.compress(plain, 1, mtime=0)
        return zlib.compress(plain, 1) if self.encoding == "deflate" else plain

    def head(self) -> list[str]:
        """The lines of the head, but for those that say how long the body is."""
        lines = [f"{self.method} {self.target} HTTP/1.1", "Host: localhost", *self.headers]
        if self.binary:
            lines.append(f"Inference-Header-Content-Length: {len(self.text)}")
        if self.encoding:
            lines.append(f"Content-Encoding: {self.encoding}")
        return lines

    def encode(self, random: Random) -> bytes:
        """The bytes of the request."""
        body, lines = self.body(), self.head()
        if self.chunked:
            return join_head([*lines, "Transfer-Encoding: chunked"]) + in_chunks(body, random)
        if body or self.method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        return join_head(lines) + body


def join_head(lines: list[str]) -> bytes:
    """Lines as a head."""
    return "\r\n".join(lines).encode("utf-8", "surrogatepass") + b"\r\n\r\n"


def in_chunks(body: bytes, random: Random) -> bytes:
    """A body in chunks of any sizes."""
    pieces = []
    while body:
        size = min(len(body), random.choice((1, 7, 100, 5000)))
        pieces.append(b"%x\r\n%b\r\n" % (size, body[:size]))
        body = body[size:]
    return b"".join(pieces) + b"0\r\n\r\n"


def good_request(random: Random) -> Request:
    """A request that is right in every way, whatever came before it."""
    request = random.choice((_tiny, _tiny, _mixed, _mixed, _text, _raw, _generate, _view))(random)
    if random.random() < 0.15 and request.target.endswith("/infer"):
        request = replace(request, encoding=random.choice(("gzip", "deflate")))
    return _sent_in_some_way(request, random)


def any_request(random: Random) -> Request:
    """A request for anything but the watched model; whether it is right may depend on what came before it."""
    if random.random() < 0.7:
        return good_request(random)
    return _sent_in_some_way(random.choice((_repository, _shared_memory, _from_shared_memory))(random), random)


def _sent_in_some_way(request: Request, random: Random) -> Request:
    if random.random() < 0.15:
        accepted = random.choice(("gzip", "deflate", "gzip;q=0.5, deflate", "identity"))
        request = replace(request, headers=(*request.headers, f"Accept-Encoding: {accepted}"))
    return replace(request, chunked=request.method == "POST" and random.random() < 0.2)


def _infer(model: str, document: dict[str, Any], binary: bytes = b"", headers: tuple[str, ...] = ()) -> Request:
    return Request("POST", f"/v2/models/{model}/infer", headers, document, binary)


def _tiny(random: Random) -> Request:
    rows = random.randint(1, 4)
    tensor: dict[str, Any] = {"name": "x", "datatype": "FP32", "shape": [rows, 16]}
    document: dict[str, Any] = {"id": f"é{random.randrange(1000)}", "inputs": [tensor]}
    document["parameters"] = {"priority": 1, "timeout": 10_000_000, "binary_data_output": random.random() < 0.5}
    if random.random() < 0.5:
        document["outputs"] = [{"name": "y", "parameters": {"binary_data": True}}]
    elif random.random() < 0.3:
        document["outputs"] = [{"name": "y", "parameters": {"classification": 2}}]
    model = random.choice(("tiny", "threaded"))
    if random.random() < 0.5:
        return _infer(model, {**document, "inputs": [{**tensor, "data": [0.5] * 16 * rows}]})
    binary = struct.pack(f"<{16 * rows}f", *[0.5] * 16 * rows)
    tensor["parameters"] = {"binary_data_size": len(binary)}
    return _infer(model, document, binary)


def _mixed(random: Random) -> Request:
    count = random.choice((0, 1, 3, 3, 100))
    in_json: tuple[list[Any], ...] = (
        [1.5] * count,
        [[7] * count, [-7] * count],
        [True] * count,
        ["añ🌙"] * count,
        [],
        [255] * count,
    )
    as_bytes = (
        struct.pack("<f", 1.5) * count,
        struct.pack("<q", 7) * 2 * count,
        b"\1" * count,
        b"\3\0\0\0abc" * count,
        b"\0\x3c" * count,
        b"\xff" * count,
    )
    inputs, pieces = [], []
    for index, (datatype, dims) in enumerate(PORTS):
        shape = [count if dim < 0 else dim for dim in dims]
        tensor: dict[str, Any] = {"name": f"i{index}", "datatype": datatype, "shape": shape}
        if datatype == "FP16" or random.random() < 0.5:
            tensor["parameters"] = {"binary_data_size": len(as_bytes[index])}
            pieces.append(as_bytes[index])
        else:
            tensor["data"] = in_json[index]
        inputs.append(tensor)
    outputs = [
        {"name": f"o{index}", "parameters": {"binary_data": datatype == "FP16" or random.random() < 0.5}}
        for index, (datatype, _) in enumerate(PORTS)
    ]
    return _infer("mixed", {"inputs": inputs, "outputs": outputs}, b"".join(pieces))


def _text(random: Random) -> Request:
    tensor = {"name": "i0", "datatype": "BYTES", "shape": [1], "data": [random.choice(("", "abc", "é" * 1000))]}
    return _infer("text", {"inputs": [tensor]})


def _raw(random: Random) -> Request:
    headers = ("Inference-Header-Content-Length: 0",)
    if random.random() < 0.5:
        return Request("POST", "/v2/models/text/infer", headers).with_text(b"raw text" * random.choice((1, 1000)))
    return Request("POST", "/v2/models/tiny/infer", headers).with_text(bytes(64))


def _generate(random: Random) -> Request:
    action = random.choice(("generate", "generate_stream"))
    return Request("POST", f"/v2/models/text/{action}", (), {"i0": "hello", "id": "1", "parameters": {"a": 1}})


def _view(random: Random) -> Request:
    model = random.choice(ATTACKED)
    paths = (
        "",
        "/health/live",
        "/health/ready",
        "/models",
        "/models/stats",
        f"/models/{model}",
        f"/models/{model}/ready",
    )
    more = (f"/models/{model}/config", f"/models/{model}/versions/1/stats", "/systemsharedmemory/status", "/nothing")
    return Request("GET", "/v2" + random.choice((*paths, *more)) + random.choice(("", "?a=b")))


def _repository(random: Random) -> Request:
    if random.random() < 0.3:
        return Request("POST", "/v2/repository/index", (), {"ready": random.random() < 0.5})
    if random.random() < 0.3:
        return Request("POST", "/v2/repository/models/spare/unload", (), {"parameters": {"unload_dependents": False}})
    parameters: dict[str, Any] = {"config": json.dumps(_SPARE_CONFIG)}
    if random.random() < 0.3:
        parameters["file:1/model.onnx"] = base64.b64encode(onnx_models.tiny().SerializeToString()).decode()
    return Request("POST", "/v2/repository/models/spare/load", (), {"parameters": parameters})


def _shared_memory(random: Random) -> Request:
    region = random.choice(("a", "b"))
    register = {"key": f"/{SEGMENT}", "offset": 0, "byte_size": SEGMENT_BYTES}
    action, document = random.choice((("register", register), ("register", register), ("unregister", {})))
    return Request("POST", f"/v2/systemsharedmemory/region/{region}/{action}", (), document)


def _from_shared_memory(random: Random) -> Request:
    span = {"shared_memory_region": "a", "shared_memory_offset": 4, "shared_memory_byte_size": 64}
    document: dict[str, Any] = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 16], "parameters": span}]}
    if random.random() < 0.5:
        document["outputs"] = [{"name": "y", "parameters": {**span, "shared_memory_region": random.choice("ab")}}]
    return _infer("tiny", document)
