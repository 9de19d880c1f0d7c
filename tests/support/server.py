"""A real `python -m naiad serve` process that is gone when the test is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.http_client import Answer, Connection, ask
from tests.support.waiting import wait_for


class Server:
    """A running server.

    Attributes:
        process: the operating system's.
        log_path: what it writes to stdout and stderr.
        http_port, grpc_port, metrics_port: where it listens; 0 until it is ready, or where it does not.
    """

    def __init__(self, process: subprocess.Popen[bytes], log_path: Path, ready_path: Path) -> None:
        self.process = process
        self.log_path = log_path
        self._ready_path = ready_path
        self.http_port = 0
        self.grpc_port = 0
        self.metrics_port = 0

    @property
    def log(self) -> str:
        """What the process has written so far."""
        return self.log_path.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        """Wait for the ready file and read the ports in it."""
        wait_for(
            lambda: self._ready_path.exists() or self.process.poll() is not None, "the server is ready, or has ended"
        )
        assert self.process.poll() is None, f"the server ended with {self.process.returncode}: {self.log}"
        ports = json.loads(self._ready_path.read_text(encoding="utf-8"))
        assert ports["pid"] == self.process.pid
        self.http_port = ports.get("http", 0)
        self.grpc_port = ports.get("grpc", 0)
        self.metrics_port = ports.get("metrics", 0)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: tuple[str, ...] = ()) -> Answer:
        """One request on a connection of its own."""
        return ask(self.http_port, method, path, body, headers=headers)

    def connect(self) -> Connection:
        """A connection to the HTTP port."""
        return Connection(self.http_port)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.process.send_signal(number)

    def wait(self, *, timeout_s: float = 30.0) -> int:
        """Wait for the process to end; its exit status."""
        return self.process.wait(timeout_s)


NAIAD_SERVE = ("-m", "naiad", "serve")
NAIAD_TRITONSERVER = ("-c", "from naiad.cli.tritonserver import main; main()")


def spawn(
    repository: Path | None,
    *flags: str,
    directory: Path,
    environment: dict[str, str] | None = None,
    program: Sequence[str] = NAIAD_SERVE,
) -> Server:
    """Start a server without waiting for it.

    Args:
        repository: its model repository; None for none.
        flags: further flags.
        directory: where its ready file and log go.
        environment: variables besides this process' own.
        program: what Python runs.
    """
    directory.mkdir(parents=True, exist_ok=True)
    ready_path, log_path = directory / "ready.json", directory / "server.log"
    ready_path.unlink(missing_ok=True)
    command = [sys.executable, *program, "--ready-file", str(ready_path)]
    given = {flag.partition("=")[0] for flag in flags}
    command += [f"{flag}=0" for flag in ("--http-port", "--grpc-port", "--metrics-port") if flag not in given]
    command += ([str(repository)] if repository is not None else []) + list(flags)
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
    return Server(process, log_path, ready_path)


@contextmanager
def running(
    repository: Path | None,
    *flags: str,
    directory: Path,
    environment: dict[str, str] | None = None,
    program: Sequence[str] = NAIAD_SERVE,
) -> Iterator[Server]:
    """A server that is ready, and is ended afterwards; arguments as for `spawn`."""
    server = spawn(repository, *flags, directory=directory, environment=environment, program=program)
    try:
        server.wait_until_ready()
        yield server
    finally:
        end(server)


def end(server: Server) -> None:
    """Stop a server the polite way, then the other."""
    if server.process.poll() is None:
        server.process.terminate()
    try:
        server.process.wait(10)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()


def fails_to_start(
    repository: Path | None, *flags: str, directory: Path, program: Sequence[str] = NAIAD_SERVE
) -> tuple[int, str]:
    """Start a server that must end by itself; its exit status and what it wrote."""
    server = spawn(repository, *flags, directory=directory, program=program)
    try:
        return server.wait(), server.log
    finally:
        end(server)
