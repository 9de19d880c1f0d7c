"""A model server as a process: started on free loopback ports, awaited until it is ready, gone afterwards."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import psutil

LOOPBACK = "127.0.0.1"
POLL_S = 0.005


class ServerError(RuntimeError):
    """A server did not start, or did not stop; the message ends with the last lines of its log."""


class Server(ABC):
    """One server over one model repository; a context manager.

    Args:
        repository: the model repository.
        extra_flags: command-line flags after the server's own.
        ready_timeout_s: how long it may take from the start of the process to a 200 from `/v2/health/ready`.
        stop_timeout_s: how long it may take to end after SIGTERM before it is killed.

    Attributes:
        http_port, grpc_port, metrics_port: the ports, on 127.0.0.1.
        http_url, grpc_url, metrics_url: `http://host:port`, `host:port`, `http://host:port/metrics`.
        ready_after_s: what it took from the start of the process to ready.
        process: the server's first process.
        version: what the server says of itself in `GET /v2`, once started.
    """

    name: ClassVar[str]
    ready_path: ClassVar[str] = "/v2/health/ready"

    def __init__(
        self,
        repository: Path,
        *,
        extra_flags: Sequence[str] = (),
        ready_timeout_s: float = 60.0,
        stop_timeout_s: float = 40.0,
    ) -> None:
        self.repository = repository
        self.extra_flags = tuple(extra_flags)
        self.ready_timeout_s = ready_timeout_s
        self.stop_timeout_s = stop_timeout_s
        self.http_port, self.grpc_port, self.metrics_port = free_ports(3)
        self.http_url = f"http://{LOOPBACK}:{self.http_port}"
        self.grpc_url = f"{LOOPBACK}:{self.grpc_port}"
        self.metrics_url = f"http://{LOOPBACK}:{self.metrics_port}/metrics"
        self.ready_after_s = 0.0
        self.version = ""
        self.process: subprocess.Popen[bytes]
        self._folder: tempfile.TemporaryDirectory[str]
        self._log_path: Path | None = None
        self._log_of_stopped = ""

    @abstractmethod
    def command(self, folder: Path) -> list[str]:
        """The command line; `folder` is empty, this run's own, and removed when the server has stopped."""

    def environment(self) -> Mapping[str, str]:
        """The environment of the process."""
        return os.environ

    def ask_version(self) -> str:
        """What the server, which is ready, says of itself."""
        return str(json.loads(self._get("/v2")[1])["version"])

    @property
    def log(self) -> str:
        """Everything that the server has written so far, standard output and error together."""
        return self._log_path.read_text(errors="replace") if self._log_path else self._log_of_stopped

    def start(self) -> None:
        """Start the process and wait until `ready_path` answers 200.

        Raises:
            ServerError: when the process ends first, or is not ready in time.
        """
        self._folder = tempfile.TemporaryDirectory(prefix=f"{self.name}-")
        folder = Path(self._folder.name)
        command = [*self.command(folder), *self.extra_flags]
        self._log_path = folder / "server.log"
        with self._log_path.open("wb") as log:
            started = time.monotonic()
            self.process = subprocess.Popen(
                command,
                env=dict(self.environment()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._await_ready(started + self.ready_timeout_s)
            self.ready_after_s = time.monotonic() - started
            self.version = self.ask_version()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process and everything it started; afterwards nothing of it is left.

        Raises:
            ServerError: when some of it survives SIGKILL.
        """
        group = self.process.pid
        try:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(self.stop_timeout_s)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            self.process.wait()
            deadline = time.monotonic() + 10.0
            while _group_lives(group):
                if time.monotonic() > deadline:
                    raise ServerError(f"{self.name}: process group {group} survives SIGKILL\n{self._tail()}")
                time.sleep(POLL_S)
        finally:
            self._log_of_stopped, self._log_path = self.log, None
            self._folder.cleanup()

    def resident_bytes(self) -> int:
        """Resident memory of the server's processes together; a file that several of them map counts once.

        Not the sum of RSS, which counts shared files twice, and not PSS, in which a process outside the server that
        maps the same files (another server, the benchmark itself) makes the server look smaller.
        """
        first = psutil.Process(self.process.pid)
        anonymous, files = 0, dict[str, int]()
        for process in (first, *first.children(recursive=True)):
            for region in process.memory_maps(grouped=True):
                if region.path.startswith("["):
                    anonymous += region.rss
                else:
                    files[region.path] = max(region.rss, files.get(region.path, 0))
        return anonymous + sum(files.values())

    def _await_ready(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ServerError(f"{self.name} ended with status {self.process.returncode}\n{self._tail()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self._get(self.ready_path)[0] == 200:
                    return
            time.sleep(POLL_S)
        raise ServerError(f"{self.name} is not ready after {self.ready_timeout_s:g} s\n{self._tail()}")

    def _get(self, path: str) -> tuple[int, bytes]:
        with contextlib.closing(http.client.HTTPConnection(LOOPBACK, self.http_port, timeout=5.0)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def _tail(self) -> str:
        return "\n".join(self.log.splitlines()[-40:])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def free_ports(count: int) -> list[int]:
    """Loopback TCP ports that nothing listens on."""
    with contextlib.ExitStack() as stack:
        # All are held until all are known, so that they differ.
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in sockets]


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
