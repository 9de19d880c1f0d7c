"""Calls of gRPC methods, in bytes: what is sent on one HTTP/2 stream, and everything that comes back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import grpc
from google.protobuf import message_factory
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2

from benchmarks.server import LOOPBACK
from tests.conformance.triton.comparison import Difference, compare_values

TRITON = "inference.GRPCInferenceService"
TIMEOUT_S = 60.0

_METHODS = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name
_OWN = ("CANCELLED", "DEADLINE_EXCEEDED")
"""Codes that the client gives itself, in words of its library."""

_LIMITLESS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@dataclass(frozen=True, slots=True)
class Rpc:
    """One call.

    Attributes:
        method: its name, or its whole path when it starts with a slash.
        messages: what is sent; all methods are called as streams, which is the same in bytes.
        metadata: what goes along.
        timeout_s: the deadline.
        cancel_after: the call is cancelled after so many responses, and its sending side stays open until then.
        compression: `gzip` or `deflate`.
        until: the call is repeated until its last response fulfils this, when given.
        view: what is compared of the last response; all of everything when not given.
    """

    protocol: ClassVar = "gRPC"
    method: str
    messages: tuple[bytes, ...]
    metadata: tuple[tuple[str, str], ...] = ()
    timeout_s: float = TIMEOUT_S
    cancel_after: int | None = None
    compression: str = ""
    until: Callable[[Any], bool] | None = None
    view: Callable[[Any], Any] | None = None

    @property
    def path(self) -> str:
        """Where it is called."""
        return self.method if self.method.startswith("/") else f"/{TRITON}/{self.method}"

    def decoded(self, response: bytes) -> Any:
        """A response as JSON has it; its bytes where they are none of this method's messages."""
        if self.method not in _METHODS:
            return response
        try:
            made = message_factory.GetMessageClass(_METHODS[self.method].output_type).FromString(response)
        except DecodeError:
            return response
        # Fields and the keys of maps come in no order that means anything.
        return json.loads(json.dumps(MessageToDict(made, preserving_proto_field_name=True), sort_keys=True))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call brought.

    Attributes:
        status: name of the code, such as `INVALID_ARGUMENT`.
        details: the status' message.
        responses: in order.
    """

    status: str
    details: str
    responses: tuple[bytes, ...] = field(default=())


def connect(port: int) -> grpc.Channel:
    """A channel to a port on loopback, without limits for messages."""
    return grpc.insecure_channel(f"{LOOPBACK}:{port}", options=_LIMITLESS)


def compare_outcomes(rpc: Rpc, triton: Outcome, naiad: Outcome) -> list[Difference]:
    """Every difference between what a call brought from each server."""
    pairs = [("status", triton.status, naiad.status)]
    if triton.status not in _OWN:
        pairs.append(("details", triton.details, naiad.details))
    found = [Difference(part, one, other) for part, one, other in pairs if one != other]
    one, other = ([rpc.decoded(response) for response in outcome.responses] for outcome in (triton, naiad))
    if rpc.view is None:
        return found + compare_values("responses", one, other)
    return found + compare_values("view", *(rpc.view(responses[-1]) for responses in (one, other)))


def invoke(channel: grpc.Channel, rpc: Rpc) -> Outcome:
    """Make a call and collect everything that comes back."""
    finished = threading.Event()

    def messages() -> Iterator[bytes]:
        yield from rpc.messages
        if rpc.cancel_after is not None:
            finished.wait(TIMEOUT_S)

    call = channel.stream_stream(rpc.path)(
        messages(),
        timeout=rpc.timeout_s,
        metadata=rpc.metadata,
        compression=grpc.Compression[rpc.compression.capitalize()] if rpc.compression else None,
    )
    responses: list[bytes] = []
    try:
        while rpc.cancel_after is None or len(responses) < rpc.cancel_after:
            responses.append(next(call))
    except (StopIteration, grpc.RpcError):
        pass
    else:
        call.cancel()
    finally:
        finished.set()
    return Outcome(call.code().name, call.details(), tuple(responses))
