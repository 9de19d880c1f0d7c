"""Where two answers differ, but for what differs by nature: dates, new ids, times, the host's name, connections."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.conformance.azureml.exchange import Answer
from tests.conformance.azureml.ledger import Difference

_OF_THE_TRANSPORT = frozenset(("connection", "content-length", "date", "keep-alive", "server"))
_SETS = frozenset(("access-control-allow-headers", "access-control-allow-methods", "allow"))
_MADE_UP = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "(a new id)"),
    (re.compile(r"\d+\.\d{3}"), "(milliseconds)"),
    (re.compile(r"(azmlinfsrv|naiad)/[\d.]+"), "(the host)"),
)
_PROSE = "description"
ABSENT = "(absent)"


def compare(azureml: Answer, naiad: Answer) -> Iterator[Difference]:
    """Every difference between two answers to the same request."""
    if azureml.status != naiad.status:
        yield Difference("status", azureml.status, naiad.status)
    one, other = _headers(azureml), _headers(naiad)
    for name in sorted(one.keys() | other.keys()):
        if one.get(name) != other.get(name):
            yield Difference(f"header/{name}", one.get(name, ABSENT), other.get(name, ABSENT))
    if azureml.body != naiad.body:
        yield Difference("body", azureml.body.decode("latin-1"), naiad.body.decode("latin-1"))


def compare_documents(azureml: Answer, naiad: Answer) -> Iterator[Difference]:
    """As `compare`, for swagger documents: their structure, and not their prose."""
    one, other = json.loads(azureml.body), json.loads(naiad.body)
    yield from _walk("body", one, other)
    yield from compare(azureml, Answer(naiad.status, naiad.headers, azureml.body))


def compare_lines(part: str, azureml: list[str], naiad: list[str]) -> Iterator[Difference]:
    """The lines that only one has, or all of them when they are in another order."""
    one, other = Counter(azureml), Counter(naiad)
    if one != other:
        yield Difference(part, list((one - other).elements()), list((other - one).elements()))
    elif azureml != naiad:
        yield Difference(part, azureml, naiad)


def _headers(answer: Answer) -> dict[str, list[str]]:
    """Values by name; a new id is one where the request gave none."""
    values: dict[str, list[str]] = {}
    for name, value in answer.headers:
        if name not in _OF_THE_TRANSPORT:
            values.setdefault(name, []).append(_plain(name, value))
    return values


def _plain(name: str, value: str) -> str:
    if name in _SETS:
        # Flask's order is that of a set, another one each time.
        return ", ".join(sorted(re.split(r", *", value)))
    return _without_random(value) if name.startswith("x-") else value


def _without_random(value: str) -> str:
    return next((word for pattern, word in _MADE_UP if pattern.fullmatch(value)), value)


def _walk(path: str, azureml: Any, naiad: Any) -> Iterator[Difference]:
    if isinstance(azureml, dict) and isinstance(naiad, dict):
        for name in sorted(azureml.keys() | naiad.keys()):
            one, other = azureml.get(name, ABSENT), naiad.get(name, ABSENT)
            is_prose = name == _PROSE and isinstance(one, str) and isinstance(other, str) and ABSENT not in (one, other)
            if not is_prose:
                yield from _walk(f"{path}/{name}", one, other)
    elif isinstance(azureml, list) and isinstance(naiad, list) and len(azureml) == len(naiad):
        for index, (one, other) in enumerate(zip(azureml, naiad, strict=True)):
            yield from _walk(f"{path}/{index}", one, other)
    elif azureml != naiad:
        yield Difference(path, azureml, naiad)
