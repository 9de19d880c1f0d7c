"""One output of the answers to one kind of request, and where it goes: into the answer or into shared memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from naiad import datatypes
from naiad.backends.base import Array
from naiad.datatypes import DataType
from naiad.engine.model import Model
from naiad.engine.shared_memory import Region
from naiad.errors import InternalError
from naiad.protocol.classification import classify
from naiad.protocol.infer_request import RequestedOutput
from naiad.protocol.infer_response import raw_bytes
from naiad.protocol.shared_memory import Span

MAX_HEADS: Final = 64
"""How many heads of answers a plan keeps: one for every combination of shapes that it has seen."""

COPY_BELOW_BYTES: Final = 1 << 14
"""Smaller tensors are copied behind what stands before them; larger ones are written from where they are."""


class AnswerPlan(Protocol):
    """How answers are written; one class a transport."""

    def encode(
        self, request_id: str, outputs: Sequence[Array], regions: Mapping[Span, Region] | None = None
    ) -> list[bytes | memoryview]:
        """The whole answer as the transport sends it, in pieces to write one after the other.

        Args:
            request_id: echoed; "" for none.
            outputs: one array per output of the model, of client shape.
            regions: where outputs go that are wanted in shared memory.

        Raises:
            InvalidArgumentError: an output cannot be written as asked.
            InternalError: an output is larger than its span of shared memory.
        """


class AnswerOutput:
    """One output: which of the model's it is, and what becomes of it.

    Args:
        model: the model version.
        wanted: how it was asked for.
        index: its place among the model's outputs.

    Attributes:
        datatype: as sent.
        is_raw: the array goes into the answer as it is.
    """

    __slots__ = ("_batched", "_class_count", "_labels", "_source", "datatype", "index", "is_raw", "name", "span")

    def __init__(self, model: Model, wanted: RequestedOutput, index: int) -> None:
        spec = model.outputs[index]
        self.index = index
        self.name = wanted.name
        self.span = wanted.span
        self.datatype: DataType = datatypes.BYTES if wanted.class_count else spec.datatype
        self.is_raw = wanted.span is None and self.datatype is not datatypes.BYTES
        self._source = spec.datatype
        self._class_count = wanted.class_count
        self._labels = spec.labels
        self._batched = model.max_batch_size > 0

    def prepare(self, array: Array) -> Array:
        """The array as it is sent: itself, or its best classes.

        Raises:
            InvalidArgumentError: it has no classes.
        """
        if not self._class_count:
            return array
        return classify(array, self._source, self._class_count, batched=self._batched, labels=self._labels)

    def write(self, array: Array, region: Region) -> None:
        """Put the array into shared memory.

        Raises:
            InternalError: it does not fit.
        """
        data = raw_bytes(array, self.datatype)
        if self.span is None or len(data) > self.span.byte_size:
            raise InternalError(
                f"shared memory size specified with the request for output '{self.name}' "
                f"({self.span.byte_size if self.span else 0} bytes) should be at least {len(data)} bytes to hold the "
                "results"
            )
        region.write(self.span, data)


def in_model_order(model: Model, wanted: Sequence[RequestedOutput]) -> list[tuple[int, RequestedOutput]]:
    """The outputs in the model's order, and once each, whatever the request says: as Triton answers.

    Args:
        model: the model version.
        wanted: the outputs asked for, which the model has.
    """
    by_index = {model.output_index[output.name]: output for output in reversed(wanted)}
    return sorted(by_index.items(), key=lambda item: item[0])


class SharedAnswer:
    """Writes one request's answer, with outputs in shared memory: it holds the regions until then.

    Args:
        plan: how the answer is written.
        regions: where each span lies.
    """

    def __init__(self, plan: AnswerPlan, regions: Mapping[Span, Region]) -> None:
        self._plan = plan
        self._regions = regions

    def encode(self, request_id: str, outputs: Sequence[Array]) -> list[bytes | memoryview]:
        """As `AnswerPlan.encode`."""
        return self._plan.encode(request_id, outputs, self._regions)
