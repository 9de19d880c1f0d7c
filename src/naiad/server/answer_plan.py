"""How the answers to one kind of request are written: which outputs, as what, and the bytes around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from naiad import datatypes
from naiad.backends.base import Array
from naiad.datatypes import DataType
from naiad.engine.model import Model
from naiad.engine.shared_memory import Region
from naiad.errors import InternalError
from naiad.protocol.classification import classify
from naiad.protocol.compression import compress
from naiad.protocol.infer_request import RequestedOutput
from naiad.protocol.infer_response import OutputEncoding, raw_bytes, response_start
from naiad.protocol.shared_memory import Span

_MAX_HEADS: Final = 64
_COPY_BELOW_BYTES: Final = 1 << 14


class AnswerPlan:
    """Writes answers of one model with the same outputs asked for in the same way.

    Args:
        model: the model version.
        wanted: the outputs asked for; empty for all of them.
        binary_output: all outputs as bytes, when none is listed.
    """

    def __init__(self, model: Model, wanted: Sequence[RequestedOutput], *, binary_output: bool) -> None:
        self._model = model
        if not wanted:
            wanted = [RequestedOutput(spec.name, binary=binary_output) for spec in model.outputs]
        # In the model's order, and once each, whatever the request says: as Triton answers.
        by_index = {model.output_index[output.name]: output for output in reversed(wanted)}
        self._outputs = [_Output(model, by_index[index], index) for index in sorted(by_index)]
        self._is_plain = all(output.is_plain for output in self._outputs)
        self._start = response_start(model.name, model.version, "")
        # Heads of answers without an id, by the shapes of their outputs.
        self._heads: dict[object, bytes] = {}

    def encode(
        self, request_id: str, outputs: Sequence[Array], regions: Mapping[Span, Region] | None = None
    ) -> list[bytes | memoryview]:
        """The whole HTTP answer, head included, in pieces to write one after the other.

        Args:
            request_id: echoed; "" for none.
            outputs: one array per output of the model, of client shape.
            regions: where outputs go that are wanted in shared memory.

        Raises:
            InvalidArgumentError: an output cannot be written as asked.
            InternalError: an output is larger than its span of shared memory.
        """
        if not self._is_plain:
            return self._encode_mixed(request_id, outputs, regions or {})
        arrays = [outputs[output.index] for output in self._outputs]
        shapes = tuple([array.shape for array in arrays])
        head = None if request_id else self._heads.get(shapes)
        if head is None:
            head = self._plain_head(request_id, arrays)
            if not request_id and len(self._heads) < _MAX_HEADS:
                self._heads[shapes] = head
        if len(arrays) == 1 and arrays[0].nbytes < _COPY_BELOW_BYTES:
            return [head + arrays[0].tobytes()]
        return [head, *[raw_bytes(array, output.datatype) for output, array in zip(self._outputs, arrays, strict=True)]]

    def _plain_head(self, request_id: str, arrays: Sequence[Array]) -> bytes:
        fragments = [
            output.encoding.fragment(array.shape, size_bytes=array.nbytes)
            for output, array in zip(self._outputs, arrays, strict=True)
        ]
        return http_head(self._json(request_id, fragments), sum(array.nbytes for array in arrays))

    def _encode_mixed(
        self, request_id: str, outputs: Sequence[Array], regions: Mapping[Span, Region]
    ) -> list[bytes | memoryview]:
        fragments, parts = [], []
        for output in self._outputs:
            array = output.prepare(outputs[output.index])
            if output.span is not None:
                output.write(array, regions[output.span])
                fragments.append(output.encoding.fragment_alone(array.shape))
            elif output.encoding.binary:
                part = raw_bytes(array, output.datatype)
                fragments.append(output.encoding.fragment(array.shape, size_bytes=len(part)))
                parts.append(part)
            else:
                fragments.append(output.encoding.fragment_with_data(array))
        return [http_head(self._json(request_id, fragments), sum(map(len, parts))), *parts]

    def _json(self, request_id: str, fragments: Sequence[bytes]) -> bytes:
        start = response_start(self._model.name, self._model.version, request_id) if request_id else self._start
        return b"%b%b]}" % (start, b",".join(fragments))


class _Output:
    """One output of an answer: which of the model's it is, and what becomes of it."""

    __slots__ = ("batched", "class_count", "datatype", "encoding", "index", "is_plain", "labels", "source", "span")

    def __init__(self, model: Model, wanted: RequestedOutput, index: int) -> None:
        self.index = index
        spec = model.outputs[index]
        self.source = spec.datatype
        self.class_count = wanted.class_count
        self.datatype: DataType = datatypes.BYTES if wanted.class_count else spec.datatype
        self.encoding = OutputEncoding(wanted.name, self.datatype, binary=wanted.binary)
        self.labels = spec.labels
        self.batched = model.max_batch_size > 0
        self.span = wanted.span
        self.is_plain = wanted.binary and wanted.span is None and self.datatype is not datatypes.BYTES

    def prepare(self, array: Array) -> Array:
        """The array as it is sent: itself, or its best classes."""
        if not self.class_count:
            return array
        return classify(array, self.source, self.class_count, batched=self.batched, labels=self.labels)

    def write(self, array: Array, region: Region) -> None:
        """Put the array into shared memory.

        Raises:
            InternalError: it does not fit.
        """
        data = raw_bytes(array, self.datatype)
        if self.span is None or len(data) > self.span.byte_size:
            raise InternalError(
                f"shared memory size specified with the request for output '{self.encoding.name}' "
                f"({self.span.byte_size if self.span else 0} bytes) should be at least {len(data)} bytes to hold the "
                "results"
            )
        region.write(self.span, data)


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


class CompressedAnswer:
    """Writes answers compressed (triton.md §1.4).

    Args:
        plan: how they are written otherwise.
        encoding: gzip or deflate.
    """

    def __init__(self, plan: AnswerPlan | SharedAnswer, encoding: bytes) -> None:
        self._plan = plan
        self._encoding = encoding

    def encode(self, request_id: str, outputs: Sequence[Array]) -> list[bytes | memoryview]:
        """As `AnswerPlan.encode`."""
        head, _, body = b"".join(self._plan.encode(request_id, outputs)).partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length:")]
        packed = compress(body, self._encoding)
        lines += [b"Content-Encoding: " + self._encoding, b"Content-Length: %d" % len(packed)]
        return [b"\r\n".join(lines) + b"\r\n\r\n" + packed]


def http_head(json_text: bytes, binary_bytes: int) -> bytes:
    """Status line, headers and JSON of a successful answer with `binary_bytes` behind it."""
    if not binary_bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
            len(json_text),
            json_text,
        )
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nInference-Header-Content-Length: %d\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(json_text), len(json_text) + binary_bytes, json_text)
    )
