"""h2load, the load generator for gRPC: one thread, connections with one stream each or several, each of which waits for
its answer."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks import load_generator
from benchmarks.load import Load
from benchmarks.load_generator import LoadGeneratorError
from benchmarks.recorded_call import RecordedCall

ANSWER_TIMEOUT_S = 10
_FINISHED = re.compile(r"^finished in ([\d.]+)(us|ms|s)\b", re.MULTILINE)
_REQUESTS = re.compile(r"^requests: .*?(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", re.M)
_DATA = re.compile(r"^traffic: .*\((\d+)\) data$", re.MULTILINE)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def find(*, say: Callable[[str], None]) -> str:
    """The version line of h2load.

    Raises:
        LoadGeneratorError: it is missing and cannot be installed.
    """
    return load_generator.find("h2load", package="nghttp2-client", version_flag="--version", say=say)


def run(grpc_url: str, call: RecordedCall, *, clients: int, streams: int, answer_bytes: int, seconds: int) -> Load:
    """Make the call from `clients` connections with `streams` each for `seconds`.

    Args:
        grpc_url: `host:port`.
        call: what is sent.
        clients: connections.
        streams: of each that are open at a time.
        answer_bytes: of the DATA in one right answer, by which failed calls are told: their HTTP status is 200, too.
        seconds: how long.

    Raises:
        LoadGeneratorError: when h2load fails or answers nothing.
    """
    with tempfile.TemporaryDirectory(prefix="h2load-") as folder:
        body, log = Path(folder) / "body", Path(folder) / "log"
        body.write_bytes(call.body)
        command = [
            *("h2load", "--threads=1", f"--clients={clients}", f"--max-concurrent-streams={streams}"),
            *(f"--duration={seconds}", f"--data={body}", f"--log-file={log}"),
            *(f"--header={name}: {value}" for name, value in call.headers.items()),
            f"http://{grpc_url}{call.path}",
        ]
        output = load_generator.run(command, timeout_s=seconds + 2 * ANSWER_TIMEOUT_S)
        times_us = [int(line.split("\t")[2]) for line in log.read_text().splitlines()]
    return parse(output, times_us, answer_bytes=answer_bytes)


def parse(output: str, times_us: Sequence[int], *, answer_bytes: int) -> Load:
    """Read h2load's standard output.

    Args:
        output: all of it.
        times_us: how long each request took.
        answer_bytes: of the DATA in one right answer.

    Raises:
        LoadGeneratorError: when there is no summary, or no request was answered.
    """
    finished, requests, traffic = _FINISHED.search(output), _REQUESTS.search(output), _DATA.search(output)
    if finished is None or requests is None or traffic is None:
        raise LoadGeneratorError(f"h2load printed no summary:\n{output.strip()}")
    done, succeeded, *failed = map(int, requests.groups())
    if not succeeded or not times_us:
        raise LoadGeneratorError(f"no request was answered:\n{output.strip()}")
    without_data = max(0, succeeded - int(traffic[1]) // answer_bytes)
    p50, p99 = np.percentile(times_us, (50, 99))
    seconds = float(finished[1]) * _SECONDS[finished[2]]
    return Load(rate=done / seconds, p50_us=float(p50), p99_us=float(p99), errors=max(failed) + without_data)
