"""How requests of one layout are served: checked once, then only cut out of their messages.

Clients send the same header again and again with other tensors behind it. Everything that follows from the header alone
is worked out once and kept with the model (fast-path.md points 3 and 6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from naiad import datatypes
from naiad.backends.base import Array
from naiad.engine.admission import admit, check_string_count, string_elements
from naiad.engine.model import Model
from naiad.engine.request import Buffer, InferRequest, Sink
from naiad.engine.shared_memory import SharedMemory
from naiad.protocol.infer_request import InferHeader, InputTensor
from naiad.server.answer_output import AnswerPlan, SharedAnswer

_MAX_REMEMBERED: Final = 1024


class InferPlan:
    """The plan of one layout for one model.

    Args:
        model: the model version.
        header: a header of that layout, which the model must accept.
        shared: the regions that its spans may lie in.
        answer: makes what writes its answers.

    Raises:
        NotFoundError: a region of shared memory is not registered.
        InvalidArgumentError: a span reaches beyond its region, or the model does not accept the header.
    """

    def __init__(
        self,
        model: Model,
        header: InferHeader,
        shared: SharedMemory,
        answer: Callable[[Model, InferHeader], AnswerPlan],
    ) -> None:
        self._output_spans = [output.span for output in header.outputs if output.span is not None]
        for span in [*(tensor.span for tensor in header.inputs if tensor.span is not None), *self._output_spans]:
            shared.region(span)
        admitted = admit(model, header)
        self._model = model
        self._shared = shared
        self._shapes = admitted.shapes
        self._batch_size = admitted.batch_size
        self._batch_key = admitted.batch_key
        sent = {tensor.name: position for position, tensor in enumerate(header.inputs)}
        self._order = [-1 if tensor is None else sent[tensor.name] for tensor in admitted.inputs]
        raw = [tensor.name for tensor in header.inputs if tensor.binary_size is not None]
        self._raw_index = {name: index for index, name in enumerate(raw)}
        # Where each input lies among the raw ones, when every one is nothing but bytes.
        self._plain = [
            self._raw_index[tensor.name]
            for tensor in admitted.inputs
            if tensor is not None and tensor.binary_size is not None and tensor.datatype is not datatypes.BYTES
        ]
        self._is_plain = len(self._plain) == len(admitted.inputs)
        self._is_as_sent = self._is_plain and self._plain == list(range(len(raw)))
        self._answer = answer(model, header)

    def request(
        self, header: InferHeader, raw: Sequence[Buffer], sink: Sink, arrived_ns: int, *, request_id: str
    ) -> InferRequest:
        """The engine's request for a header of this layout.

        Args:
            header: of this layout.
            raw: the bytes of each input that has a binary size, of that size, in the order sent.
            sink: who asks.
            arrived_ns: when.
            request_id: "" for none.

        Raises:
            InvalidArgumentError: a BYTES tensor is malformed.
            NotFoundError: a region of shared memory is not registered.
        """
        inputs: Sequence[Buffer | None] = raw
        if not self._is_as_sent:
            inputs = [raw[index] for index in self._plain] if self._is_plain else self._gather(header, raw, request_id)
        answer: Any = self._answer
        if self._output_spans:
            answer = SharedAnswer(answer, {span: self._shared.region(span) for span in self._output_spans})
        request = InferRequest(
            self._model, sink, answer, inputs, self._shapes, self._batch_size, self._batch_key, arrived_ns
        )
        request.id = request_id
        request.priority = header.priority
        request.timeout_us = header.timeout_us
        return request

    def _gather(self, header: InferHeader, raw: Sequence[Buffer], request_id: str) -> list[Buffer | None]:
        buffers: list[Buffer | None] = []
        for position in self._order:
            tensor = None if position < 0 else header.inputs[position]
            if tensor is None or tensor.byte_size is None:
                if tensor is not None and tensor.datatype is datatypes.BYTES:
                    check_string_count(tensor.data.size, tensor.shape, **self._place(tensor, request_id))
                buffers.append(None if tensor is None else tensor.data)
                continue
            buffer: Buffer
            if tensor.span is not None:
                buffer = self._shared.region(tensor.span).read(tensor.span)
            else:
                buffer = raw[self._raw_index[tensor.name]]
            if tensor.datatype is datatypes.BYTES:
                buffer = self._text(tensor, buffer, request_id)
            buffers.append(buffer)
        return buffers

    def _text(self, tensor: InputTensor, buffer: bytes | memoryview, request_id: str) -> Array:
        elements = string_elements(buffer, tensor.shape, **self._place(tensor, request_id))
        return datatypes.object_array(elements, tensor.shape)

    def _place(self, tensor: InputTensor, request_id: str) -> dict[str, str]:
        """What an error about a tensor names."""
        prefix = f"[request id: {request_id or '<id_unknown>'}] "
        return {"name": tensor.name, "model_name": self._model.name, "prefix": prefix}


def remember(memory: dict[Any, Any], key: object, value: object) -> None:
    """Keep a value, and start over when there are too many: a client cannot make the server grow."""
    if len(memory) >= _MAX_REMEMBERED:
        memory.clear()
    memory[key] = value
