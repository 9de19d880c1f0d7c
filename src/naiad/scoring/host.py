"""The entry-script host: `python -m naiad.scoring`, which does azmlinfsrv's job (azure-ml.md §4)."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import naiad
from naiad.errors import ConfigError, NaiadError, UsageError
from naiad.scoring import engine_address
from naiad.scoring.log import capture_prints, set_up_logging
from naiad.scoring.settings import SOURCES, ScoringSettings
from naiad.scoring.settings_reader import ReadSettings, flags_help, read_settings
from naiad.server.http_server import adopt, bind

_BACKLOG: Final = 2048
_USAGE: Final = "usage: python -m naiad.scoring --entry-script score.py [--flag value | --flag=value]…"
_BANNER: Final = (
    "\n===============Configuration Error=================\n%s\n==================================================="
)

logger = logging.getLogger("azmlinfsrv")


def main(arguments: Sequence[str]) -> int:
    """Serve a script until told to stop.

    Args:
        arguments: the words of the command line.

    Returns:
        The exit status: 0; 1 for a command line that cannot be understood, or a port that is taken; 3 for settings or
        a script that cannot be served.
    """
    if {"-h", "--help"} & set(arguments):
        _write(f"{_USAGE}\n\n{flags_help()}")
        return 0
    try:
        read = read_settings(arguments, os.environ)
    except UsageError as error:
        return _fail(error, 1)
    except NaiadError as error:
        set_up_logging((), level="INFO")
        logger.critical(_BANNER, error.message)
        return _fail(error, 3)
    return serve(read)


def serve(read: ReadSettings) -> int:
    """Serve a script until told to stop; what it returns, `main` does, too."""
    settings = read.settings
    os.environ.update(settings.variables())
    script = settings.script_path
    try:
        set_up_logging([settings.root, *([script.parent] if script else [])], level=settings.log_level)
        sockets = _sockets(settings)
    except NaiadError as error:
        return _fail(error, 3 if isinstance(error, ConfigError) else 1)
    _introduce(read, sockets[0])
    for warning in read.warnings:
        logger.warning(warning)
    if settings.cors_origins:
        logger.info("Enabling CORS for the following origins: %s", ", ".join(settings.cors_origins))
    capture_prints()
    engine_address.install(os.environ)
    # Not before: gunicorn and the transport take a while to import, and mistakes are told without them.
    from naiad.scoring.application import ScoringApplication

    try:
        status, cause = ScoringApplication(settings, sockets).serve()
    except NaiadError as error:
        return _fail(error, 3)
    return _fail(NaiadError(cause), status) if cause else status


def _sockets(settings: ScoringSettings) -> list[socket.socket]:
    """The socket for requests, and that for probes where it is another one; both listen."""
    sockets = [bind(settings.host, settings.port) if settings.fd is None else adopt(settings.fd)]
    if settings.seperate_health_endpoint:
        sockets.append(bind(settings.host, settings.health_port))
    for one in sockets:
        if not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            one.listen(_BACKLOG)
    return sockets


def _introduce(read: ReadSettings, listening: socket.socket) -> None:
    settings = read.settings
    host, port = listening.getsockname()[:2]
    health_port = settings.health_port if settings.seperate_health_endpoint else port
    shown = {
        "Entry Script Name": settings.script_path or "main.py",
        "Model Directory": settings.model_dir,
        "Config File": read.config_file,
        "Worker Count": settings.worker_count,
        "Worker Timeout (seconds)": settings.worker_timeout,
        "Server Port": port,
        "Health Port": health_port,
        "Inferencing HTTP server version": f"naiad/{naiad.__version__}",
        "CORS for the specified origins": ", ".join(settings.cors_origins) or None,
        "Create dedicated endpoint for health": str(settings.seperate_health_endpoint).lower(),
    }
    lines = [
        f"\nnaiad entry-script host v{naiad.__version__}\n",
        "\nServer Settings\n---------------",
        *(f"{name}: {value}" for name, value in shown.items()),
        "\n\nServer Routes\n---------------",
        f"Liveness Probe: GET   {host}:{health_port}/",
        f"Score:          POST  {host}:{port}/score\n",
    ]
    if settings.model_dir is None:
        variable = SOURCES["model_dir"].variable
        lines.insert(0, f"The environment variable '{variable}' has not been set.\nUse --model-dir to set it.")
    elif not Path(settings.model_dir).exists():
        lines.insert(0, f"The model directory {settings.model_dir} does not exist.")
    _write("\n".join(lines))


def _fail(error: NaiadError, status: int) -> int:
    """Say why, last of all: that is where people and supervisors look."""
    sys.stdout.flush()
    hint = f"\n\nhint: {error.hint}" if error.hint else ""
    sys.stderr.write(f"error: {error.message}{hint}\n")
    return status


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
