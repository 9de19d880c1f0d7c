"""The Python that an entry script runs with: naiad's own, or a virtual environment built once and kept.

    <folder>/<key>/          a virtual environment, made with uv; whole, or not there
    <folder>/<key>.lock      held by who builds it
    <folder>/.<key>.<random> being built; worthless after a crash

The key is the digest of everything that decides what is in it. The environment's own packages come first (but for
those that the entry script's host is made of); behind them naiad and its packages can be imported, so that
`python -m naiad.scoring` runs and nothing is installed twice.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
import platform
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from naiad.errors import ConfigError, DeploymentError
from naiad.targets.requirements import Requirements, describe, find_requirements, own_folders
from naiad.workspace.environment import Environment

FOLDER_NAME: Final = "environments"
"""Where a workspace keeps them."""

_LAYOUT: Final = 1
"""Counted up when a virtual environment of the same requirements is made differently."""

_FAILURE: Final = ("error: ", "cause: ", "hint: ")
"""How uv's lines begin when it fails."""

_FOREIGN_VARIABLES: Final = frozenset(("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME"))
"""They name other Pythons than the one that is meant."""


def build(environment: Environment, *, folder: Path, report: Callable[[str], None]) -> Path:
    """Make a Python that has an environment's packages, unless there is one.

    Args:
        environment: what to build.
        folder: where virtual environments are kept; made when it is not there.
        report: is told each step, one line at a time.

    Returns:
        The interpreter: naiad's own when it has everything already, and then nothing is built.

    Raises:
        ConfigError: when the environment asks for something that cannot be had here.
        DeploymentError: when its packages cannot be found or installed; the message is uv's own.
    """
    requirements = find_requirements(environment)
    if any(environment.docker.get(key) for key in ("baseImage", "baseDockerfile", "buildContext")):
        report(f"Environment {environment.name}: its image is not used on this machine")
    if not requirements.lines:
        report(f"Environment {environment.name}: nothing to install")
        return Path(sys.executable)
    base = sys.executable if requirements.python is None else _find_python(environment, requirements.python)
    folder = folder.absolute()
    key = _key(requirements, base)
    python = interpreter(folder / key)
    if python.exists():
        report(f"Environment {environment.name}: built before")
        return python
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(folder / f"{key}.lock", environment, report=report) as lock:
            if not python.exists():
                _Build(environment, requirements, base, folder=folder, key=key, lock=lock, report=report).run()
    except OSError as error:
        raise DeploymentError(
            f"Environment {environment.name} cannot be built in {error.filename or folder}: {error.strerror}"
        ) from None
    return python


def interpreter(venv: Path) -> Path:
    """Where the interpreter of a virtual environment is."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


class _Build:
    """One virtual environment in the making; the caller holds its lock."""

    def __init__(
        self,
        environment: Environment,
        requirements: Requirements,
        base: str,
        *,
        folder: Path,
        key: str,
        lock: int,
        report: Callable[[str], None],
    ) -> None:
        self._environment = environment
        self._requirements = requirements
        self._base = base
        self._folder = folder
        self._key = key
        self._lock = lock
        self._report = report

    def run(self) -> None:
        started_s = time.monotonic()
        name = self._environment.name
        self._report(f"Environment {name}: installing {describe(self._requirements.lines)}")
        self._remove_leftovers()
        place = self._folder / self._key
        venv = self._folder / f".{self._key}.{secrets.token_hex(8)}"
        try:
            self._make(venv)
            if place.exists():  # its base interpreter is gone
                place.rename(self._folder / f".{self._key}.gone")
            venv.rename(place)
        finally:
            self._remove_leftovers()
        self._report(f"Environment {name}: ready after {time.monotonic() - started_s:.1f} s")

    def _make(self, venv: Path) -> None:
        self._uv("venv", "--quiet", "--no-project", "--relocatable", "--python", self._base, str(venv))
        python = interpreter(venv)
        files = {
            "--requirements": self._requirements.lines,
            "--constraints": self._requirements.constraints,
            "--overrides": self._requirements.overrides,
        }
        arguments: list[str] = []
        for option, lines in files.items():
            if not lines:
                continue
            file = venv / f"{option.removeprefix('--')}.txt"
            file.write_text("\n".join(lines) + "\n")
            arguments += [option, str(file)]
        self._uv("pip", "install", "--no-progress", "--python", str(python), *arguments)
        site = Path(self._output(python, "import sysconfig; print(sysconfig.get_path('purelib'))"))
        # `addsitedir` and not bare paths: naiad may be installed through a .pth file of its own. Last in the alphabet,
        # behind those of the environment's packages.
        links = (f"import site; site.addsitedir({path!r})\n" for path in own_folders())
        (site / "zz_naiad.pth").write_text("".join(links))
        self._output(python, "import naiad.scoring.host")

    def _remove_leftovers(self) -> None:
        for leftover in self._folder.glob(f".{self._key}.*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def _uv(self, *arguments: str) -> None:
        """Run uv, telling each line; it holds the lock too, so that it is alone should this process be killed."""
        command = [_uv_binary(), *arguments, "--color", "never"]
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",  # a project around the working directory would have settings of its own
            env=_variables(),
            pass_fds=(self._lock,),
            text=True,
            errors="replace",
        ) as process:
            try:
                assert process.stderr is not None
                lines = []
                for line in map(str.strip, process.stderr):
                    lines.append(line)
                    # What failed is told by the error, in these words.
                    if line and not line.startswith(("Using Python", *_FAILURE)):
                        self._report(f"  {line}")
                status = process.wait()
            except BaseException:
                process.kill()
                raise
        if status != 0:
            raise _failure(self._environment, lines)

    def _output(self, python: Path, code: str) -> str:
        done = subprocess.run(
            [str(python), "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            env=_variables(),
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise DeploymentError(
                f"Environment {self._environment.name}: its Python does not run:\n{done.stderr.strip()}",
                hint="a package of the environment may stand in the way of one of naiad's",
            )
        return done.stdout.strip()


def _failure(environment: Environment, lines: Sequence[str]) -> DeploymentError:
    """uv's own words: `error:`, its causes, and its hint."""
    words: list[str] = []
    hints: list[str] = []
    for line in lines:
        if line.startswith("hint: "):
            hints.append(line.removeprefix("hint: "))
        elif line.startswith(_FAILURE) or words:
            words.append(line.removeprefix("error: ").removeprefix("cause: "))
    text = "\n".join(words or lines[-5:]).strip() or "uv ended without a word"
    if "Failed to fetch" in text or "Request failed" in text:
        hints.append(
            "the package index cannot be reached; packages that naiad's own Python has are not looked for, and "
            "--index-url or --find-links among the requirements name another place"
        )
    elif "No solution found" in text:
        requirements = describe(environment.python.conda_dependencies.pip)
        hints.append(f"check names and versions of the requirements: {requirements}")
    return DeploymentError(f"Environment {environment.name} cannot be built: {text}", hint="; ".join(hints) or None)


def _key(requirements: Requirements, base: str) -> str:
    content = {
        "layout": _LAYOUT,
        "python": os.path.realpath(base),
        "version": platform.python_version(),
        "requirements": dataclasses.asdict(requirements),
        "naiad": own_folders(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


@contextmanager
def _locked(path: Path, environment: Environment, *, report: Callable[[str], None]) -> Iterator[int]:
    """Hold a file's lock; the kernel releases it when this process and the uv that it started have ended."""
    lock = _flock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if lock is None:
        report(f"Environment {environment.name}: another command builds it; waiting")
    while lock is None:
        lock = _flock(path, fcntl.LOCK_EX)
    try:
        yield lock
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)


def _flock(path: Path, operation: int) -> int | None:
    """The locked file; None when another has it, or has removed it meanwhile."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, operation)
        if path.stat().st_ino == os.fstat(lock).st_ino:
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(lock)
        raise
    os.close(lock)
    return None


def _find_python(environment: Environment, version: str) -> str:
    """Another Python of this machine."""
    found = subprocess.run(
        [_uv_binary(), "python", "find", "--no-project", "--no-python-downloads", "--color", "never", version],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd="/",
        env=_variables(),
        text=True,
        check=False,
    )
    if found.returncode != 0:
        raise ConfigError(
            f"environment {environment.name} asks for Python {version}, and there is none on this machine",
            hint=f"`uv python install {version}` installs one; without a version, naiad's own is used, "
            f"{platform.python_version()}",
        )
    return found.stdout.strip()


def _uv_binary() -> str:
    from uv import find_uv_bin

    try:
        return find_uv_bin()
    except FileNotFoundError as error:
        raise DeploymentError(
            "uv, which installs an environment's packages, is not where its package should have put it",
            hint=f"install it again: pip install --force-reinstall uv ({error})",
        ) from None


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _FOREIGN_VARIABLES}
