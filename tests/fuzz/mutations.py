"""Ways to spoil a request."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from tests.fuzz.corpus import Request, any_request, in_chunks, join_head

_NUMBERS = (0, 1, -1, 2, 4, 16, 255, 2**16, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**40)
_REALS = (0.5, -0.0, 1e-320, 1e308, float("inf"), float("-inf"), float("nan"))
_TEXTS = (
    "",
    "x",
    "y",
    "i3",
    "FP32",
    "BYTES",
    "BF16",
    "TYPE_FP16",
    "KIND_GPU",
    "\0",
    "\ud800",
    "é",
    "../..",
    "a" * 3000,
)
_KEYS = (
    *("id", "inputs", "outputs", "name", "shape", "datatype", "data", "parameters", "binary_data", "binary_data_size"),
    *("classification", "shared_memory_region", "shared_memory_offset", "shared_memory_byte_size", "sequence_id"),
    *("sequence_start", "priority", "timeout", "triton_x", "config", "file:1/../../x", "file:2/model.onnx", "backend"),
    *("reshape", "sequence_batching", "ensemble_scheduling", "dims", "count", "optional", "is_shape_tensor"),
)
_HEADERS = (
    *(
        "Content-Length: {}",
        "Content-Length: {0}, {0}",
        "content-length:{}",
        "Content-Length : {}",
        "Content-Length: +{}",
    ),
    *("Inference-Header-Content-Length: {}", "Inference-Header-Content-Length: -{}"),
    *("Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity", "TE: trailers"),
    *("Transfer-Encoding:\tchunked", "Transfer-Encoding: xchunked", "Content-Encoding: gzip", "Content-Encoding: br"),
    *("Expect: 100-continue", "Expect: 200-ok", "Connection: close", "Connection: upgrade", "Upgrade: h2c"),
    *("Connection: keep-alive, close", "Accept-Encoding: gzip;q={}", "Accept-Encoding: *;q=0", "Host: a", "Host:"),
    *("Authorization: Bearer {}", "X: \x01", "X:\u00e9", ": empty", "no colon", " folded: {}", "X-Long: " + "y" * 9000),
)
_METHODS = ("PUT", "DELETE", "OPTIONS", "PATCH", "get", "G\0T", "", "POST ", "PRI", "X" * 100)
_TARGETS = (
    "*",
    "/",
    "//",
    "/v2/",
    "/v2//models",
    "http://host/v2",
    "/v2/models/%2e%2e/infer",
    "/\0",
    "/é",
    "/" + "a" * 9000,
)
_VERSIONS = ("HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.1 ", "http/1.1", "HTTP/1.10", "", "ICY/1.1")

Mutation = Callable[[Request, Random], bytes]


def json_mutated(request: Request, random: Random) -> bytes:
    """Values, members and structure of the JSON."""
    document = request.document
    if request.target.endswith("/load") and random.random() < 0.8:
        # The configuration is JSON within JSON.
        config = json.loads(document["parameters"]["config"])
        config = json.dumps(_mutate_value(config, random), ensure_ascii=random.random() < 0.5)
        document = {"parameters": {**document["parameters"], "config": config}}
    else:
        for _ in range(random.choice((1, 1, 1, 2, 5))):
            document = _mutate_value(document, random)
    text = json.dumps(document, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    if random.random() < 0.2:
        text = bytes_changed(text, random)
    elif random.random() < 0.1:
        text = random.choice((b"\xef\xbb\xbf" + text, text + b"\0x", b" " * 100 + text, text[:-1], text + text))
    return request.with_text(text).encode(random)


def head_mutated(request: Request, random: Random) -> bytes:
    """The request line, headers and lengths."""
    body = request.body()
    lines = request.head()
    framing = "Transfer-Encoding: chunked" if request.chunked else f"Content-Length: {len(body)}"
    if random.random() < 0.8:
        lines.append(framing)
    for _ in range(random.choice((1, 1, 2, 4))):
        place = random.randrange(len(lines)) + 1
        what = random.random() if len(lines) > 1 else 0
        if what < 0.6:
            number = random.choice((len(body), len(body) + 1, len(body) - 1, len(request.text), *_NUMBERS))
            lines.insert(place, random.choice(_HEADERS).format(number))
        elif what < 0.7:
            del lines[place - 1 or 1]
        elif what < 0.8:
            lines.insert(place, lines[place - 1 or 1])
        else:
            lines[0] = _request_line_mutated(request, random)
    if random.random() < 0.03:
        lines[1:1] = [f"X-{index}: y" for index in range(2000)]
    head = join_head(lines)
    if random.random() < 0.1:
        head = head.replace(b"\r\n", b"\n", random.choice((1, -1)))
    return head + (in_chunks(body, random) if request.chunked else body)


def _request_line_mutated(request: Request, random: Random) -> str:
    method, target, version = request.method, request.target, "HTTP/1.1"
    match random.randrange(3):
        case 0:
            method = random.choice(_METHODS)
        case 1:
            target = random.choice(_TARGETS)
        case _:
            version = random.choice(_VERSIONS)
    return f"{method} {target} {version}"


def binary_mutated(request: Request, random: Random) -> bytes:
    """Bytes behind the JSON: more, fewer, or others than it says."""
    binary = bytes_changed(request.binary or request.text, random)
    if random.random() < 0.5:
        binary = request.binary[: random.randrange(len(request.binary) + 1)] + bytes(random.choice((0, 1, 4, 1000)))
    return replace(request, binary=binary).encode(random)


def chunks_mutated(request: Request, random: Random) -> bytes:
    """Sizes, line ends, extensions and trailers of chunks."""
    body = in_chunks(request.body(), random)
    number = random.choice(_NUMBERS)
    old, new = random.choice(
        (
            (b"\r\n", b"\n"),
            (b"\r\n", b"\r\n\r\n"),
            (b"\r\n", b";a=b\r\n"),
            (b"\r\n", b' ; a="b"\r\n'),
            (b"0\r\n\r\n", b""),
            (b"0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n"),
            (b"0\r\n\r\n", b"0\r\nContent-Length: 5\r\nno colon\r\n\r\n"),
            (b"0\r\n\r\n", b"00000000000000000000\r\n\r\n"),
            (b"1\r\n", b"%x\r\n" % abs(number)),
            (b"7\r\n", b"-7\r\n"),
            (b"7\r\n", b"0x7\r\n"),
            (b"64\r\n", b"65\r\n"),
            (b"64\r\n", b"63\r\n"),
            (b"1388\r\n", b"%d\r\n" % number),
        )
    )
    head = join_head([*request.head(), "Transfer-Encoding: chunked"])
    return head + body.replace(old, new, random.choice((1, -1)))


def bytes_mutated(request: Request, random: Random) -> bytes:
    """Any bytes of the request."""
    data = request.encode(random)
    for _ in range(random.choice((1, 1, 2, 8))):
        data = bytes_changed(data, random)
    return data


def spliced(request: Request, random: Random) -> bytes:
    """The beginning of one request, and the end of another."""
    data, other = request.encode(random), any_request(random).encode(random)
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def compressed_mutated(request: Request, random: Random) -> bytes:
    """A compressed body with a fault, or one that grows without end."""
    request = replace(request, encoding=random.choice(("gzip", "deflate")))
    if random.random() < 0.2:
        request = request.with_text(bytes(random.choice((1 << 16, 1 << 22))))
    body = request.body()
    if random.random() < 0.8:
        body = bytes_changed(body, random)
    return join_head([*request.head(), f"Content-Length: {len(body)}"]) + body


def noise(request: Request, random: Random) -> bytes:
    """Bytes that are no request at all, and what other protocols begin with."""
    random_bytes = random.randbytes(random.choice((1, 10, 100, 3000)))
    return random.choice(
        (
            random_bytes,
            random_bytes + b"\r\n\r\n" + request.encode(random),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random_bytes,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + random_bytes,
            b"\r\n" * 50 + request.encode(random),
            b"GET / HTTP/1.1\r\n" + random_bytes,
            b"A" * 20_000,
        )
    )


MUTATIONS: tuple[Mutation, ...] = (
    *(json_mutated, json_mutated, json_mutated, json_mutated),
    *(head_mutated, head_mutated, binary_mutated, chunks_mutated),
    *(bytes_mutated, bytes_mutated, spliced, compressed_mutated, noise),
)
"""Each as often as it is worth."""


def bytes_changed(data: bytes, random: Random) -> bytes:
    """Bytes with one change somewhere."""
    start = random.randrange(len(data) + 1)
    stop = min(len(data), start + random.choice((0, 1, 1, 2, 8, 64)))
    match random.randrange(5):
        case 0:
            new = random.randbytes(stop - start)
        case 1:
            new = b""
        case 2:
            new = data[start:stop] * 3
        case 3:
            new = random.choice((b"\r\n", b"\0", b"\n", b" ", b":", b'"', b"[", b"]}", b"\xff\xff\xff\x7f", b"9" * 25))
        case _:
            new = bytes(byte ^ 1 << random.randrange(8) for byte in data[start:stop])
    return data[:start] + new + data[stop:]


def _mutate_value(value: Any, random: Random) -> Any:
    """The value with one change somewhere in it."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(list(value))
        what = random.random()
        if what < 0.12:
            return {other: each for other, each in value.items() if other != key}
        if what < 0.24:
            return {**value, random.choice(_KEYS): _any_value(random)}
        return {**value, key: _mutate_value(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.9:
        index = random.randrange(len(value))
        what = random.random()
        if what < 0.1:
            return value[:index] + value[index + 1 :]
        if what < 0.2:
            return [*value, value[index]]
        return [*value[:index], _mutate_value(value[index], random), *value[index + 1 :]]
    return [value] if random.random() < 0.1 else _any_value(random)


def _any_value(random: Random) -> Any:
    match random.randrange(6):
        case 0 | 1:
            return random.choice(_NUMBERS)
        case 2:
            return random.choice(_REALS)
        case 3:
            return random.choice(_TEXTS)
        case 4:
            return random.choice((None, True, False, [], {}, [[]], [1, "a", None], {"a": {"b": []}}))
        case _:
            nested: Any = random.choice((1, "a", {}))
            for _ in range(random.choice((1, 3, 90, 200))):
                nested = [nested] if random.random() < 0.8 else {"a": nested}
            return nested
