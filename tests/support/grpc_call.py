"""A gRPC call without a connection: what a method does with it is remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from naiad.backends.base import Array
from naiad.engine.request import InferRequest
from naiad.errors import NaiadError
from naiad.server.grpc_call import GrpcCall


class FakeCall:
    """Stands for a `GrpcCall`.

    Attributes:
        sent: messages, joined.
        error: what the call was finished with.
        is_finished: whether it was.
        writable: whether the client reads.
    """

    transport: Final = "GRPC"

    def __init__(self, metadata: Mapping[bytes, bytes] | None = None) -> None:
        self.metadata = metadata or {}
        self.receiving_since_ns = 0
        self.request: InferRequest | None = None
        self.on_writable: Callable[[], None] | None = None
        self.sent: list[bytes] = []
        self.error: NaiadError | None = None
        self.is_finished = False
        self._is_paused = False
        self.writable = True

    def send(self, message: Sequence[bytes | memoryview]) -> None:
        """A message goes out."""
        assert not self.is_finished
        self.sent.append(b"".join(message))

    def finish(self, error: NaiadError | None = None) -> None:
        """The call ends."""
        if not self.is_finished:
            self.is_finished = True
            self.error = error

    def pause(self) -> None:
        """No more messages."""
        self._is_paused = True

    def resume(self) -> None:
        """Messages again."""
        self._is_paused = False

    def paused(self) -> bool:
        """Whether it hands over no messages."""
        return self._is_paused

    def read_again(self) -> None:
        """The client reads again after it had stopped."""
        self.writable = True
        if self.on_writable is not None:
            self.on_writable()

    def respond(self, request: InferRequest, outputs: Sequence[Array]) -> None:
        """A unary inference has its outputs."""
        self.send(request.plan.encode(request.id, outputs))
        self.finish()

    def fail(self, request: InferRequest, error: NaiadError) -> None:
        """A unary inference has none."""
        self.finish(error)

    def take(self, kind: Any) -> Any:
        """The only message sent, read as one of a generated class."""
        (data,) = self.sent
        self.sent.clear()
        return kind.FromString(data)


def fake_call(metadata: Mapping[bytes, bytes] | None = None) -> tuple[GrpcCall, FakeCall]:
    """A call for a method, and the same for its test."""
    call = FakeCall(metadata)
    return cast(GrpcCall, call), call
