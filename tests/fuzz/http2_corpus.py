"""Conversations over HTTP/2 that are right: requests and RPCs, frame by frame, on one connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from google.protobuf.message import Message
from tritonclient.grpc import service_pb2

from tests.conformance.http2.frames import Frame, Setting, block, data, headers, ping, priority, settings, window_update
from tests.conformance.http2.requests import GET, POST, call_head, changed, message
from tests.fuzz.corpus import ATTACKED
from tests.support.http_client import infer_body

WINDOW_BYTES = 1 << 24
"""What a client takes at a time, which is more than it asks for."""
_LARGE = 8_000
"""Elements of a tensor that needs several frames."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request.

    Attributes:
        frames: head, body and end.
        is_rpc: it is answered by trailers, too.
    """

    frames: list[Frame]
    is_rpc: bool


def conversation(random: Random) -> list[Exchange]:
    """Some requests, on streams of their own."""
    return [random.choice(_KINDS)(random, 1 + 2 * number) for number in range(random.choice((1, 2, 3, 10)))]


def interleave(exchanges: list[Exchange], random: Random) -> list[Frame]:
    """All their frames, streams begun in order, and frames that belong to no stream between them."""
    waiting = [list(exchange.frames) for exchange in exchanges]
    begun: list[list[Frame]] = []
    frames: list[Frame] = []
    while waiting or begun:
        if waiting and (not begun or random.random() < 0.5):
            begun.append(waiting.pop(0))
            frames.append(begun[-1].pop(0))
        else:
            frames.append(random.choice(begun).pop(0))
        begun = [rest for rest in begun if rest]
        if random.random() < 0.1:
            frames.append(random.choice(_BETWEEN))
    return frames


_BETWEEN = (
    ping(),
    settings((Setting.INITIAL_WINDOW_SIZE, WINDOW_BYTES - 1)),
    settings((Setting.MAX_FRAME_SIZE, 1 << 15), (Setting.HEADER_TABLE_SIZE, 100)),
    window_update(0, 1000),
    priority(1, weight=3),
)


def _body(random: Random, stream: int, content: bytes) -> list[Frame]:
    """A body in frames of any sizes."""
    frames = []
    while len(content) > 16_000 or (content and random.random() < 0.4):
        size = random.randint(1, min(16_000, len(content)))
        frames.append(data(stream, content[:size], padding=random.choice((None, None, 0, 9))))
        content = content[size:]
    return [*frames, data(stream, content, end=True)]


def _view(random: Random, stream: int) -> Exchange:
    path = random.choice(("/v2", "/v2/health/live", "/v2/models/tiny/config", "/v2/models/stats", "/v2/models/mixed"))
    return Exchange([headers(stream, block(changed(GET, b":path", path.encode())), end=True)], is_rpc=False)


def _infer(random: Random, stream: int) -> Exchange:
    rows = random.randint(1, 4)
    content = infer_body("x", [rows, 16], "FP32", [0.5] * 16 * rows, id=str(stream))
    more = [(b"content-length", b"%d" % len(content))] if random.random() < 0.5 else []
    path = f"/v2/models/{random.choice(('tiny', 'threaded'))}/infer".encode()
    head = headers(stream, block([*changed(POST, b":path", path), *more]))
    return Exchange([head, *_body(random, stream, content)], is_rpc=False)


def _rpc(random: Random, stream: int, method: str, *messages: Message) -> Exchange:
    content = b"".join(message(each.SerializeToString()) for each in messages)
    more = random.choice(((), (), ((b"grpc-timeout", b"20S"),), ((b"x-request-bin", b"AAEC"),)))
    return Exchange([call_head(stream, method.encode(), *more), *_body(random, stream, content)], is_rpc=True)


def _call(random: Random, stream: int) -> Exchange:
    model = random.choice(ATTACKED)
    calls: tuple[tuple[str, Message], ...] = (
        ("ServerLive", service_pb2.ServerLiveRequest()),
        ("ServerMetadata", service_pb2.ServerMetadataRequest()),
        ("ModelReady", service_pb2.ModelReadyRequest(name=model)),
        ("ModelMetadata", service_pb2.ModelMetadataRequest(name=model)),
        ("ModelConfig", service_pb2.ModelConfigRequest(name=model)),
        ("ModelStatistics", service_pb2.ModelStatisticsRequest(name=model)),
        ("RepositoryIndex", service_pb2.RepositoryIndexRequest()),
        ("SystemSharedMemoryStatus", service_pb2.SystemSharedMemoryStatusRequest()),
        ("LogSettings", service_pb2.LogSettingsRequest()),
        ("TraceSetting", service_pb2.TraceSettingRequest()),
    )
    return _rpc(random, stream, *random.choice(calls))


def infer_request(random: Random, identity: str) -> service_pb2.ModelInferRequest:
    """A request that is right, in one of the ways to bring tensors along."""
    rows = random.randint(1, 4)
    request = service_pb2.ModelInferRequest(model_name=random.choice(("tiny", "threaded")), id=identity)
    tensor = request.inputs.add(name="x", datatype="FP32", shape=[rows, 16])
    if random.random() < 0.5:
        tensor.contents.fp32_contents.extend([0.5] * 16 * rows)
    else:
        request.raw_input_contents.append(bytes(64 * rows))
    if random.random() < 0.3:
        request.outputs.add(name="y").parameters["classification"].int64_param = 2
    request.parameters["priority"].uint64_param = 1
    return request


def _model_infer(random: Random, stream: int) -> Exchange:
    return _rpc(random, stream, "ModelInfer", infer_request(random, str(stream)))


def _large_infer(random: Random, stream: int) -> Exchange:
    """Six inputs that come back, one of them large."""
    request = service_pb2.ModelInferRequest(model_name="mixed")
    sizes = {"FP32": 4, "INT64": 16, "BOOL": 1, "BYTES": 5, "FP16": 2, "UINT8": 1}
    for index, (datatype, size) in enumerate(sizes.items()):
        shape = [2, _LARGE] if datatype == "INT64" else [_LARGE]
        request.inputs.add(name=f"i{index}", datatype=datatype, shape=shape)
        request.raw_input_contents.append((b"\1\0\0\0a" if datatype == "BYTES" else bytes(size)) * _LARGE)
    return _rpc(random, stream, "ModelInfer", request)


def _stream_infer(random: Random, stream: int) -> Exchange:
    requests = [infer_request(random, f"{stream}-{number}") for number in range(random.choice((0, 1, 2, 5)))]
    return _rpc(random, stream, "ModelStreamInfer", *requests)


_KINDS: tuple[Callable[[Random, int], Exchange], ...] = (
    *(_view, _infer, _infer, _call, _call, _model_infer, _model_infer, _model_infer, _stream_infer, _stream_infer),
    _large_infer,
)
