"""What a real tritonserver 2.51 answered, and naiad must go on answering, wherever there is no real one to ask.

`data/triton_2_51_answers.json` holds requests and the status, JSON and bytes behind it that came back. In it `@X@`
stands for the sixteen numbers 0/16 … 15/16, and bodies are Latin-1. Where naiad means to differ there is no row; the
conformance suite lists those with their reasons.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.http_client import Connection, request_bytes
from tests.support.server import Server

RECORDED = json.loads(Path(__file__).with_name("data").joinpath("triton_2_51_answers.json").read_text(encoding="utf-8"))
X = ",".join(str(index / 16) for index in range(16))


def agree(one: Any, other: Any) -> bool:
    """Whether two JSON values say the same; floats may differ by what 32 bits leave open."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(agree(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(agree, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6) or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and one == other


def test_the_comparison_can_tell_answers_apart() -> None:
    assert agree({"a": [1, 0.1, math.nan]}, {"a": [1, 0.1 + 1e-9, math.nan]})
    for other in ({"a": [1, 0.2, math.nan]}, {"a": [1.0, 0.1, math.nan]}, {"b": [1, 0.1, math.nan]}, {"a": [1, 0.1]}):
        assert not agree({"a": [1, 0.1, math.nan]}, other)


@pytest.mark.parametrize("row", RECORDED, ids=[row["name"] for row in RECORDED])
def test_recorded_answer(server: Server, row: dict[str, Any]) -> None:
    body = row["body"].replace("@X@", X).encode("latin-1") if "body" in row else None
    request = request_bytes(row["method"], row["path"], body, headers=row.get("headers", ()))
    with Connection(server.http_port) as connection:
        answer = connection.ask(request)
        if answer.status == 100:
            answer = connection.read_answer()
    behind = row.get("behind", "").encode("latin-1")
    assert answer.status == row["status"]
    assert agree(answer.json, row["answer"]), answer.json
    got = answer.binary if "inference-header-content-length" in answer.headers else b""
    if len(behind) % 4 == 0 and row["path"].startswith("/v2/models/tiny/") and "classification" not in row["name"]:
        np.testing.assert_allclose(np.frombuffer(got, "<f4"), np.frombuffer(behind, "<f4"), rtol=1e-5)
    else:
        assert got == behind
