"""One inference request inside the engine, and who is told how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from naiad.errors import NaiadError

if TYPE_CHECKING:
    from naiad.backends.base import Array
    from naiad.engine.model import Model

Buffer = Any
"""What a tensor's bytes lie in: any C-contiguous buffer of the right length, or an object array for BYTES."""


class Sink(Protocol):
    """Who asked. Called on the event loop, exactly once per request, and must not raise."""

    @property
    def transport(self) -> str:
        """What the request came by, as the names of moments in traces begin: HTTP, GRPC (triton.md §1.9)."""

    @property
    def receiving_since_ns(self) -> int:
        """While the request is handed to the engine: when its first byte came, or 0 when all came at once."""

    def respond(self, request: InferRequest, outputs: Sequence[Array]) -> None:
        """The answer: one array per output of the model, in the model's order, of client shape."""

    def fail(self, request: InferRequest, error: NaiadError) -> None:
        """There is no answer, for this reason."""


class InferRequest:
    """A validated request on its way through a scheduler.

    Attributes:
        model: the model version that runs it.
        sink: who is told.
        plan: what the sink needs to encode the answer; the engine does not look at it, but for timing it in a trace.
        inputs: one buffer per input of the model, in the model's order; None for an absent optional input.
        shapes: the client shape of each input, batch dimension included.
        batch_size: rows; 1 for a model that does not batch.
        batch_key: requests batch together when these are equal; None when every input's shape is fixed.
        arrived_ns: monotonic time at which the transport had the request.
        deadline_ns: monotonic time after which it must not start, or 0.
        priority: level, 1 the highest; 0 asks for the default.
        timeout_us: how long the request itself is willing to queue, or 0.
        cancelled: nobody waits for the answer any more.
    """

    __slots__ = (
        "arrived_ns",
        "batch_key",
        "batch_size",
        "cancelled",
        "deadline_ns",
        "id",
        "inputs",
        "model",
        "plan",
        "priority",
        "shapes",
        "sink",
        "timeout_us",
    )

    def __init__(
        self,
        model: Model,
        sink: Sink,
        plan: Any,
        inputs: Sequence[Buffer | None],
        shapes: Sequence[tuple[int, ...]],
        batch_size: int,
        batch_key: object,
        arrived_ns: int,
    ) -> None:
        self.model = model
        self.sink = sink
        self.plan = plan
        self.inputs = inputs
        self.shapes = shapes
        self.batch_size = batch_size
        self.batch_key = batch_key
        self.arrived_ns = arrived_ns
        self.id = ""
        self.deadline_ns = 0
        self.priority = 0
        self.timeout_us = 0
        self.cancelled = False

    @property
    def log_prefix(self) -> str:
        """How Triton names a request in a message (triton.md §1.5)."""
        return f"[request id: {self.id or '<id_unknown>'}] "
