"""gRPC's layer on HTTP/2 by hand: messages that are cut, too many, too long, or not what their prefix says."""

from __future__ import annotations

import gzip
import itertools
import zlib

import pytest
from tritonclient.grpc import service_pb2

from tests.conformance.http2.client import Client, Stream
from tests.conformance.http2.frames import Field, Frame, block, data, headers, reset
from tests.conformance.http2.requests import BODY, GRPC, POST, call, call_head, changed, message, post_head
from tests.support.server import Server

OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND = range(6)
RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = 8, 12, 13
LIVE = b"ServerLive"
METADATA = b"ModelMetadata"
TINY = b"\x0a\x04tiny"
"""A request that names the model."""
STREAM = b"ModelStreamInfer"
SLOW = 60_000
"""Steps that take a good while, and not too long."""


def answer(server: Server, *frames: Frame) -> Stream:
    """What comes back on stream 1, behind which the connection serves another call."""
    with Client(server.grpc_port) as client:
        client.greet()
        client.send(*frames)
        stream = client.read_stream(1)
        client.send(*call(101, LIVE))
        assert client.read_stream(101).grpc_status == OK
        return stream


def with_field(name: bytes, value: bytes, *, method: bytes = LIVE, content: bytes = b"") -> list[Frame]:
    """A call with a header more."""
    return [call_head(1, method, (name, value)), data(1, content or message(b""), end=True)]


def test_rpc_and_rest_on_the_same_connection(server: Server) -> None:
    with Client(server.http_port) as client:
        client.greet()
        client.send(*call(1, LIVE), post_head(3), data(3, BODY, end=True), *call(5, METADATA, TINY))
        live, metadata = client.read_stream(1), client.read_stream(5)
        assert client.read_stream(3).status == 200
        assert (live.status, live.headers["content-type"], live.grpc_status) == (200, "application/grpc", OK)
        assert (live.body == message(b"\x08\x01"), metadata.grpc_status) == (True, OK)
        assert b"tiny" in metadata.body


def test_rest_has_a_port_of_its_own(server: Server) -> None:
    assert answer(server, post_head(), data(1, BODY, end=True)).status == 404


def test_a_call_in_frames_of_one_byte(server: Server) -> None:
    content = message(TINY)
    frames = [data(1, content[place : place + 1]) for place in range(len(content))]
    assert answer(server, call_head(1, METADATA), *frames, data(1, end=True)).grpc_status == OK


@pytest.mark.parametrize(
    ("content", "statuses"),
    [
        (b"", {UNIMPLEMENTED, INTERNAL}),
        (message(TINY)[:3], {UNKNOWN, INVALID_ARGUMENT, INTERNAL}),
        (message(TINY)[:-1], {UNKNOWN, INVALID_ARGUMENT, INTERNAL}),
        (message(TINY) * 2, {UNIMPLEMENTED, INTERNAL}),
        (message(TINY) + b"\0", {UNIMPLEMENTED, UNKNOWN, INVALID_ARGUMENT, INTERNAL}),
        (message(TINY, compressed=1), {INTERNAL, UNIMPLEMENTED}),
        (message(TINY, compressed=2), {INTERNAL, UNIMPLEMENTED}),
        (message(TINY, compressed=255), {INTERNAL, UNIMPLEMENTED}),
        (message(TINY, length=0xFFFFFFFF), {RESOURCE_EXHAUSTED}),
        (message(b"\x0a\x7ftiny"), {INTERNAL, INVALID_ARGUMENT}),
        (message(b"\xff" * 20), {INTERNAL, INVALID_ARGUMENT}),
        (message(b"\x0a\x04\xff\xfe\xfd\xfc"), {INTERNAL, INVALID_ARGUMENT, NOT_FOUND}),
        (message(b"\x0a\x06nobody"), {NOT_FOUND}),
        (message(TINY + b"\xfa\x01\x03abc"), {OK}),
    ],
    ids=[
        *("no message", "prefix cut", "message cut", "two messages", "a byte more", "compressed", "flag 2", "flag 255"),
        *("four gigabytes", "field too long", "no protobuf", "no text", "no model", "a field that is not known"),
    ],
)
def test_messages(server: Server, content: bytes, statuses: set[int]) -> None:
    stream = answer(server, call_head(1, METADATA), data(1, content, end=True))
    assert (stream.status, stream.grpc_status in statuses) == (200, True), stream


def test_a_call_without_a_body(server: Server) -> None:
    fields = [*changed(POST, b":path", b"/inference.GRPCInferenceService/ServerLive"), *GRPC]
    assert answer(server, headers(1, block(fields), end=True)).grpc_status in {UNIMPLEMENTED, INTERNAL}


@pytest.mark.parametrize(
    "path",
    [
        *(
            b"/inference.GRPCInferenceService/Nothing",
            b"/inference.GRPCInferenceService/",
            b"/nothing.Service/ServerLive",
        ),
        *(b"/", b"//", b"/inference.GRPCInferenceService/ServerLive/", b"/inference.grpcinferenceservice/serverlive"),
    ],
)
def test_unknown_methods(server: Server, path: bytes) -> None:
    fields = [*changed(POST, b":path", path), *GRPC]
    stream = answer(server, headers(1, block(fields)), data(1, message(b""), end=True))
    assert (stream.status, stream.grpc_status) == (200, UNIMPLEMENTED)


@pytest.mark.parametrize("content_type", [b"application/grpc+proto", b"application/grpc;charset=utf-8"])
def test_content_types_of_grpc(server: Server, content_type: bytes) -> None:
    fields = [*changed(POST, b":path", b"/inference.GRPCInferenceService/ServerLive"), (b"content-type", content_type)]
    assert answer(server, headers(1, block(fields)), data(1, message(b""), end=True)).grpc_status == OK


@pytest.mark.parametrize(
    "more", [(), ((b"content-type", b"application/json"),), ((b"content-type", b"application/grpcx"),)]
)
def test_what_is_no_rpc_is_a_request(server: Server, more: tuple[Field, ...]) -> None:
    fields = [*changed(POST, b":path", b"/inference.GRPCInferenceService/ServerLive"), *more]
    stream = answer(server, headers(1, block(fields)), data(1, message(b""), end=True))
    assert stream.status in (404, 415)
    assert stream.grpc_status == -1


@pytest.mark.parametrize(
    ("name", "pack"),
    [(b"gzip", gzip.compress), (b"deflate", zlib.compress), (b"identity", bytes)],
    ids=["gzip", "deflate", "identity"],
)
def test_compressed_messages(server: Server, name: bytes, pack: type[bytes]) -> None:
    content = message(pack(TINY), compressed=int(name != b"identity"))
    assert answer(server, *with_field(b"grpc-encoding", name, method=METADATA, content=content)).grpc_status == OK


@pytest.mark.parametrize("name", [b"gzip", b"deflate"])
@pytest.mark.parametrize("content", [b"", b"garbage", gzip.compress(TINY, mtime=0)[:-3], zlib.compress(TINY)[:-3]])
def test_messages_that_are_not_compressed_as_they_say(server: Server, name: bytes, content: bytes) -> None:
    frames = with_field(b"grpc-encoding", name, method=METADATA, content=message(content, compressed=1))
    assert answer(server, *frames).grpc_status in {INTERNAL, INVALID_ARGUMENT}


def test_a_message_that_is_small_only_on_the_wire(server: Server) -> None:
    content = message(gzip.compress(bytes(1 << 27), 1), compressed=1)
    with Client(server.grpc_port) as client:
        client.greet()
        client.send(call_head(1, METADATA, (b"grpc-encoding", b"gzip")))
        client.send_body(1, content)
        assert client.read_stream(1).grpc_status in {INVALID_ARGUMENT, RESOURCE_EXHAUSTED}


def test_an_unknown_encoding(server: Server) -> None:
    stream = answer(server, *with_field(b"grpc-encoding", b"snappy", content=message(b"", compressed=1)))
    assert stream.grpc_status == UNIMPLEMENTED
    known = {**stream.headers, **stream.trailers}["grpc-accept-encoding"]
    assert {"identity", "gzip", "deflate"} <= {name.strip() for name in known.split(",")}


@pytest.mark.parametrize("timeout", [b"1n", b"0S", b"20m"])
def test_deadlines_end_calls(server: Server, timeout: bytes) -> None:
    """A call that takes longer is told so then, and not when it is done."""
    request = service_pb2.ModelInferRequest(model_name="spin", raw_input_contents=[SLOW.to_bytes(8, "little")])
    request.inputs.add(name="steps", datatype="INT64", shape=[1, 1])
    content = message(request.SerializeToString())
    assert answer(server, *with_field(b"grpc-timeout", timeout, method=b"ModelInfer", content=content)).grpc_status == (
        DEADLINE_EXCEEDED
    )


@pytest.mark.parametrize("timeout", [b"99999999H", b"20000m", b"1M"])
def test_deadlines_to_come(server: Server, timeout: bytes) -> None:
    assert answer(server, *with_field(b"grpc-timeout", timeout)).grpc_status == OK


@pytest.mark.parametrize("timeout", [b"1", b"S", b"-1S", b"123456789S", b"1.5S", b"1 S", b"1s"])
def test_deadlines_that_are_none(server: Server, timeout: bytes) -> None:
    assert answer(server, *with_field(b"grpc-timeout", timeout)).grpc_status in {INTERNAL, INVALID_ARGUMENT}


@pytest.mark.parametrize("value", [b"AAEC", b"AAE", b"A", b"!!!", b"AAEC,AAEC", b""])
def test_binary_metadata_may_be_anything(server: Server, value: bytes) -> None:
    assert answer(server, *with_field(b"x-trace-bin", value)).grpc_status == OK


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"HEAD"])
def test_calls_are_posts(server: Server, method: bytes) -> None:
    fields = [*changed(POST, b":path", b"/inference.GRPCInferenceService/ServerLive"), *GRPC]
    with Client(server.grpc_port) as client:
        client.greet()
        client.send(headers(1, block(changed(fields, b":method", method))), data(1, message(b""), end=True))
        stream = client.read_stream(1)
        assert stream.error is not None or stream.status == 405 or stream.grpc_status > 0


def test_a_stream_without_messages(server: Server) -> None:
    stream = answer(server, call_head(1, STREAM), data(1, end=True))
    assert (stream.grpc_status, len(stream.body)) == (OK, 0)


def test_mistakes_in_a_stream(server: Server) -> None:
    """A request that is wrong is told within the stream; one that is no protobuf ends the requests, as it does with the
    real server."""
    wrong = answer(server, call_head(1, STREAM), data(1, message(b"\x0a\x06nobody"), end=True))
    assert wrong.grpc_status == OK
    assert b"unknown model" in wrong.body
    broken = answer(server, call_head(1, STREAM), data(1, message(b"\xff\xff") + message(TINY), end=True))
    assert (broken.grpc_status, len(broken.body)) == (OK, 0)
    cut = answer(server, call_head(1, STREAM), data(1, message(TINY)[:-1], end=True))
    assert cut.grpc_status in {INTERNAL, INVALID_ARGUMENT}


def test_streams_that_are_reset_leave_the_connection(server: Server) -> None:
    with Client(server.grpc_port) as client:
        client.greet()
        for stream in range(1, 401, 2):
            client.send(call_head(stream, STREAM), data(stream, message(b"\x0a\x06nobody")))
            client.read_body(stream)
            client.send(reset(stream))
        client.send(*call(401, LIVE))
        assert client.read_stream(401).grpc_status == OK


def test_calls_interleaved(server: Server) -> None:
    streams = range(1, 101, 2)
    content = message(TINY)
    with Client(server.grpc_port) as client:
        client.greet()
        client.send(*[call_head(stream, METADATA) for stream in streams])
        for place, stream in itertools.product(range(len(content)), streams):
            client.send(data(stream, content[place : place + 1], end=place == len(content) - 1))
        assert {client.read_stream(stream).grpc_status for stream in streams} == {OK}
