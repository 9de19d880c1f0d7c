"""How the answers to one kind of request over HTTP are written: which outputs, as what, and the bytes around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from naiad.backends.base import Array
from naiad.engine.model import Model
from naiad.engine.shared_memory import Region
from naiad.protocol.compression import compress
from naiad.protocol.infer_request import InferHeader, RequestedOutput
from naiad.protocol.infer_response import OutputEncoding, raw_bytes, response_start
from naiad.protocol.shared_memory import Span
from naiad.server.answer_output import (
    COPY_BELOW_BYTES,
    MAX_HEADS,
    AnswerOutput,
    AnswerPlan,
    SharedAnswer,
    in_model_order,
)


class HttpAnswerPlan:
    """Writes answers of one model with the same outputs asked for in the same way.

    Args:
        model: the model version.
        header: asks for the outputs, which the model has.
    """

    def __init__(self, model: Model, header: InferHeader) -> None:
        self._model = model
        wanted = header.outputs
        if not wanted:
            wanted = [RequestedOutput(spec.name, binary=header.binary_output) for spec in model.outputs]
        self._outputs = [_Output(model, output, index) for index, output in in_model_order(model, wanted)]
        self._is_plain = all(output.is_raw and output.encoding.binary for output in self._outputs)
        self._start = response_start(model.name, model.version, "")
        # Heads of answers without an id, by the shapes of their outputs.
        self._heads: dict[object, bytes] = {}

    def encode(
        self, request_id: str, outputs: Sequence[Array], regions: Mapping[Span, Region] | None = None
    ) -> list[bytes | memoryview]:
        """As `AnswerPlan.encode`: status line and headers included."""
        if not self._is_plain:
            return self._encode_mixed(request_id, outputs, regions or {})
        arrays = [outputs[output.index] for output in self._outputs]
        shapes = tuple([array.shape for array in arrays])
        head = None if request_id else self._heads.get(shapes)
        if head is None:
            head = self._plain_head(request_id, arrays)
            if not request_id and len(self._heads) < MAX_HEADS:
                self._heads[shapes] = head
        if len(arrays) == 1 and arrays[0].nbytes < COPY_BELOW_BYTES:
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


class _Output(AnswerOutput):
    """An output in JSON or behind it."""

    __slots__ = ("encoding",)

    def __init__(self, model: Model, wanted: RequestedOutput, index: int) -> None:
        super().__init__(model, wanted, index)
        self.encoding = OutputEncoding(wanted.name, self.datatype, binary=wanted.binary)


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
