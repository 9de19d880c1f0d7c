"""A real `python -m naiad.scoring` process group that is gone when the test is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import dedent

from tests.support.http_client import Answer, Connection, ask
from tests.support.waiting import wait_for


class Host:
    """A running entry-script host.

    Attributes:
        process: the master's.
        log_path: what it and its workers write to stdout and stderr.
        port: where it listens; 0 until it is ready.
    """

    def __init__(self, process: subprocess.Popen[bytes], log_path: Path, ready_path: Path) -> None:
        self.process = process
        self.log_path = log_path
        self.port = 0
        self._ready_path = ready_path

    @property
    def log(self) -> str:
        """What the processes have written so far."""
        return self.log_path.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        """Wait for the ready file and read the port in it."""
        wait_for(
            lambda: self._ready_path.exists() or self.process.poll() is not None, "the host is ready, or has ended"
        )
        assert self.process.poll() is None, f"the host ended with {self.process.returncode}: {self.log}"
        ready = json.loads(self._ready_path.read_text(encoding="utf-8"))
        assert ready["pid"] == self.process.pid
        self.port = ready["port"]

    def wait_for_log(self, text: str, *, count: int = 1) -> None:
        """Wait until a text stands in the log so often."""
        wait_for(lambda: self.log.count(text) >= count, f"{text!r} in the log, {count} times")

    def ask(self, method: str, path: str, body: bytes | None = None, headers: tuple[str, ...] = ()) -> Answer:
        """One request on a connection of its own."""
        return ask(self.port, method, path, body, headers=headers)

    def score(self, document: object, headers: tuple[str, ...] = ()) -> Answer:
        """POST a document to `/score`."""
        body = json.dumps(document).encode()
        return self.ask("POST", "/score", body, ("Content-Type: application/json", *headers))

    def connect(self) -> Connection:
        """A connection to the port."""
        return Connection(self.port)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the master."""
        self.process.send_signal(number)

    def wait(self, *, timeout_s: float = 30.0) -> int:
        """Wait for the master to end; its exit status."""
        return self.process.wait(timeout_s)


def write_script(folder: Path, code: str, name: str = "score.py") -> Path:
    """Put an entry script into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / name
    script.write_text(dedent(code), encoding="utf-8")
    return script


def spawn(
    script: Path | None,
    *flags: str,
    directory: Path,
    environment: Mapping[str, str] | None = None,
    inherited: Sequence[int] = (),
) -> Host:
    """Start a host without waiting for it.

    Args:
        script: the entry script; None for none.
        flags: further flags.
        directory: where its ready file and log go.
        environment: variables besides this process' own.
        inherited: file descriptors that it gets.
    """
    directory.mkdir(parents=True, exist_ok=True)
    ready_path, log_path = directory / "ready.json", directory / "host.log"
    ready_path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "naiad.scoring"]
    variables = {**os.environ, "NAIAD_SCORE_READY_FILE": str(ready_path), **(environment or {})}
    if not {"--port", "--fd"} & set(flags):
        command += ["--port", "0"]
    if script is not None:
        command += ["--entry-script", str(script)]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [*command, *flags],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=variables,
            pass_fds=tuple(inherited),
            start_new_session=True,
        )
    return Host(process, log_path, ready_path)


@contextmanager
def running(
    script: Path | None,
    *flags: str,
    directory: Path,
    environment: Mapping[str, str] | None = None,
    inherited: Sequence[int] = (),
) -> Iterator[Host]:
    """A host that is ready, and is ended afterwards; arguments as for `spawn`."""
    host = spawn(script, *flags, directory=directory, environment=environment, inherited=inherited)
    try:
        host.wait_until_ready()
        yield host
    finally:
        end(host)


def end(host: Host) -> None:
    """Stop a host and all its workers."""
    if host.process.poll() is None:
        host.signal(signal.SIGQUIT)
    try:
        host.process.wait(10)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(host.process.pid, signal.SIGKILL)
        host.process.wait()


def fails_to_start(
    script: Path | None, *flags: str, directory: Path, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Start a host that must end by itself; its exit status and what it wrote."""
    host = spawn(script, *flags, directory=directory, environment=environment)
    try:
        return host.wait(), host.log
    finally:
        end(host)
