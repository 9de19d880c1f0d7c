"""Where two replies differ, but for what differs by nature: times, names of the servers, the spelling of floats."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from tests.conformance.triton.wire import Answer, Reply

HEADERS = (
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-type",
    "transfer-encoding",
    "www-authenticate",
)
"""Those that a client acts upon; the others are counted lengths, and are checked by reading what they count."""

NATURAL = ("*/ns", "*/last_inference", "*/parameters/order", "*/metric_tags/order", "*/priority_queue_policy/order")
"""Paths of values that no two servers have in common: times, and the order of maps."""

ABSENT = "(absent)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the servers say differently.

    Attributes:
        part: what, such as `status`, `header/content-type` or `body/outputs/0/shape`.
        triton, naiad: what each says.
    """

    part: str
    triton: Any
    naiad: Any

    def __str__(self) -> str:
        return f"{self.part}: triton {_short(self.triton)}, naiad {_short(self.naiad)}"


def compare(triton: Reply, naiad: Reply) -> list[Difference]:
    """Every difference between two replies to the same bytes."""
    counts = tuple([answer.status for answer in reply.answers] for reply in (triton, naiad))
    if len(counts[0]) != len(counts[1]):
        return [Difference("answers", *counts)]
    found: list[Difference] = []
    for index, (one, other) in enumerate(zip(triton.answers, naiad.answers, strict=True)):
        prefix = f"answer{index}/" if len(triton.answers) > 1 else ""
        found += [Difference(prefix + each.part, each.triton, each.naiad) for each in _compare_answers(one, other)]
    if triton.afterwards != naiad.afterwards:
        found.append(Difference("afterwards", triton.afterwards, naiad.afterwards))
    return found


def compare_values(part: str, triton: Any, naiad: Any) -> list[Difference]:
    """Every difference between two JSON values, or texts.

    Args:
        part: what they are.
        triton, naiad: the values.
    """
    return [each for each in _walk(part, triton, naiad, "") if not _is_natural(each.part)]


def _compare_answers(triton: Answer, naiad: Answer) -> Iterator[Difference]:
    for part in ("version", "status", "reason"):
        if getattr(triton, part) != getattr(naiad, part):
            yield Difference(part, getattr(triton, part), getattr(naiad, part))
    for name in HEADERS:
        one, other = triton.headers.get(name, ABSENT), naiad.headers.get(name, ABSENT)
        if one != other:
            yield Difference(f"header/{name}", one, other)
    yield from _compare_bodies(triton, naiad)


def _compare_bodies(triton: Answer, naiad: Answer) -> Iterator[Difference]:
    one, other = _unpacked(triton), _unpacked(naiad)
    (one_text, one_binary), (other_text, other_binary) = _split(triton, one), _split(naiad, other)
    try:
        one_json, other_json = _documents(triton, one_text), _documents(naiad, other_text)
    except ValueError:
        if one != other:
            yield Difference("body", one.decode("latin-1"), other.decode("latin-1"))
        return
    yield from compare_values("body", one_json, other_json)
    if one_binary != other_binary:
        yield Difference("binary", one_binary, other_binary)


def _unpacked(answer: Answer) -> bytes:
    encoding = answer.headers.get("content-encoding", "identity")
    if encoding == "gzip":
        return gzip.decompress(answer.body)
    return zlib.decompress(answer.body) if encoding == "deflate" else answer.body


def _split(answer: Answer, body: bytes) -> tuple[bytes, bytes | None]:
    size = answer.headers.get("inference-header-content-length")
    return (body, None) if size is None else (body[: int(size)], body[int(size) :])


def _documents(answer: Answer, text: bytes) -> Any:
    """The body's JSON; a list of documents for server-sent events."""
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        events = text.decode().split("\n\n")
        return [json.loads(event.removeprefix("data: ")) for event in events if event]
    return json.loads(text)


def _walk(path: str, triton: Any, naiad: Any, datatype: str) -> Iterator[Difference]:
    if isinstance(triton, dict) and isinstance(naiad, dict):
        yield from _walk_objects(path, triton, naiad)
    elif isinstance(triton, list) and isinstance(naiad, list):
        if len(triton) != len(naiad):
            yield Difference(f"{path}/length", triton, naiad)
            return
        for index, (one, other) in enumerate(zip(triton, naiad, strict=True)):
            yield from _walk(f"{path}/{index}", one, other, datatype)
    elif not _is_same(triton, naiad, datatype):
        yield Difference(path, triton, naiad)


def _walk_objects(path: str, triton: dict[str, Any], naiad: dict[str, Any]) -> Iterator[Difference]:
    shared = [name for name in triton if name in naiad]
    datatype = triton.get("datatype", "") if triton.get("datatype") == naiad.get("datatype") else ""
    for name in shared:
        yield from _walk(f"{path}/{name}", triton[name], naiad[name], str(datatype))
    for name in triton:
        if name not in naiad:
            yield Difference(f"{path}/{name}", triton[name], ABSENT)
    for name in naiad:
        if name not in triton:
            yield Difference(f"{path}/{name}", ABSENT, naiad[name])
    order = [name for name in naiad if name in triton]
    if shared != order:
        yield Difference(f"{path}/order", shared, order)


def _is_same(triton: Any, naiad: Any, datatype: str) -> bool:
    if type(triton) is not type(naiad):
        return False
    if isinstance(triton, float) and not (math.isnan(triton) and math.isnan(naiad)):
        # Triton's writer is not always exact in the last digit of a double.
        return bool(np.float32(triton) == np.float32(naiad)) if datatype == "FP32" else _is_close(triton, naiad)
    return isinstance(triton, float) or bool(triton == naiad)


def _is_close(one: float, other: float) -> bool:
    return one == other or math.isclose(one, other, rel_tol=4 * float(np.finfo(np.float64).eps))


def _is_natural(part: str) -> bool:
    return any(fnmatchcase(part, pattern) for pattern in NATURAL)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:400]}… ({len(text)} characters)"
