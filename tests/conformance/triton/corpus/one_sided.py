"""Requests that only naiad gets: the real server dies of them, or never answers."""

from __future__ import annotations

from dataclasses import dataclass

from tests.conformance.triton.case import document, get, infer, infer_path, infer_text, output, post, tensor
from tests.support.http_client import request_bytes


@dataclass(frozen=True, slots=True)
class OneSided:
    """A request for naiad alone.

    Attributes:
        name: what it is.
        data: the bytes.
        statuses: of naiad's answers.
        reason: what the real server does.
    """

    name: str
    data: bytes
    statuses: tuple[int, ...]
    reason: str


_DIES_OF_SIZE = "std::length_error: it makes room for as many elements as the shape says before it looks at the data"
_DIES_OF_CLASSES = "it reads classes from elements that are not there, or not numbers"
_WAITS = "it answers the first request and looks at the next only when more bytes arrive"
_NEVER = "it neither answers nor closes the connection"

_LIVE = get("/v2/health/live")
_TABLE = document([tensor("i0", [2, 3], "INT32", [1, 2, 3, 4, 5, 6])])
_INFER = infer_text("table", _TABLE)

CASES = (
    OneSided(
        "a dimension of 63 bits", infer("table", tensor("i0", [2, (1 << 63) - 1], "INT32", [1])), (400,), _DIES_OF_SIZE
    ),
    OneSided(
        "a dimension of 64 bits", infer("table", tensor("i0", [2, (1 << 64) - 1], "INT32", [1])), (400,), _DIES_OF_SIZE
    ),
    OneSided(
        "6 GB in JSON", infer("tiny", tensor("x", [100_000_000, 16], "FP32", [1])), (400,), "it makes room for 6.4 GB"
    ),
    OneSided(
        "classes of text",
        infer("bytes", tensor("i0", [1], "BYTES", ["a"]), outputs=[output("o0", classification=1)]),
        (400,),
        _DIES_OF_CLASSES,
    ),
    OneSided(
        "classes of nothing",
        infer("fp32", tensor("i0", [0], "FP32", []), outputs=[output("o0", classification=2)]),
        (200,),
        _DIES_OF_CLASSES,
    ),
    OneSided("two at once", _LIVE * 2, (200, 200), _WAITS),
    OneSided("infer between others", get("/v2/models/table") + _INFER + _LIVE, (200, 200, 200), _WAITS),
    OneSided("a failure between others", _LIVE + post(infer_path("table"), b"{") + _LIVE, (200, 500, 200), _WAITS),
    OneSided("close between others", _LIVE + get("/v2/health/live", "Connection: close"), (200, 200), _WAITS),
    OneSided("empty lines before", b"\r\n\r\n" + _LIVE, (200,), _NEVER),
    OneSided("no version", b"GET /v2/health/live\r\nHost: a\r\n\r\n", (200,), _NEVER),
    OneSided(
        "a trailer",
        request_bytes(
            "POST",
            infer_path("table"),
            b"%x\r\n%b\r\n0\r\nX-Sum: 1\r\n\r\n" % (len(_TABLE), _TABLE),
            headers=["Transfer-Encoding: chunked"],
        ),
        (200,),
        "it answers and then waits for ever on that connection",
    ),
)
