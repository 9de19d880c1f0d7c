"""The host as an application of gunicorn's: what it is told about processes, and how scripts are loaded."""

from __future__ import annotations

import gc
import logging
import socket
from collections.abc import Sequence

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from naiad.scoring.arbiter import ScoringArbiter
from naiad.scoring.entry_script import EntryScript
from naiad.scoring.errors import EntryScriptError
from naiad.scoring.openapi_document import ServiceInfo
from naiad.scoring.settings import ScoringSettings
from naiad.scoring.worker import ScoringWorker

logger = logging.getLogger("azmlinfsrv")


class HostLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's lines in the host's log, which is set up before gunicorn starts."""

    def setup(self, cfg: object) -> None:
        """Nothing is left to do."""
        self.cfg = cfg


class ScoringApplication(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """One host.

    Args:
        settings: of the host.
        sockets: that it listens on; the first is the one for requests.

    Attributes:
        settings: of the host.
        port: of the first socket.
        script: loaded and initialised before the workers are forked, where that is wanted.
    """

    def __init__(self, settings: ScoringSettings, sockets: Sequence[socket.socket]) -> None:
        self.settings = settings
        self.port: int = sockets[0].getsockname()[1]
        self.script: EntryScript | None = None
        self._descriptors = [one.detach() for one in sockets]
        super().__init__()

    def load_config(self) -> None:
        """What gunicorn needs to know."""
        settings = self.settings
        values = {
            "bind": [f"fd://{descriptor}" for descriptor in self._descriptors],
            "workers": settings.worker_count,
            "timeout": settings.worker_timeout,
            "graceful_timeout": int(settings.graceful_timeout) + 1,
            "worker_class": ScoringWorker,
            "logger_class": HostLogger,
            "control_socket_disable": True,
            "proc_name": "naiad-scoring",
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load_script(self) -> EntryScript:
        """Import the script.

        Raises:
            EntryScriptError: it cannot be served.
        """
        settings = self.settings
        try:
            return EntryScript.load(
                settings.script_path,
                app_root=settings.root,
                source_dirs=settings.source_dirs,
                model_dir=settings.model_dir,
                service=ServiceInfo(settings.service_name, settings.service_version, settings.service_path_prefix),
            )
        except EntryScriptError as error:
            if error.traceback_text:
                logger.error("Encountered Exception %s", error.traceback_text)
            raise

    def reload_script(self) -> None:
        """Before workers are forked: load the script in this process, where that is wanted.

        Raises:
            EntryScriptError: it cannot be served.
        """
        if self.settings.worker_preload:
            script = self.load_script()
            if not script.is_async:  # an async init() belongs to a worker's loop
                script.init()
                self.script = script
        gc.collect()
        gc.freeze()  # the workers share what is there, as long as nobody writes into it

    def serve(self) -> tuple[int, str]:
        """Serve until told to stop.

        Returns:
            The exit status, and why the host has ended by itself, if it has.

        Raises:
            EntryScriptError: the script was to be loaded before the workers, and cannot be.
        """
        self.reload_script()
        arbiter = ScoringArbiter(self)
        try:
            arbiter.run()
        except SystemExit as end:
            return int(end.code or 0), arbiter.cause
        return 0, ""
