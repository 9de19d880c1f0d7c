"""Entry scripts whose run() is `async def`: side by side on the loop, with the same time-outs, streams and stops."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.http_client import request_bytes
from tests.support.scoring import Host, running, write_script
from tests.support.waiting import wait_for

SCRIPT = """
    import asyncio, json, sys, time
    from azureml.contrib.services.aml_response import AMLResponse

    async def init():
        global loop
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)

    async def pieces(wanted):
        try:
            for number in range(wanted["count"]):
                await asyncio.sleep(0)
                yield b"x" * wanted["size"]
        finally:
            print("generator closed")

    async def run(data):
        wanted = json.loads(data)
        do = wanted.get("do")
        if do == "sleep":
            try:
                await asyncio.sleep(wanted["s"])
            except asyncio.CancelledError:
                print("cancelled")
                raise
        elif do == "block":
            time.sleep(60)
        elif do == "exit":
            sys.exit(3)
        elif do == "stream":
            return AMLResponse(pieces(wanted), 200)
        return {"same_loop": asyncio.get_running_loop() is loop}
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host whose run() may take a second, and ten at once."""
    directory = tmp_path_factory.mktemp("async")
    script = write_script(directory, SCRIPT)
    flags = ("--scoring-timeout-ms=1000", "--max-concurrent-requests=10", "--max-queue-wait-ms=300")
    with running(script, *flags, directory=directory) as started:
        yield started


def test_init_and_run_share_a_loop(host: Host) -> None:
    assert host.score({}).json == {"same_loop": True}


def test_requests_run_side_by_side(host: Host) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: host.score({"do": "sleep", "s": 0.4}), range(10)))
    assert [answer.status for answer in answers] == [200] * 10
    assert time.monotonic() - began < 4 * 0.4 * 2
    assert host.ask("GET", "/").status == 200


def test_what_waits_for_too_long_is_refused(host: Host) -> None:
    with ThreadPoolExecutor(14) as pool:
        answers = list(pool.map(lambda _: host.score({"do": "sleep", "s": 0.9}), range(14)))
    statuses = [answer.status for answer in answers]
    assert statuses.count(503) == 4
    assert all(status in (200, 503) for status in statuses)


def test_a_late_run_is_answered_and_cancelled(host: Host) -> None:
    answer = host.score({"do": "sleep", "s": 30})
    assert (answer.status, answer.json) == (500, {"message": "Scoring timeout after 1000 ms"})
    host.wait_for_log("azmlinfsrv.print - cancelled")


def test_a_script_that_exits_fails_alone(host: Host) -> None:
    assert host.score({"do": "exit"}).status == 500
    assert host.score({}).status == 200


def test_an_async_generator_streams_no_faster_than_it_is_read(host: Host) -> None:
    closed = host.log.count("generator closed")
    with host.connect() as connection:
        connection.send(request_bytes("POST", "/score", b'{"do": "stream", "count": 1000000, "size": 100000}'))
        assert connection.socket.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
        assert host.score({}).status == 200
    host.wait_for_log("generator closed", count=closed + 1)
    with host.connect() as connection:
        connection.send(request_bytes("POST", "/score", b'{"do": "stream", "count": 2, "size": 3}'))
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            received += connection.socket.recv(1000)
        assert received.endswith(b"\r\n\r\n3\r\nxxx\r\n3\r\nxxx\r\n0\r\n\r\n")
        assert connection.ask(request_bytes("POST", "/score", b"{}")).status == 200


def test_a_loop_that_is_held_up_is_replaced(tmp_path: Path) -> None:
    script = write_script(tmp_path, SCRIPT)
    with running(script, directory=tmp_path, environment={"WORKER_TIMEOUT": "1"}) as host:
        assert host.score({"do": "block"}).status == 0, "there is nobody to answer"
        host.wait_for_log("ready for serving traffic", count=2)
        assert host.score({}).status == 200
        assert "time.sleep(60)" in host.log, "the log shows what holds it up"


def test_an_async_init_that_fails_and_a_stop(tmp_path: Path) -> None:
    script = write_script(tmp_path, SCRIPT)
    with running(script, directory=tmp_path / "run") as host, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(host.score, {"do": "sleep", "s": 0.4})
        wait_for(lambda: host.ask("GET", "/").status == 200, "the host answers")
        script.write_text(script.read_text().replace("await asyncio.sleep(0)", "raise ValueError('no')", 1))
        host.signal(signal.SIGHUP)
        host.wait_for_log(
            "The old workers go on, because the new ones fail: User's init function failed: ValueError: no"
        )
        host.signal(signal.SIGTERM)
        assert slow.result().status == 200
        assert host.wait() == 0
