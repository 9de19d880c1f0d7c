"""A walk through a shell: each command is shown like typed, then run in the walk's folder; what it leaves is undone."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from string import Template

PATIENCE_S = 10


class CommandFailed(Exception):
    """A command did not end with status 0; what it had to say is on the screen."""


class Session:
    """Runs commands in a folder.

    Commands are split like a shell's, with `$name` replaced by what was exported. Each is started without a shell and
    in a session of its own, so that it is the walk that hears of Ctrl-C and ends the command with all it started.

    Args:
        folder: where they run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        # Settings of the person's own services are not meant for the demo's.
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("NAIAD_")}
        self._environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        if "http_proxy" in os.environ:
            self._environment["no_proxy"] = "localhost"  # curl would go through a proxy even to this machine

    def title(self, text: str) -> None:
        """Say what the next commands are about."""
        self._show(text, "1;36", before="\n")

    def show(self, command: str) -> None:
        """Show a command that the walk does itself."""
        self._show(f"$ {command}", "1")

    def run(self, command: str) -> None:
        """Show and run a command; its output goes where this process's goes.

        Raises:
            CommandFailed: when its status is not 0.
        """
        self.show(command)
        self._run(command)

    def export(self, name: str, command: str) -> None:
        """Show and run a command, and keep what it prints as a variable.

        Raises:
            CommandFailed: when its status is not 0.
        """
        self.show(f"export {name}=$({command})")
        self._environment[name] = self._run(command, capture=True).strip()

    def run_quietly(self, command: str) -> None:
        """Run a command without showing it; only its errors are seen."""
        self._run(command, capture=True)

    def _run(self, command: str, *, capture: bool = False) -> str:
        words = [Template(word).safe_substitute(self._environment) for word in shlex.split(command)]
        process = subprocess.Popen(
            words,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else None,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate()
        except BaseException:
            _end(process)
            raise
        if process.returncode != 0:
            raise CommandFailed(f"`{command}` ended with status {process.returncode}")
        return output or ""

    def _show(self, text: str, colour: str, *, before: str = "") -> None:
        print(before + (f"\033[{colour}m{text}\033[0m" if self._colour else text), flush=True)


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
