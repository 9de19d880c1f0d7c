"""One connection for each case, and a server that is none the worse for all of them."""

from __future__ import annotations

import psutil
import pytest

from tests.conformance.http2.case import Case
from tests.conformance.http2.client import Client
from tests.conformance.http2.framing_cases import FRAMING_CASES
from tests.conformance.http2.request_cases import REQUEST_CASES
from tests.support.server import Server
from tests.support.waiting import wait_for

CASES = (*FRAMING_CASES, *REQUEST_CASES)
ROUNDS = 24
WARM_UP_ROUNDS = 16
MAX_GROWTH_BYTES = 4 << 20


def check(server: Server, case: Case) -> None:
    with Client(server.http_port) as client:
        client.greet()
        client.send(*case.frames)
        case.expected.check(client)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(server: Server, case: Case) -> None:
    check(server, case)


def test_nothing_of_them_stays(server: Server) -> None:
    process = psutil.Process(server.process.pid)
    server.ask("GET", "/v2/health/live")
    descriptors, settled_bytes = process.num_fds(), 0
    for number in range(ROUNDS):
        if number == WARM_UP_ROUNDS:
            settled_bytes = process.memory_info().rss
        for case in CASES:
            check(server, case)
    assert process.memory_info().rss - settled_bytes < MAX_GROWTH_BYTES
    wait_for(lambda: process.num_fds() <= descriptors, "the server has closed their connections")
    assert "Traceback" not in server.log
