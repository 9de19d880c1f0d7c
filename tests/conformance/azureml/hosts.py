"""Both hosts as processes over the same folder: Azure ML's own, and naiad's."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.server import LOOPBACK, free_ports
from tests.conformance.azureml.exchange import Answer, ask
from tests.conformance.azureml.script import Script
from tests.support.http_client import request_bytes
from tests.support.waiting import wait_for

_BOOT_S = 60.0
_END_S = 20.0

# The real one would listen on all addresses.
_AZUREML_ON_LOOPBACK = (
    f"import azureml_inference_server_http.amlserver as server;server.DEFAULT_HOST = '{LOOPBACK}';server.run()"
)


@dataclass(frozen=True, slots=True)
class Program:
    """How a host is started.

    Attributes:
        name: of the host.
        command: without the flags of azmlinfsrv.
    """

    name: str
    command: tuple[str, ...]


def azureml(python: Path) -> Program:
    """The real one, in its environment."""
    return Program("azureml", (str(python), "-c", _AZUREML_ON_LOOPBACK))


NAIAD = Program("naiad", (sys.executable, "-m", "naiad.scoring"))


class Host:
    """A host's process over a script.

    Args:
        program: which host.
        script: what it serves.
        folder: where the script lies, and the host's current folder.
    """

    def __init__(self, program: Program, script: Script, folder: Path) -> None:
        (self.port,) = free_ports(1)
        self._log_path = folder.with_name(f"{folder.name}.{program.name}.log")
        flags = (*script.flags, "--port", str(self.port))
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("AML_", "AZUREML_", "PYTHON"))
        }
        environment = {**kept, "PYTHONUNBUFFERED": "1", "GUNICORN_CMD_ARGS": "--no-control-socket"}
        with self._log_path.open("wb") as log:
            self.process = subprocess.Popen(
                (*program.command, *flags),
                cwd=folder,
                env={**environment, **script.environment(folder)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        """What the host has written so far."""
        return self._log_path.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        """Wait until it is healthy."""
        wait_for(self._is_healthy, f"the host is ready\n{self.log}", deadline_s=_BOOT_S)

    def wait_until_ended(self) -> int:
        """Wait until it gives up; its exit status."""
        return self.process.wait(_BOOT_S)

    def ask(self, data: bytes) -> Answer:
        """One request."""
        return ask(self.port, data)

    def end(self) -> None:
        """No process of the host is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(_END_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(_END_S)

    def _is_healthy(self) -> bool:
        assert self.process.poll() is None, f"the host ended with {self.process.returncode}:\n{self.log}"
        try:
            return self.ask(request_bytes("GET", "/")).status == 200
        except ConnectionError:
            return False


@contextlib.contextmanager
def running(programs: Sequence[Program], script: Script, folder: Path) -> Iterator[list[Host]]:
    """Hosts over a script, started side by side; gone afterwards."""
    script.write(folder)
    hosts: list[Host] = []
    try:
        # One by one: those that have started end even if the next one does not start.
        hosts.extend(Host(program, script, folder) for program in programs)
        yield hosts
    finally:
        for host in hosts:
            host.end()
