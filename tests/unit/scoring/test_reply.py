"""A script's response, dressed in the headers of the contract."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from naiad.scoring.reply import Target
from naiad.scoring.request_ids import RequestIds, RequestIdSource
from naiad.scoring.score_response import ScoreResponse, error_response
from naiad.server.request_head import HeadCache

HEAD = HeadCache(4096).parse(b"POST /score?a=1 HTTP/1.1\r\nHost: a\r\n\r\n")
IDS = RequestIds(b"r", b"c", b"m")


def target(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "serve": lambda *_: None,
        "head": HEAD,
        "headers": (),
        "ids": IDS,
        "id_source": RequestIdSource(),
        "tail": b"x-ms-server-version: naiad/0\r\n",
        "router_codes": False,
        "is_logged": True,
        "line": "POST /score?a=1",
    }
    return Target(**{**values, **changes})


def test_what_the_script_says_and_what_the_host_adds() -> None:
    answer = target().dress(ScoreResponse(201, b"x", [("X-Own", "1"), ("Content-Type", "text/own"), ("X-Own", "2")]))
    assert (answer.status, answer.body, answer.content_type) == (201, b"x", b"text/own")
    assert answer.fields == (
        b"X-Own: 1\r\nX-Own: 2\r\n"
        b"x-ms-server-version: naiad/0\r\n"
        b"x-request-id: r\r\nx-ms-request-id: m\r\nx-ms-client-request-id: c\r\n"
    )


def test_ids_and_version_are_the_hosts() -> None:
    theirs = [("X-Request-ID", "1"), ("x-ms-request-id", "2"), ("X-MS-Server-Version", "3")]
    assert target(tail=b"", ids=None).dress(ScoreResponse(200, b"", theirs)).fields == b""


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nEvil: 1", "a\rEvil: 1", "a\0Evil: 1"])
def test_one_header_stays_one(value: str) -> None:
    answer = target(tail=b"", ids=None).dress(ScoreResponse(200, b"", [("X-Own", value), ("Content-Type", value)]))
    assert answer.encode().count(b"\n") == answer.encode().count(b"\r") == 5
    fields = answer.fields
    assert fields.count(b"\n") == fields.count(b"\r") == 1
    assert fields.endswith(b"\r\n")


@pytest.mark.parametrize(
    ("router_codes", "response", "status"),
    [
        (False, error_response(500, "", run_function_failed=True), 500),
        (True, error_response(500, "", run_function_failed=True), 502),
        (True, error_response(500, ""), 500),
        (True, error_response(400, "", run_function_failed=True), 400),
    ],
)
def test_the_routers_code_for_a_failed_run(router_codes: bool, response: ScoreResponse, status: int) -> None:
    assert target(router_codes=router_codes).dress(response).status == status


async def test_the_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="azmlinfsrv"):
        target().log(200, 0, 7)
        target(is_logged=False).log(200, 0, 7)
        await asyncio.sleep(0)
    (record,) = caplog.records
    assert record.message.startswith("POST /score?a=1 200 ")
    assert record.message.endswith("ms 7")
