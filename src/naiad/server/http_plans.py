"""Inference requests over HTTP: JSON and the bytes behind it, to the plan of their layout (triton.md §1.4)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

from naiad import datatypes
from naiad.engine.model import Model
from naiad.engine.request import InferRequest, Sink
from naiad.engine.shared_memory import SharedMemory
from naiad.errors import InvalidArgumentError
from naiad.protocol.infer_request import InferHeader, InputTensor, parse_infer_header
from naiad.server.answer_plan import HttpAnswerPlan
from naiad.server.infer_plan import InferPlan, remember

_MAX_TEXT_BYTES: Final = 4096


class HttpPlan:
    """The plan of one layout, and how a body of that layout is cut.

    Args:
        model: the model version.
        header: a header of that layout, which the model must accept.
        shared: the regions that its spans may lie in.

    Attributes:
        binary_bytes: how many bytes are behind the JSON.

    Raises:
        InvalidArgumentError: the model does not accept the header.
    """

    def __init__(self, model: Model, header: InferHeader, shared: SharedMemory) -> None:
        places, self.binary_bytes = _places(header.inputs)
        self._slices = [slice(*place) for place in places.values()]
        self._model = model
        self._plan = InferPlan(model, header, shared, HttpAnswerPlan)

    def request(self, header: InferHeader, binary: bytes | memoryview, sink: Sink, arrived_ns: int) -> InferRequest:
        """The engine's request for a header of this layout and the bytes behind it.

        Raises:
            InvalidArgumentError: there are too few bytes or too many, or a BYTES tensor is malformed.
            NotFoundError: a region of shared memory is not registered.
        """
        if len(binary) != self.binary_bytes:
            raise wrong_body_size(self._model, header, len(binary))
        raw = [binary[part] for part in self._slices]
        return self._plan.request(header, raw, sink, arrived_ns, request_id=header.id)


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
        self._by_layout: dict[object, HttpPlan] = {}
        self._by_text: dict[bytes, tuple[HttpPlan, InferHeader]] = {}

    def request(self, text: bytes, binary: bytes | memoryview, sink: Sink, arrived_ns: int) -> InferRequest:
        """The engine's request for a JSON header and the bytes behind it.

        Raises:
            NaiadError: it is malformed, or the model does not accept it.
        """
        known = self._by_text.get(text)
        plan, header = known if known is not None else self._read(text, len(binary))
        return plan.request(header, binary, sink, arrived_ns)

    def _read(self, text: bytes, binary_bytes: int) -> tuple[HttpPlan, InferHeader]:
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
            plan = HttpPlan(self._model, header, self._shared)
            if len(header.outputs) <= len(self._model.outputs):  # a request may name one a million times
                remember(self._by_layout, layout, plan)
        if header.is_reusable and len(text) <= _MAX_TEXT_BYTES:
            remember(self._by_text, text, (plan, header))
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
    return HttpPlan(model, header, SharedMemory()).request(header, body, sink, arrived_ns)


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
