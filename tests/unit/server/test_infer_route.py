"""Where the JSON of a request ends, and what is told first when several things are wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from naiad.engine.engine import Engine
from naiad.engine.shared_memory import SharedMemory
from naiad.errors import NaiadError, NotFoundError
from naiad.server.exchange import Exchange
from naiad.server.infer_route import InferRoute
from naiad.server.request_head import HeadCache
from tests.support.engine import idle_model, spec
from tests.support.http_client import request_bytes

MODEL = idle_model([spec("a", dims=(2,))])


def refusal(body: bytes, *headers: str, name: str = "m") -> str:
    """What is said of a request that has to be refused."""

    def find(name: str, version: str) -> Any:
        if name != "m":
            raise NotFoundError("there is no such model")
        return MODEL

    head = HeadCache(1 << 14).parse(request_bytes("POST", "/", b"", headers=headers))
    engine = cast(Engine, SimpleNamespace(model=find))

    def answer() -> None:
        route = InferRoute(engine, name, "", head, max_input_bytes=1 << 20, shared=SharedMemory())
        route(cast(Exchange, None), body, 0)

    with pytest.raises(NaiadError) as caught:
        answer()
    return caught.value.message


@pytest.mark.parametrize("value", ["", "abc", "-", "+x"])
def test_a_length_that_is_no_number(value: str) -> None:
    assert refusal(b"{}", f"Inference-Header-Content-Length: {value}") == (
        f"Unable to parse Inference-Header-Content-Length, got: {value}"
    )


@pytest.mark.parametrize("value", ["3", "-1", "+3", "003", "3abc", "3.5", "9" * 40])
def test_a_length_beyond_the_body_is_told_as_it_was_sent(value: str) -> None:
    assert refusal(b"{}", f"Inference-Header-Content-Length: {value}") == (
        f"inference header size should be in range (0, 2), got: {value}"
    )


@pytest.mark.parametrize("value", ["1", "01", "+1", "1abc", "1.5"])
def test_what_follows_the_number_is_passed_over(value: str) -> None:
    message = refusal(b"{}", f"Inference-Header-Content-Length: {value}")
    assert message == "failed to parse the request JSON buffer: Missing a name for object member. at 1"


@pytest.mark.parametrize("value", ["0", "0x8", "-0", "00"])
def test_no_json_at_all(value: str) -> None:
    assert refusal(b"abc", f"Inference-Header-Content-Length: {value}") == (
        "[request id: <id_unknown>] input byte size mismatch for input 'raw_input' for model 'm'. Expected 8, got 3"
    )


@pytest.mark.parametrize("header", ["Content-Encoding: br", "Inference-Header-Content-Length: abc"])
def test_an_unknown_model_is_told_first(header: str) -> None:
    assert refusal(b"", header, name="nope") == "there is no such model"
