"""The programs that put servers under load: found on PATH, or installed where this process may do so."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable


class LoadGeneratorError(RuntimeError):
    """A load generator is not installed, or did not run to its end."""


def find(program: str, *, package: str, version_flag: str, say: Callable[[str], None]) -> str:
    """What a program says of its version; on Debian, root installs it first when it is missing.

    Args:
        program: its name on PATH.
        package: the Debian package that has it.
        version_flag: makes it say its version.
        say: told before something is installed.

    Raises:
        LoadGeneratorError: it is missing and cannot be installed.
    """
    if shutil.which(program) is None:
        apt_get = shutil.which("apt-get")
        if apt_get is None or os.geteuid() != 0:
            raise LoadGeneratorError(
                f"the load generator {program} is not on PATH; on Debian and Ubuntu: apt-get install {package}"
            )
        say(f"installing the load generator {program}: apt-get install {package}")
        for command in ([apt_get, "update", "-q"], [apt_get, "install", "-q", "-y", package]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise LoadGeneratorError(f"`{' '.join(command)}` failed:\n{done.stderr.strip()}")
    shown = subprocess.run([program, version_flag], capture_output=True, text=True, check=False)
    return " ".join((shown.stdout + shown.stderr).split("[")[0].split())


def run(command: list[str], *, timeout_s: float) -> str:
    """What a load generator has printed at its end.

    Raises:
        LoadGeneratorError: it failed, or did not end in time.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise LoadGeneratorError(f"`{' '.join(command)}` did not end within {timeout_s:g} s") from error
    if done.returncode != 0:
        raise LoadGeneratorError(f"`{' '.join(command)}` failed:\n{(done.stdout + done.stderr).strip()}")
    return done.stdout
