"""The rows of the benchmark: what is sent, from how many clients, and by how much naiad must win."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.models import IMG, MAX_BATCH_SIZE, MLP, TINY, Model

Peer = Literal["triton", "onnxruntime"]
Transport = Literal["HTTP", "gRPC"]


@dataclass(frozen=True, slots=True)
class LoadRow:
    """Throughput of one request under load.

    Attributes:
        name: how `--only` and the JSON name it.
        model: which model is asked.
        clients: connections.
        streams: requests of each connection that are open at a time; the next one is sent when one is answered.
        budget: the least ratio of naiad's rate to the peer's (DESIGN.md §5).
        transport: what the request travels by.
        binary: whether tensors travel as bytes or as JSON, over HTTP.
        batch_size: rows of the input in one request.
        peer: the real Triton, or onnxruntime alone in a loop at the model's largest batch.
    """

    name: str
    model: Model
    clients: int
    budget: float
    streams: int = 1
    transport: Transport = "HTTP"
    binary: bool = True
    batch_size: int = 1
    peer: Peer = "triton"

    @property
    def title(self) -> str:
        """What the table calls it."""
        tensors = "binary" if self.binary else f"JSON, {self.floats} floats"
        way = "gRPC" if self.transport == "gRPC" else tensors
        against = f", against onnxruntime alone at batch {MAX_BATCH_SIZE}" if self.peer == "onnxruntime" else ""
        clients = "1 client" if self.clients == 1 else f"{self.clients} clients"
        streams = f" with {self.streams} streams" if self.streams > 1 else ""
        return f"{self.model.name}, {way}, {clients}{streams}{against}"

    @property
    def floats(self) -> int:
        """Elements of one request's input."""
        count = self.batch_size
        for dim in self.model.input_dims:
            count *= dim
        return count


@dataclass(frozen=True, slots=True)
class FootprintRow:
    """A number that should be small, measured on a server that has loaded only `tiny`.

    Attributes:
        name: how `--only` and the JSON name it.
        title: what the table calls it.
        unit: `s` or `MB`.
        budget: the least ratio of the peer's number to naiad's (DESIGN.md §5: faster, smaller).
    """

    name: str
    title: str
    unit: Literal["s", "MB"]
    budget: float = 1.0


LOAD_ROWS = (
    LoadRow("tiny-1", TINY, 1, 3.0),
    LoadRow("tiny-16", TINY, 16, 4.0),
    LoadRow("tiny-64", TINY, 64, 5.0),
    LoadRow("json-16", TINY, 64, 2.0, binary=False),
    LoadRow("json-256", TINY, 64, 2.0, binary=False, batch_size=16),
    LoadRow("mlp-64", MLP, 64, 2.0),
    LoadRow("mlp-64-bare", MLP, 64, 0.7, peer="onnxruntime"),
    LoadRow("img-64", IMG, 64, 2.0),
    LoadRow("grpc-tiny-1", TINY, 1, 2.0, transport="gRPC"),
    LoadRow("grpc-tiny-16", TINY, 16, 2.0, transport="gRPC"),
    LoadRow("grpc-tiny-64", TINY, 64, 2.5, transport="gRPC"),
    LoadRow("grpc-tiny-streams", TINY, 1, 2.5, streams=64, transport="gRPC"),
    LoadRow("grpc-mlp-1", MLP, 1, 2.0, transport="gRPC"),
    LoadRow("grpc-mlp-16", MLP, 16, 2.0, transport="gRPC"),
    LoadRow("grpc-mlp-64", MLP, 64, 2.0, transport="gRPC"),
    LoadRow("grpc-img-64", IMG, 64, 2.0, transport="gRPC"),
)
READY = FootprintRow("ready", "ready after start, tiny", "s")
MEMORY = FootprintRow("memory", "resident memory idle, tiny", "MB")
ROW_NAMES = (*(row.name for row in LOAD_ROWS), READY.name, MEMORY.name)
