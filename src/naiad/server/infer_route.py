"""`POST …/infer` over HTTP: where a body's JSON ends, and on to the plan of its layout (triton.md §1.4)."""

from __future__ import annotations

import re
from typing import Final

from naiad.engine.engine import Engine
from naiad.engine.shared_memory import SharedMemory
from naiad.errors import InvalidArgumentError
from naiad.protocol.compression import IDENTITY, check_encoding, choose_encoding, decompress
from naiad.server.answer_plan import CompressedAnswer
from naiad.server.exchange import Exchange
from naiad.server.http_plans import PlanCache, raw_request
from naiad.server.request_head import RequestHead

_TRANSPORT: Final = "HTTP"  # whose plans are kept with the model
_NUMBER: Final = re.compile(rb"[+-]?[0-9]{1,20}")


class InferRoute:
    """Takes the inference requests of one head.

    Args:
        engine: the models.
        name, version: of the model; the version is "" for the latest.
        head: says how the body is made up.
        max_input_bytes: the largest JSON or raw body, and tensor in JSON.
        shared: the regions of shared memory.

    Raises:
        NotFoundError, UnavailableError: there is no such model, which is told before anything else.
        UnsupportedError: the body is compressed in a way that is not known.
        InvalidArgumentError: the header that says how much of the body is JSON is no number.
    """

    __slots__ = (
        "_answer_encoding",
        "_body_encoding",
        "_engine",
        "_json_bytes",
        "_json_text",
        "_max_input_bytes",
        "_name",
        "_shared",
        "_version",
    )

    def __init__(
        self,
        engine: Engine,
        name: str,
        version: str,
        head: RequestHead,
        *,
        max_input_bytes: int,
        shared: SharedMemory,
    ) -> None:
        engine.model(name, version)
        self._engine = engine
        self._shared = shared
        self._name = name
        self._version = version
        self._max_input_bytes = max_input_bytes
        self._json_text = head.headers.get(b"inference-header-content-length")
        self._json_bytes = None if self._json_text is None else _json_bytes(self._json_text)
        self._body_encoding = check_encoding(head.headers.get(b"content-encoding", IDENTITY))
        self._answer_encoding = choose_encoding(head.headers.get(b"accept-encoding", IDENTITY))

    def __call__(self, connection: Exchange, body: bytes | memoryview, arrived_ns: int) -> None:
        """Queue one request; the connection answers it later.

        Raises:
            NaiadError: it is refused.
        """
        model = self._engine.model(self._name, self._version)
        if self._body_encoding != IDENTITY:
            body = decompress(body, self._body_encoding, max_bytes=self._max_input_bytes)
        size, json_bytes = len(body), self._json_bytes
        if json_bytes is None:
            json_bytes = size
        elif json_bytes and not 0 < json_bytes <= size:
            got = (self._json_text or b"").decode("latin-1")
            raise InvalidArgumentError(f"inference header size should be in range (0, {size}), got: {got}")
        if json_bytes:
            plans: PlanCache | None = model.plans.get(_TRANSPORT)
            if plans is None:
                plans = model.plans[_TRANSPORT] = PlanCache(model, self._max_input_bytes, self._shared)
            request = plans.request(bytes(body[:json_bytes]), body[json_bytes:], connection, arrived_ns)
        else:
            request = raw_request(model, body, connection, arrived_ns)
        if self._answer_encoding != IDENTITY:
            request.plan = CompressedAnswer(request.plan, self._answer_encoding)
        model.infer(request)
        connection.request = request


def _json_bytes(text: bytes) -> int:
    """How much of a body is JSON; 0 when the body is the raw bytes of the only input. What follows the number is passed
    over, as Triton does."""
    number = _NUMBER.match(text)
    if number is None:
        raise InvalidArgumentError(f"Unable to parse Inference-Header-Content-Length, got: {text.decode('latin-1')}")
    return int(number[0])
