"""How one request header is served: where its inputs lie in the body, and how its answer is written.

Clients send the same header again and again with other tensors behind it. Everything that follows from the header alone
is worked out once and kept with the model (fast-path.md points 3 and 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from naiad import datatypes
from naiad.backends.base import Array
from naiad.datatypes import DataType
from naiad.engine.admission import admit, string_elements
from naiad.engine.model import Model
from naiad.engine.request import Buffer, InferRequest, Sink
from naiad.errors import InvalidArgumentError
from naiad.protocol.classification import classify
from naiad.protocol.infer_request import InferHeader, InputTensor, RequestedOutput, parse_infer_header
from naiad.protocol.infer_response import OutputEncoding, raw_bytes, response_start

MAX_PLANS = 1024
MAX_PLAN_BYTES = 4096
_MAX_HEADS = 64


class InferPlan:
    """The plan of one header for one model.

    Args:
        model: the model version.
        header: its header, which the model must accept.

    Raises:
        InvalidArgumentError: the model does not accept the header.
    """

    def __init__(self, model: Model, header: InferHeader) -> None:
        self.model = model
        self.header = header
        admitted = admit(model, header)
        self.shapes = admitted.shapes
        self.batch_size = admitted.batch_size
        self.batch_key = admitted.batch_key
        self._inputs = admitted.inputs
        self._spans, self.binary_bytes = _spans(header.inputs)
        self._slices = self._fixed_slices()
        self._outputs = [_Output(model, wanted) for wanted in _wanted_outputs(model, header)]
        self._is_plain = all(output.is_plain for output in self._outputs)
        self._start = response_start(model.name, model.version, header.id)
        self._heads: dict[object, bytes] = {}

    def request(self, binary: bytes | memoryview, sink: Sink, arrived_ns: int) -> InferRequest:
        """The engine's request for these bytes.

        Raises:
            InvalidArgumentError: there are too few or too many, or a BYTES tensor is malformed.
        """
        if len(binary) != self.binary_bytes:
            raise wrong_body_size(self.model, self.header, len(binary))
        slices = self._slices
        inputs: Sequence[Buffer | None]
        inputs = [binary[part] for part in slices] if slices is not None else self._gather(binary)
        header = self.header
        request = InferRequest(self.model, sink, self, inputs, self.shapes, self.batch_size, self.batch_key, arrived_ns)
        request.id = header.id
        request.priority = header.priority
        request.timeout_us = header.timeout_us
        return request

    def encode(self, outputs: Sequence[Array]) -> list[bytes | memoryview]:
        """The whole HTTP answer, head included, in pieces to write one after the other.

        Args:
            outputs: one array per output of the model, of client shape.

        Raises:
            InvalidArgumentError: an output cannot be written as asked.
        """
        if not self._is_plain:
            return self._encode_mixed(outputs)
        arrays = [outputs[output.index] for output in self._outputs]
        shapes = tuple([array.shape for array in arrays])
        head = self._heads.get(shapes)
        if head is None:
            fragments = [
                output.encoding.fragment(array.shape, size_bytes=array.nbytes)
                for output, array in zip(self._outputs, arrays, strict=True)
            ]
            head = http_head(self._start + b",".join(fragments) + b"]}", sum(array.nbytes for array in arrays))
            if len(self._heads) < _MAX_HEADS:
                self._heads[shapes] = head
        if len(arrays) == 1 and arrays[0].nbytes < 1 << 14:
            return [head + arrays[0].tobytes()]
        return [head, *[raw_bytes(array, output.datatype) for output, array in zip(self._outputs, arrays, strict=True)]]

    def _encode_mixed(self, outputs: Sequence[Array]) -> list[bytes | memoryview]:
        fragments, parts = [], []
        for output in self._outputs:
            array = output.prepare(outputs[output.index])
            if output.encoding.binary:
                part = raw_bytes(array, output.datatype)
                fragments.append(output.encoding.fragment(array.shape, size_bytes=len(part)))
                parts.append(part)
            else:
                fragments.append(output.encoding.fragment_with_data(array))
        return [http_head(self._start + b",".join(fragments) + b"]}", sum(map(len, parts))), *parts]

    def _fixed_slices(self) -> list[slice] | None:
        """Where each input lies, when every one is a plain span of the body."""
        slices = []
        for tensor in self._inputs:
            if tensor is None or tensor.binary_size is None or tensor.datatype is datatypes.BYTES:
                return None
            slices.append(slice(*self._spans[tensor.name]))
        return slices

    def _gather(self, binary: bytes | memoryview) -> list[Buffer | None]:
        buffers: list[Buffer | None] = []
        for tensor in self._inputs:
            if tensor is None or tensor.binary_size is None:
                buffers.append(None if tensor is None else tensor.data)
                continue
            buffer: Buffer = binary[slice(*self._spans[tensor.name])]
            if tensor.datatype is datatypes.BYTES:
                buffer = self._text(tensor, buffer)
            buffers.append(buffer)
        return buffers

    def _text(self, tensor: InputTensor, buffer: bytes | memoryview) -> Array:
        prefix = f"[request id: {self.header.id or '<id_unknown>'}] "
        elements = string_elements(buffer, tensor.shape, name=tensor.name, model_name=self.model.name, prefix=prefix)
        return datatypes.object_array(elements, tensor.shape)


class _Output:
    """One output of an answer: which of the model's it is, and what becomes of it."""

    __slots__ = ("batched", "class_count", "datatype", "encoding", "index", "is_plain", "labels", "source")

    def __init__(self, model: Model, wanted: RequestedOutput) -> None:
        self.index = model.output_index[wanted.name]
        spec = model.outputs[self.index]
        self.source = spec.datatype
        self.class_count = wanted.class_count
        self.datatype: DataType = datatypes.BYTES if wanted.class_count else spec.datatype
        self.encoding = OutputEncoding(wanted.name, self.datatype, binary=wanted.binary)
        self.labels = spec.labels
        self.batched = model.max_batch_size > 0
        self.is_plain = wanted.binary and self.datatype is not datatypes.BYTES

    def prepare(self, array: Array) -> Array:
        """The array as it is sent: itself, or its best classes."""
        if not self.class_count:
            return array
        return classify(array, self.source, self.class_count, batched=self.batched, labels=self.labels)


def plan_for(model: Model, text: bytes, binary_bytes: int, *, max_bytes: int) -> InferPlan:
    """The plan for a JSON header, from the model's memory when the same header came before.

    Args:
        model: the model version.
        text: the JSON.
        binary_bytes: how many bytes are behind it.
        max_bytes: the largest tensor that JSON may carry.

    Raises:
        NaiadError: the header is malformed, promises other bytes, or the model does not accept it.
    """
    plan: InferPlan | None = model.plans.get(text)
    if plan is None:
        header = parse_infer_header(text, max_bytes=max_bytes)
        if _spans(header.inputs)[1] != binary_bytes:
            raise wrong_body_size(model, header, binary_bytes)
        plan = InferPlan(model, header)
        if header.is_reusable and len(text) <= MAX_PLAN_BYTES:
            if len(model.plans) >= MAX_PLANS:
                model.plans.clear()
            model.plans[text] = plan
    return plan


def wrong_body_size(model: Model, header: InferHeader, got: int) -> InvalidArgumentError:
    """The error for a body with more or fewer bytes behind its JSON than its inputs have (triton.md §1.4)."""
    spans, _ = _spans(header.inputs)
    for name, (_, end) in spans.items():
        if end > got:
            return InvalidArgumentError(
                f"unexpected size for input '{name}', expecting {end - got} additional bytes for model '{model.name}'"
            )
    return InvalidArgumentError(f"unexpected additional input data for model '{model.name}'")


def raw_request(model: Model, body: bytes | memoryview, sink: Sink, arrived_ns: int) -> InferRequest:
    """The request of a body that is nothing but the elements of the model's only input (triton.md §1.4, raw binary).

    A BYTES input takes the body as its one element.

    Raises:
        InvalidArgumentError: the model has several inputs, or the shape cannot be told from the size.
    """
    prefix = "[request id: <id_unknown>] "
    if len(model.inputs) != 1:
        raise InvalidArgumentError(
            f"{prefix}Raw request must only have 1 input (found 1) to be deduced but got {len(model.inputs)} inputs in "
            f"'{model.name}' model configuration"
        )
    spec = model.inputs[0]
    dims = list(spec.dims)
    if spec.datatype is datatypes.BYTES:
        if dims != [1]:
            raise InvalidArgumentError(
                f"{prefix}For BYTE datatype raw input '{spec.name}', the model must have input shape [1]"
            )
        ones = (1,) * len(spec.shape)
        text = InputTensor(spec.name, spec.datatype, ones, data=datatypes.object_array([bytes(body)], ones))
        return InferPlan(model, InferHeader(inputs=[text], binary_output=True)).request(b"", sink, arrived_ns)
    if dims.count(-1) > 1:
        raise InvalidArgumentError(
            f"{prefix}The shape of the raw input '{spec.name}' can not be deduced because there are more than one "
            "variable-sized dimension"
        )
    if -1 in dims:
        row = prod(dim for dim in dims if dim >= 0) * spec.datatype.size_bytes
        dims[dims.index(-1)] = len(body) // row if row else 0
    shape = (1, *dims) if model.max_batch_size else tuple(dims)
    expected = prod(shape) * spec.datatype.size_bytes
    if expected != len(body):
        raise InvalidArgumentError(
            f"{prefix}input byte size mismatch for input 'raw_input' for model '{model.name}'. "
            f"Expected {expected}, got {len(body)}"
        )
    tensor = InputTensor(spec.name, spec.datatype, shape, binary_size=len(body))
    return InferPlan(model, InferHeader(inputs=[tensor], binary_output=True)).request(body, sink, arrived_ns)


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


def _spans(inputs: Sequence[InputTensor]) -> tuple[dict[str, tuple[int, int]], int]:
    """Where each binary input's bytes lie, in the order sent, and how many there are."""
    spans, position = {}, 0
    for tensor in inputs:
        if tensor.binary_size is not None:
            spans[tensor.name] = (position, position + tensor.binary_size)
            position += tensor.binary_size
    return spans, position


def _wanted_outputs(model: Model, header: InferHeader) -> list[RequestedOutput]:
    if header.outputs:
        return list({output.name: output for output in reversed(header.outputs)}.values())[::-1]
    return [RequestedOutput(spec.name, binary=header.binary_output) for spec in model.outputs]
