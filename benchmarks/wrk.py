"""wrk, the load generator for HTTP/1.1: one thread, keep-alive connections that each wait for their answer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import load_generator
from benchmarks.load import Load
from benchmarks.load_generator import LoadGeneratorError
from benchmarks.recorded_request import RecordedRequest

SCRIPT = Path(__file__).with_name("wrk.lua")
ANSWER_TIMEOUT_S = 10


def find(*, say: Callable[[str], None]) -> str:
    """The version line of wrk.

    Raises:
        LoadGeneratorError: it is missing and cannot be installed.
    """
    return load_generator.find("wrk", package="wrk", version_flag="-v", say=say)


def run(http_url: str, request: RecordedRequest, *, clients: int, seconds: int) -> Load:
    """Send the request from `clients` connections for `seconds`.

    Raises:
        LoadGeneratorError: when wrk fails or answers nothing.
    """
    with tempfile.NamedTemporaryFile(prefix="wrk-body-") as body:
        body.write(request.body)
        body.flush()
        headers = [part for header in request.headers.items() for part in header]
        command = [
            *("wrk", "--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s"),
            *("--timeout", f"{ANSWER_TIMEOUT_S}s", "--script", str(SCRIPT)),
            *(f"{http_url}{request.path}", "--", body.name, *headers),
        ]
        return parse(load_generator.run(command, timeout_s=seconds + 2 * ANSWER_TIMEOUT_S))


def parse(output: str) -> Load:
    """Read wrk's standard output, whose last line is the JSON of `wrk.lua`.

    Raises:
        LoadGeneratorError: when that line is missing, or no request was answered.
    """
    last = output.strip().rpartition("\n")[2]
    if not last.startswith("{"):
        raise LoadGeneratorError(f"wrk printed no summary:\n{output.strip()}")
    summary = json.loads(last)
    if summary["requests"] == 0:
        raise LoadGeneratorError(f"no request was answered:\n{output.strip()}")
    errors = sum(summary[kind] for kind in ("connect", "read", "write", "timeout", "status"))
    rate = summary["requests"] / (summary["duration_us"] / 1e6)
    return Load(rate=rate, p50_us=summary["p50_us"], p99_us=summary["p99_us"], errors=errors)
