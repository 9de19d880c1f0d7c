"""How requests of one layout are served: checked once, then only cut out of their bodies.

Clients send the same header again and again with other tensors behind it. Everything that follows from the header alone
is worked out once and kept with the model (fast-path.md points 3 and 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Final

from naiad import datatypes
from naiad.backends.base import Array
from naiad.engine.admission import admit, check_string_count, string_elements
from naiad.engine.model import Model
from naiad.engine.request import Buffer, InferRequest, Sink
from naiad.engine.shared_memory import SharedMemory
from naiad.errors import InvalidArgumentError
from naiad.protocol.infer_request import InferHeader, InputTensor, parse_infer_header
from naiad.server.answer_plan import AnswerPlan, SharedAnswer

_MAX_REMEMBERED: Final = 1024
_MAX_TEXT_BYTES: Final = 4096


class InferPlan:
    """The plan of one layout for one model.

    Args:
        model: the model version.
        header: a header of that layout, which the model must accept.
        shared: the regions that its spans may lie in.

    Raises:
        InvalidArgumentError: the model does not accept the header.
    """

    def __init__(self, model: Model, header: InferHeader, shared: SharedMemory) -> None:
        admitted = admit(model, header)
        self._model = model
        self._shared = shared
        self._shapes = admitted.shapes
        self._batch_size = admitted.batch_size
        self._batch_key = admitted.batch_key
        sent = {tensor.name: position for position, tensor in enumerate(header.inputs)}
        self._order = [-1 if tensor is None else sent[tensor.name] for tensor in admitted.inputs]
        self._places, self.binary_bytes = _places(header.inputs)
        self._slices = self._plain_slices(admitted.inputs)
        self._answer = AnswerPlan(model, header.outputs, binary_output=header.binary_output)
        self._output_spans = [output.span for output in header.outputs if output.span is not None]

    def request(self, header: InferHeader, binary: bytes | memoryview, sink: Sink, arrived_ns: int) -> InferRequest:
        """The engine's request for a header of this layout and the bytes behind it.

        Raises:
            InvalidArgumentError: there are too few bytes or too many, or a BYTES tensor is malformed.
            NotFoundError: a region of shared memory is not registered.
        """
        if len(binary) != self.binary_bytes:
            raise wrong_body_size(self._model, header, len(binary))
        slices = self._slices
        inputs: Sequence[Buffer | None]
        inputs = self._gather(header, binary) if slices is None else [binary[part] for part in slices]
        answer: Any = self._answer
        if self._output_spans:
            answer = SharedAnswer(answer, {span: self._shared.region(span) for span in self._output_spans})
        request = InferRequest(
            self._model, sink, answer, inputs, self._shapes, self._batch_size, self._batch_key, arrived_ns
        )
        request.id = header.id
        request.priority = header.priority
        request.timeout_us = header.timeout_us
        return request

    def _plain_slices(self, inputs: Sequence[InputTensor | None]) -> list[slice] | None:
        """Where each input lies, when every one is a plain span of the body."""
        slices = []
        for tensor in inputs:
            if tensor is None or tensor.binary_size is None or tensor.datatype is datatypes.BYTES:
                return None
            slices.append(slice(*self._places[tensor.name]))
        return slices

    def _gather(self, header: InferHeader, binary: bytes | memoryview) -> list[Buffer | None]:
        buffers: list[Buffer | None] = []
        for position in self._order:
            tensor = None if position < 0 else header.inputs[position]
            if tensor is None or tensor.byte_size is None:
                if tensor is not None and tensor.datatype is datatypes.BYTES:
                    check_string_count(tensor.data.size, tensor.shape, **self._place(header, tensor))
                buffers.append(None if tensor is None else tensor.data)
                continue
            buffer: Buffer
            if tensor.span is not None:
                buffer = self._shared.region(tensor.span).read(tensor.span)
            else:
                buffer = binary[slice(*self._places[tensor.name])]
            if tensor.datatype is datatypes.BYTES:
                buffer = self._text(header, tensor, buffer)
            buffers.append(buffer)
        return buffers

    def _text(self, header: InferHeader, tensor: InputTensor, buffer: bytes | memoryview) -> Array:
        elements = string_elements(buffer, tensor.shape, **self._place(header, tensor))
        return datatypes.object_array(elements, tensor.shape)

    def _place(self, header: InferHeader, tensor: InputTensor) -> dict[str, str]:
        """What an error about a tensor names."""
        prefix = f"[request id: {header.id or '<id_unknown>'}] "
        return {"name": tensor.name, "model_name": self._model.name, "prefix": prefix}


class PlanCache:
    """The plans of one model, by layout, and headers that came before, by their JSON.

    Args:
        model: the model version.
        max_bytes: the largest JSON, and the largest tensor in it.
        shared: the regions that spans may lie in.
    """

    def __init__(self, model: Model, max_bytes: int, shared: SharedMemory) -> None:
        self._model = model
        self._shared = shared
        self._max_bytes = max_bytes
        self._by_layout: dict[object, InferPlan] = {}
        self._by_text: dict[bytes, tuple[InferPlan, InferHeader]] = {}

    def request(self, text: bytes, binary: bytes | memoryview, sink: Sink, arrived_ns: int) -> InferRequest:
        """The engine's request for a JSON header and the bytes behind it.

        Raises:
            NaiadError: it is malformed, or the model does not accept it.
        """
        known = self._by_text.get(text)
        plan, header = known if known is not None else self._read(text, len(binary))
        return plan.request(header, binary, sink, arrived_ns)

    def _read(self, text: bytes, binary_bytes: int) -> tuple[InferPlan, InferHeader]:
        if len(text) > self._max_bytes:
            raise InvalidArgumentError(
                f"request JSON size of {len(text)} bytes exceeds the maximum allowed input size of {self._max_bytes} "
                "bytes. Use --http-max-input-size to increase the limit."
            )
        header = parse_infer_header(text, max_bytes=self._max_bytes)
        layout = header.layout
        plan = self._by_layout.get(layout)
        if plan is None:
            if _places(header.inputs)[1] != binary_bytes:
                raise wrong_body_size(self._model, header, binary_bytes)
            plan = InferPlan(self._model, header, self._shared)
            if len(header.outputs) <= len(self._model.outputs):  # a request may name one a million times
                _remember(self._by_layout, layout, plan)
        if header.is_reusable and len(text) <= _MAX_TEXT_BYTES:
            _remember(self._by_text, text, (plan, header))
        return plan, header


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
    if spec.datatype is datatypes.BYTES:
        if spec.dims != (1,):
            raise InvalidArgumentError(
                f"{prefix}For BYTE datatype raw input '{spec.name}', the model must have input shape [1]"
            )
        ones = (1,) * len(spec.shape)
        tensor = InputTensor(spec.name, spec.datatype, ones, data=datatypes.object_array([bytes(body)], ones))
        body = b""
    else:
        tensor = InputTensor(spec.name, spec.datatype, _raw_shape(model, len(body)), binary_size=len(body))
    header = InferHeader(inputs=[tensor], binary_output=True)
    return InferPlan(model, header, SharedMemory()).request(header, body, sink, arrived_ns)


def _raw_shape(model: Model, size: int) -> tuple[int, ...]:
    prefix = "[request id: <id_unknown>] "
    spec = model.inputs[0]
    dims = list(spec.dims)
    if dims.count(-1) > 1:
        raise InvalidArgumentError(
            f"{prefix}The shape of the raw input '{spec.name}' can not be deduced because there are more than one "
            "variable-sized dimension"
        )
    if -1 in dims:
        row = prod(dim for dim in dims if dim >= 0) * spec.datatype.size_bytes
        dims[dims.index(-1)] = size // row if row else 0
    shape = (1, *dims) if model.max_batch_size else tuple(dims)
    expected = prod(shape) * spec.datatype.size_bytes
    if expected != size:
        raise InvalidArgumentError(
            f"{prefix}input byte size mismatch for input 'raw_input' for model '{model.name}'. "
            f"Expected {expected}, got {size}"
        )
    return shape


def wrong_body_size(model: Model, header: InferHeader, got: int) -> InvalidArgumentError:
    """The error for a body with more or fewer bytes behind its JSON than its inputs have (triton.md §1.4)."""
    places, _ = _places(header.inputs)
    for name, (_, end) in places.items():
        if end > got:
            return InvalidArgumentError(
                f"unexpected size for input '{name}', expecting {end - got} additional bytes for model '{model.name}'"
            )
    return InvalidArgumentError(f"unexpected additional input data for model '{model.name}'")


def _places(inputs: Sequence[InputTensor]) -> tuple[dict[str, tuple[int, int]], int]:
    """Where each binary input's bytes lie, in the order sent, and how many there are."""
    places, position = {}, 0
    for tensor in inputs:
        if tensor.binary_size is not None:
            places[tensor.name] = (position, position + tensor.binary_size)
            position += tensor.binary_size
    return places, position


def _remember(memory: dict[Any, Any], key: object, value: object) -> None:
    """Keep a value, and start over when there are too many: a client cannot make the server grow."""
    if len(memory) >= _MAX_REMEMBERED:
        memory.clear()
    memory[key] = value
