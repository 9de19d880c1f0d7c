"""wrk, the load generator: one thread, keep-alive connections that each wait for their answer."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.load import Load
from benchmarks.recorded_request import RecordedRequest

SCRIPT = Path(__file__).with_name("wrk.lua")
ANSWER_TIMEOUT_S = 10


class WrkError(RuntimeError):
    """wrk is not installed, or did not run to its end."""


def find(*, say: Callable[[str], None]) -> str:
    """The version line of wrk, which is installed first when it is missing and this process may do so.

    Raises:
        WrkError: when it is missing and cannot be installed.
    """
    if shutil.which("wrk") is None:
        apt_get = shutil.which("apt-get")
        if apt_get is None or os.geteuid() != 0:
            raise WrkError("the load generator wrk is not on PATH; on Debian and Ubuntu: apt-get install wrk")
        say("installing the load generator: apt-get install wrk")
        for command in ([apt_get, "update", "-q"], [apt_get, "install", "-q", "-y", "wrk"]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise WrkError(f"`{' '.join(command)}` failed:\n{done.stderr.strip()}")
    shown = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    return " ".join((shown.stdout + shown.stderr).split("[")[0].split())


def run(http_url: str, request: RecordedRequest, *, clients: int, seconds: int) -> Load:
    """Send the request from `clients` connections for `seconds`.

    Raises:
        WrkError: when wrk fails or answers nothing.
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
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=seconds + 2 * ANSWER_TIMEOUT_S
        )
    if done.returncode != 0:
        raise WrkError(f"`{' '.join(command)}` failed:\n{(done.stdout + done.stderr).strip()}")
    return parse(done.stdout)


def parse(output: str) -> Load:
    """Read wrk's standard output, whose last line is the JSON of `wrk.lua`.

    Raises:
        WrkError: when that line is missing, or no request was answered.
    """
    last = output.strip().rpartition("\n")[2]
    if not last.startswith("{"):
        raise WrkError(f"wrk printed no summary:\n{output.strip()}")
    summary = json.loads(last)
    if summary["requests"] == 0:
        raise WrkError(f"no request was answered:\n{output.strip()}")
    errors = sum(summary[kind] for kind in ("connect", "read", "write", "timeout", "status"))
    rate = summary["requests"] / (summary["duration_us"] / 1e6)
    return Load(rate=rate, p50_us=summary["p50_us"], p99_us=summary["p99_us"], errors=errors)
