"""`ModelInfer`: from a message to the plan of its layout, without parsing it when all but its tensors came before.

Clients send the same bytes again and again, with another id and other raw contents in the same places. A message that
agrees with an earlier one everywhere else means the same (fast-path.md point 6).
"""

from __future__ import annotations

from typing import Final

from naiad.engine.engine import Engine
from naiad.engine.request import InferRequest, Sink
from naiad.engine.shared_memory import SharedMemory
from naiad.errors import NaiadError
from naiad.protocol.grpc_infer_message import Buffer, GrpcInferMessage, read_infer_message
from naiad.protocol.grpc_infer_request import read_header, read_version
from naiad.protocol.infer_request import InferHeader
from naiad.server.grpc_answer_plan import GrpcAnswerPlan
from naiad.server.grpc_call import GrpcCall
from naiad.server.infer_plan import InferPlan, remember

_VERSION_TAG, _ID_TAG = 0x12, 0x1A
_MAX_SHORT: Final = 0x7F  # a length up to this one is one byte
_MAX_FIELDS_BYTES: Final = 4096
_MAX_ALIKE: Final = 8


class Template:
    """A message that came before, without its name, its version, its id and its raw contents.

    Args:
        message: all of it.
        request: what it was found to consist of.
        plan: of its layout.
        header: what it wants.

    Attributes:
        fields: what follows the id, up to the first raw contents.
        spans: where the raw contents lie; all places count from the end of the id.
        gaps: what lies between them: where it begins and ends, and what it is.
    """

    __slots__ = ("fields", "gaps", "header", "plan", "spans")

    def __init__(self, message: Buffer, request: GrpcInferMessage, plan: InferPlan, header: InferHeader) -> None:
        start = request.id_end
        self.plan = plan
        self.header = header
        self.spans = [(begin - start, end - start) for begin, end in request.raw_spans or ()]
        first = request.raw_spans[0][0] if request.raw_spans else len(message)
        self.fields = bytes(message[start:first])
        self.gaps = [
            (end, begin, bytes(message[start + end : start + begin]))
            for (_, end), (begin, _) in zip(self.spans, self.spans[1:], strict=False)
        ]

    def fits(self, head: bytes, message: Buffer, id_end: int) -> bool:
        """Whether a message of the same size, its id left out, has these fields.

        Args:
            head: its first bytes.
            message: all of it.
            id_end: where its id ends.
        """
        if not head.startswith(self.fields, id_end):
            return False
        return not self.gaps or all(message[id_end + begin : id_end + end] == gap for begin, end, gap in self.gaps)


class GrpcPlans:
    """What is remembered of the messages for one model.

    Attributes:
        by_layout: plans.
        by_size: templates, by how much of the message is behind its id.
    """

    __slots__ = ("by_layout", "by_size")

    def __init__(self) -> None:
        self.by_layout: dict[object, InferPlan] = {}
        self.by_size: dict[int, list[Template]] = {}


class InferReader:
    """Reads messages into requests for the engine.

    Args:
        engine: the models.
        shared: the regions of shared memory.
        max_input_bytes: of a message without its raw contents (--http-max-input-size).
    """

    def __init__(self, engine: Engine, shared: SharedMemory, *, max_input_bytes: int) -> None:
        self._engine = engine
        self._shared = shared
        self._max_input_bytes = max_input_bytes
        # Model and version, by the bytes that a message begins with.
        self._names: dict[bytes, tuple[str, str]] = {}

    def read(self, message: Buffer, sink: Sink, arrived_ns: int) -> InferRequest:
        """The request that a `ModelInferRequest` makes.

        Args:
            message: the bytes.
            sink: who is told of the outcome.
            arrived_ns: monotonic time at which it was whole.

        Raises:
            NaiadError: it is malformed, or the model does not take it.
        """
        head = message if type(message) is bytes else bytes(message[:_MAX_FIELDS_BYTES])
        request_id, id_end = "", 0
        found: Template | None = None
        try:
            # What is taken for name and version here was read properly before, or is not found.
            end = 2 + head[1]
            if head[end] == _VERSION_TAG:
                end += 2 + head[end + 1]
            name, version = self._names[head[:end]]
            id_end = end
            if head[end] == _ID_TAG and head[end + 1] <= _MAX_SHORT:
                id_end += 2 + head[end + 1]
                request_id = head[end + 2 : id_end].decode()
            model = self._engine.model(name, version)
            for template in model.plans[GrpcCall.transport].by_size[len(message) - id_end]:
                if template.fits(head, message, id_end):
                    found = template
                    break
        except (IndexError, KeyError, UnicodeDecodeError):
            pass
        if found is None:
            return self._read_anew(message, sink, arrived_ns)
        raw = [message[id_end + begin : id_end + end] for begin, end in found.spans]
        return found.plan.request(found.header, raw, sink, arrived_ns, request_id=request_id)

    def request_id(self, message: Buffer) -> str:
        """The id in a message that was refused; "" when it cannot be told."""
        try:
            return str(read_infer_message(message, max_bytes=self._max_input_bytes).message.id)
        except NaiadError:
            return ""

    def _read_anew(self, message: Buffer, sink: Sink, arrived_ns: int) -> InferRequest:
        request = read_infer_message(message, max_bytes=self._max_input_bytes)
        name, version = request.message.model_name, read_version(request.message.model_version)
        model = self._engine.model(name, version)
        header, raw = read_header(request)
        plans: GrpcPlans = model.plans.setdefault(GrpcCall.transport, GrpcPlans())
        layout = header.layout
        plan = plans.by_layout.get(layout)
        if plan is None:
            plan = InferPlan(model, header, self._shared, GrpcAnswerPlan)
            if len(header.outputs) <= len(model.outputs):  # a request may name one many times
                remember(plans.by_layout, layout, plan)
        made = plan.request(header, raw, sink, arrived_ns, request_id=header.id)
        # Contents of a type are part of the fields, and seldom come again.
        if request.raw_spans is not None and len(request.raw_spans) == len(raw):
            template = Template(message, request, plan, header)
            if len(template.fields) < _MAX_FIELDS_BYTES:
                remember(self._names, bytes(message[: request.head_size]), (name, version))
                self._remember(plans, len(message) - request.id_end, template)
        return made

    def _remember(self, plans: GrpcPlans, size: int, template: Template) -> None:
        alike = plans.by_size.get(size)
        if alike is None:
            remember(plans.by_size, size, [template])
        else:
            if len(alike) == _MAX_ALIKE:
                del alike[0]
            alike.append(template)


class ModelInfer:
    """The unary method.

    Args:
        reader: reads its messages.
    """

    def __init__(self, reader: InferReader) -> None:
        self._reader = reader

    def __call__(self, call: GrpcCall, message: Buffer, arrived_ns: int) -> None:
        """Queue one request; the call answers it later.

        Raises:
            NaiadError: it is refused.
        """
        request = self._reader.read(message, call, arrived_ns)
        request.model.infer(request)
        call.request = request
