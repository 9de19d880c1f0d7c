"""Parts of the engine without the rest: specs, requests, sinks and runtimes that do as they are told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from naiad.backends.base import Array, RuntimeModel
from naiad.datatypes import BY_NAME
from naiad.engine.model import Model
from naiad.engine.request import InferRequest
from naiad.engine.scheduler import Scheduler
from naiad.engine.statistics import ModelStatistics
from naiad.engine.tensor_spec import TensorSpec
from naiad.errors import NaiadError
from naiad.messages import model_config_pb2

NO_MODEL = cast(Model, None)


def spec(
    name: str = "x",
    datatype: str = "FP32",
    dims: Sequence[int] = (2,),
    *,
    batched: bool = True,
    reshape: Sequence[int] | None = None,
    optional: bool = False,
    labels: list[str] | None = None,
) -> TensorSpec:
    """What a model takes or gives."""
    message = model_config_pb2.ModelInput(
        name=name, data_type=BY_NAME[datatype].config_number, dims=list(dims), optional=optional
    )
    if reshape is not None:
        message.reshape.SetInParent()
        message.reshape.shape.extend(reshape)
    return TensorSpec(message, batched=batched, labels=labels)


class RecordingSink:
    """Remembers what became of every request.

    Attributes:
        answers: outputs by request.
        failures: errors by request.
        order: requests in the order in which they were told.
    """

    transport = "HTTP"
    receiving_since_ns = 0

    def __init__(self) -> None:
        self.answers: dict[InferRequest, list[Array]] = {}
        self.failures: dict[InferRequest, NaiadError] = {}
        self.order: list[InferRequest] = []

    def respond(self, request: InferRequest, outputs: Sequence[Array]) -> None:
        """An answer; a second one for the same request is an error."""
        assert request not in self.order
        self.order.append(request)
        self.answers[request] = list(outputs)

    def fail(self, request: InferRequest, error: NaiadError) -> None:
        """A refusal; a second one for the same request is an error."""
        assert request not in self.order
        self.order.append(request)
        self.failures[request] = error


def infer_request(
    *buffers: Any,
    sink: RecordingSink | None = None,
    shapes: Sequence[tuple[int, ...]] = (),
    rows: int = 1,
    key: object = None,
    arrived_ns: int = 0,
    priority: int = 0,
    timeout_us: int = 0,
    identity: str = "",
) -> InferRequest:
    """A validated request for a model that nobody looks at."""
    request = InferRequest(NO_MODEL, sink or RecordingSink(), None, buffers, shapes, rows, key, arrived_ns)
    request.priority = priority
    request.timeout_us = timeout_us
    request.id = identity
    return request


class GatedRuntime:
    """A runtime that answers with its inputs, and waits at a gate before that.

    Attributes:
        batches: rows of each batch that it has begun, in order.
        gate: open at first.
        error: raised instead of answering, when set.
    """

    def __init__(self, transform: Callable[[Sequence[Array | None]], list[Array]] | None = None) -> None:
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.transform = transform

    def __call__(self, arrays: Sequence[Array | None]) -> list[Array]:
        """Run one batch."""
        first = next((array for array in arrays if array is not None), np.zeros(0))
        self.batches.append(first.shape[0] if first.ndim else 1)
        assert self.gate.wait(20), "nobody opened the gate"
        if self.error is not None:
            raise self.error
        if self.transform is not None:
            return self.transform(arrays)
        return [array for array in arrays if array is not None]


def idle_model(
    inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec] = (), *, name: str = "m", max_batch_size: int = 8
) -> Model:
    """A model that can be asked what it takes, but not run."""

    def enqueue(_: InferRequest) -> None:
        raise AssertionError("an idle model does not run")

    config = model_config_pb2.ModelConfig(name=name, max_batch_size=max_batch_size)
    return Model(
        name,
        1,
        config,
        runtime=cast(RuntimeModel, None),
        scheduler=cast(Scheduler, SimpleNamespace(enqueue=enqueue)),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        statistics=ModelStatistics(),
    )
