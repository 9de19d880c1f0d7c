"""How the answers to one kind of request over gRPC are written: outputs always as raw contents (triton.md §2.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from naiad.backends.base import Array
from naiad.engine.model import Model
from naiad.engine.shared_memory import Region
from naiad.protocol.grpc_infer_response import output, output_start, raw_prefix, response_id, response_start
from naiad.protocol.infer_request import InferHeader, RequestedOutput
from naiad.protocol.infer_response import raw_bytes
from naiad.protocol.shared_memory import Span
from naiad.server.answer_output import COPY_BELOW_BYTES, MAX_HEADS, AnswerOutput, in_model_order


class GrpcAnswerPlan:
    """Writes answers of one model with the same outputs asked for in the same way.

    Args:
        model: the model version.
        header: asks for the outputs, which the model has.
    """

    def __init__(self, model: Model, header: InferHeader) -> None:
        wanted = header.outputs or [RequestedOutput(spec.name) for spec in model.outputs]
        self._outputs = [AnswerOutput(model, each, index) for index, each in in_model_order(model, wanted)]
        self._starts = [output_start(each.name, each.datatype) for each in self._outputs]
        self._is_plain = all(each.is_raw for each in self._outputs)
        self._start = response_start(model.name, model.version)
        # What stands before each output's bytes, by the shapes of the outputs.
        self._prefixes: dict[object, list[bytes]] = {}

    def encode(
        self, request_id: str, outputs: Sequence[Array], regions: Mapping[Span, Region] | None = None
    ) -> list[bytes | memoryview]:
        """As `AnswerPlan.encode`: a `ModelInferResponse`."""
        if not self._is_plain:
            return self._encode_mixed(request_id, outputs, regions or {})
        arrays = [outputs[each.index] for each in self._outputs]
        shapes = tuple([array.shape for array in arrays])
        prefixes = self._prefixes.get(shapes)
        if prefixes is None:
            prefixes = self._prefixes_of(shapes, [array.nbytes for array in arrays])
            if len(self._prefixes) < MAX_HEADS:
                self._prefixes[shapes] = prefixes
        first = response_id(request_id) + prefixes[0] if request_id else prefixes[0]
        if len(arrays) == 1 and arrays[0].nbytes < COPY_BELOW_BYTES:
            return [first + arrays[0].tobytes()]
        return _interleaved(
            [first, *prefixes[1:]],
            [raw_bytes(array, each.datatype) for each, array in zip(self._outputs, arrays, strict=True)],
        )

    def _encode_mixed(
        self, request_id: str, outputs: Sequence[Array], regions: Mapping[Span, Region]
    ) -> list[bytes | memoryview]:
        shapes: list[tuple[int, ...]] = []
        parts: list[bytes | memoryview] = []
        for each in self._outputs:
            array = each.prepare(outputs[each.index])
            shapes.append(array.shape)
            if each.span is not None:
                each.write(array, regions[each.span])
                parts.append(b"")  # raw contents belong to outputs by their order
            else:
                parts.append(raw_bytes(array, each.datatype))
        prefixes = self._prefixes_of(shapes, map(len, parts))
        prefixes[0] = response_id(request_id) + prefixes[0]
        return _interleaved(prefixes, parts)

    def _prefixes_of(self, shapes: Sequence[tuple[int, ...]], sizes: Iterable[int]) -> list[bytes]:
        described = [output(start, shape) for start, shape in zip(self._starts, shapes, strict=True)]
        first, *others = [raw_prefix(size) for size in sizes] or [b""]
        return [self._start + b"".join(described) + first, *others]


def _interleaved(prefixes: list[bytes], parts: list[bytes | memoryview]) -> list[bytes | memoryview]:
    """Each part behind its prefix; a model without outputs has no parts, and one prefix."""
    pieces: list[bytes | memoryview] = []
    for prefix, part in zip_longest(prefixes, parts, fillvalue=b""):
        pieces += (prefix, part)
    return pieces
