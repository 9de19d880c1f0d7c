"""Runs the blocks of one page in a folder, with a home and a workspace of its own."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from tests.docs.blocks import Block
from tests.support.waiting import wait_for

# Ports that pages name. On the machine that runs the tests they may be taken: free ones take their place in the text.
WRITTEN_PORTS: Final = ("8000", "8001", "8002", "6789", "5001")
BLOCK_TIMEOUT_S: Final = 60

# What a page downloads is downloaded once for all runs.
CACHE: Final = Path(__file__).resolve().parents[2] / ".cache"

# What a block writes into a file is not for this machine: in an entry script `localhost:8000` means the service's own.
_HERE_DOCUMENT: Final = re.compile(r"(<<'(\w+)'\n.*?\n\2\n)", re.DOTALL)

# What keeps the state of a page's Python blocks: reads blocks, runs them in one namespace, answers on its own pipe.
_INTERPRETER: Final = """
import json, os, sys, traceback
answers, namespace = os.fdopen(int(sys.argv[1]), "w"), {"__name__": "__main__"}
for line in sys.stdin:
    block = json.loads(line)
    os.environ.clear()
    os.environ.update(block["environment"])
    os.chdir(block["folder"])
    try:
        exec(compile(block["text"], block["place"], "exec"), namespace)
        problem = ""
    except BaseException:
        problem = traceback.format_exc()
    sys.stdout.flush()
    answers.write(json.dumps(problem) + "\\n")
    answers.flush()
"""


class PageRunner:
    """The processes and the state of a page that is being run; a context manager that ends all of them.

    Args:
        folder: an empty folder: home, workspace and working directory are made in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._work = folder / "work"
        self._work.mkdir()
        self._output = (folder / "output.txt").open("wb")
        self._ports = dict(zip(WRITTEN_PORTS, map(str, free_ports(len(WRITTEN_PORTS))), strict=True))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("NAIAD_", "XDG_"))}
        self._environment = inherited | {
            "HOME": str(folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{inherited['PATH']}",
            "NAIAD_WORKSPACE": str(folder / "workspace"),
            "NAIAD_HTTP_PORT": self._ports["8000"],
            "NAIAD_GRPC_PORT": self._ports["8001"],
            "NAIAD_METRICS_PORT": self._ports["8002"],
            "PIP_CACHE_DIR": str(CACHE / "pip"),
            "UV_CACHE_DIR": str(CACHE / "uv"),
        }
        self._python: tuple[subprocess.Popen[bytes], IO[str]] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            stack.callback(self._output.close)
            stack.callback(self._end_server)
            stack.callback(self._end_python)
            for name in self.services():
                self._bash(f"naiad service delete -n {name}")

    @property
    def output(self) -> str:
        """What all blocks have written so far."""
        return (self._folder / "output.txt").read_text(encoding="utf-8")

    def services(self) -> list[str]:
        """The services of the page's workspace."""
        services = self._folder / "workspace" / "services"
        return sorted(path.name for path in services.glob("*") if path.is_dir()) if services.is_dir() else []

    def run(self, block: Block) -> None:
        """Run one block.

        Raises:
            AssertionError: when it fails; the message has what it wrote.
        """
        text = self._with_free_ports(block.text)
        before = len(self.output)
        if block.mark == "server":
            problem = self._start_server(text)
        elif block.language == "bash":
            problem = self._bash(text)
        else:
            problem = self._exec(text, block.place)
        assert not problem, f"{block.place} failed: {problem}\n{block.text}\n{self.output[before:]}"

    def _with_free_ports(self, text: str) -> str:
        parts = _HERE_DOCUMENT.split(text)
        # Every third part is a here-document, with its end's word behind it.
        parts[::3] = [
            re.sub(rf"\b({'|'.join(WRITTEN_PORTS)})\b", lambda match: self._ports[match[0]], part)
            for part in parts[::3]
        ]
        del parts[2::3]
        return "".join(parts)

    def _bash(self, text: str) -> str:
        state = self._folder / "state"
        script = f"set -aeuo pipefail\n{text}\n{{ pwd; env -0; }} > '{state}'\n"
        process = self._start(script)
        try:
            status = process.wait(BLOCK_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return f"not done after {BLOCK_TIMEOUT_S} s"
        finally:
            _end(process)
        if status != 0:
            return f"status {status}"
        folder, _, variables = state.read_text(encoding="utf-8").partition("\n")
        self._work = Path(folder)
        self._environment = dict(pair.split("=", 1) for pair in variables.split("\0") if pair)
        return ""

    def _start_server(self, text: str) -> str:
        self._end_server()
        ready = self._folder / "ready.json"
        ready.unlink(missing_ok=True)
        told = {"NAIAD_READY_FILE": str(ready), "NAIAD_SCORE_READY_FILE": str(ready)}
        server = self._server = self._start(f"set -eu\n{text}", **told)
        wait_for(lambda: ready.exists() or server.poll() is not None, "the server is ready, or has ended")
        return "" if server.poll() is None else f"the server ended with status {server.returncode}"

    def _exec(self, text: str, place: str) -> str:
        if self._python is None:
            reader, writer = os.pipe()
            process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", _INTERPRETER, str(writer)],
                stdin=subprocess.PIPE,
                stdout=self._output,
                stderr=self._output,
                pass_fds=(writer,),
                start_new_session=True,
            )
            os.close(writer)
            self._python = process, os.fdopen(reader, encoding="utf-8")
        process, answers = self._python
        block = {"text": text, "place": place, "folder": str(self._work), "environment": self._environment}
        assert process.stdin is not None
        process.stdin.write(json.dumps(block).encode() + b"\n")
        process.stdin.flush()
        if not select.select([answers], [], [], BLOCK_TIMEOUT_S)[0]:
            return f"not done after {BLOCK_TIMEOUT_S} s"
        answer = answers.readline()
        return str(json.loads(answer)) if answer else f"the interpreter ended with status {process.wait()}"

    def _start(self, script: str, **environment: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["bash", "-c", script],
            cwd=self._work,
            env=self._environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
        )

    def _end_server(self) -> None:
        if self._server is not None:
            _end(self._server)
            self._server = None

    def _end_python(self) -> None:
        if self._python is not None:
            process, answers = self._python
            _end(process)
            answers.close()
            assert process.stdin is not None
            process.stdin.close()
            self._python = None


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started in its session."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
            return
