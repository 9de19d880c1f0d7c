"""`POST …/generate` and `…/generate_stream` over HTTP: a JSON object in, one back, or events of one (triton.md §1.10).

The engine answers a request once. An answer is sent in chunks all the same, as tritonserver sends it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from naiad.backends.base import Array
from naiad.engine.admission import admit
from naiad.engine.engine import Engine
from naiad.engine.model import Model
from naiad.engine.request import InferRequest
from naiad.errors import InternalError, InvalidArgumentError, NaiadError
from naiad.protocol.compression import IDENTITY
from naiad.protocol.generate import TensorMetadata, event, generate_json, parse_generate
from naiad.server.exchange import Exchange
from naiad.server.request_head import RequestHead
from naiad.server.response import JSON, Response, error_response

logger = logging.getLogger(__name__)

_EVENTS: Final = b"text/event-stream; charset=utf-8"
_FAILED: Final = 400


class GenerateRoute:
    """Takes the generate requests of one head.

    Args:
        engine: the models.
        name, version: of the model; the version is "" for the latest.
        head: says how the body is encoded, and what the client understands.
        streams: answers as server-sent events.
        max_input_bytes: of all tensors of a request together.
    """

    __slots__ = ("_chunked", "_encoding", "_engine", "_max_input_bytes", "_name", "_streams", "_version")

    def __init__(
        self, engine: Engine, name: str, version: str, head: RequestHead, *, streams: bool, max_input_bytes: int
    ) -> None:
        self._engine = engine
        self._name = name
        self._version = version
        self._streams = streams
        self._max_input_bytes = max_input_bytes
        self._encoding = head.headers.get(b"content-encoding", IDENTITY).strip().lower()
        self._chunked = head.takes_chunks

    def __call__(self, connection: Exchange, body: bytes | memoryview, arrived_ns: int) -> None:
        """Queue one request; the connection answers it later.

        Raises:
            NaiadError: it is refused.
        """
        model = self._engine.model(self._name, self._version)
        if self._encoding not in (b"", IDENTITY):
            raise InvalidArgumentError("Unsupported content-encoding, only 'identity' is supported.")
        inputs: dict[str, TensorMetadata] = {spec.name: spec for spec in model.inputs}
        header = parse_generate(body, inputs, max_bytes=self._max_input_bytes)
        admitted = admit(model, header)
        request = InferRequest(
            model,
            GenerateSink(connection, streams=self._streams, chunked=self._chunked),
            GeneratePlan(model),
            [None if tensor is None else tensor.data for tensor in admitted.inputs],
            admitted.shapes,
            admitted.batch_size,
            admitted.batch_key,
            arrived_ns,
        )
        request.id = header.id
        model.infer(request)
        connection.request = request


class GenerateSink:
    """Writes the answer to one request.

    Args:
        connection: that waits for it.
        streams: as a server-sent event.
        chunked: in chunks; a client of HTTP/1.0 does not understand them.
    """

    __slots__ = ("_chunked", "_connection", "_streams")

    transport: Final = "HTTP"

    def __init__(self, connection: Exchange, *, streams: bool, chunked: bool) -> None:
        self._connection = connection
        self._streams = streams
        self._chunked = chunked

    @property
    def receiving_since_ns(self) -> int:
        """As the connection's."""
        return self._connection.receiving_since_ns

    def respond(self, request: InferRequest, outputs: Sequence[Array]) -> None:
        """The outputs are there."""
        try:
            text = request.plan.encode(request.id, outputs)
        except NaiadError as error:
            self.fail(request, error)
        except Exception:
            logger.exception("unexpected error while encoding outputs of '%s'", request.model.name)
            self.fail(request, InternalError("unexpected internal error, see the server's log"))
        else:
            self._answer(200, text)

    def fail(self, request: InferRequest, error: NaiadError) -> None:
        """There are none. Whatever went wrong after a request was taken on, tritonserver's status is 400 here."""
        self._answer(_FAILED, error_response(error).body)

    def _answer(self, status: int, text: bytes) -> None:
        body, content_type = (event(text), _EVENTS) if self._streams else (text, JSON)
        self._connection.answer(Response(status, body, content_type, chunked=self._chunked))


class GeneratePlan:
    """Writes the JSON of an answer.

    Args:
        model: that gives the outputs.
    """

    __slots__ = ("_model",)

    def __init__(self, model: Model) -> None:
        self._model = model

    def encode(self, request_id: str, outputs: Sequence[Array]) -> bytes:
        """The object of one response.

        Raises:
            InvalidArgumentError: an output is of a type that does not travel through JSON.
        """
        specs = self._model.outputs
        named = [(spec.name, spec.datatype, output) for spec, output in zip(specs, outputs, strict=True)]
        return generate_json(self._model.name, self._model.version, request_id, named)
