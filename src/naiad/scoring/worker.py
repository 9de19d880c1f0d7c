"""One of the host's processes: gunicorn's worker around a `ScoringService`."""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from gunicorn.workers.base import Worker

from naiad.engine.execution import clock_ns
from naiad.errors import ConfigError, NaiadError
from naiad.scoring.entry_script import EntryScript
from naiad.scoring.service import ScoringService
from naiad.scoring.stacks import log_stacks

if TYPE_CHECKING:
    from naiad.scoring.application import ScoringApplication

# A thread that has something to answer waits this long at most for the interpreter's lock; Python's 5 ms would be most
# of a request's latency.
_SWITCH_INTERVAL_S: Final = 0.0005
_MAX_WORDS: Final = 4096
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT)
_LEFT_THREADS_S: Final = 2.0

logger = logging.getLogger("azmlinfsrv")


class ScoringWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """Made in the master before it forks; arguments are gunicorn's.

    Attributes:
        generation: which reload it belongs to; set by the arbiter.
        is_ready: it has said that it accepts requests.
        error: why it will not, when it has said so.
    """

    app: ScoringApplication

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.generation = 0
        self.is_ready = False
        self.error = ""
        self._is_async = False
        self._hears, self._says = os.pipe()
        os.set_blocking(self._hears, False)
        os.set_blocking(self._says, False)

    # In the master.

    def listen(self) -> None:
        """Hear what the worker has said about itself."""
        try:
            words = os.read(self._hears, _MAX_WORDS)
        except BlockingIOError:
            return
        for line in words.splitlines():
            said = json.loads(line)
            self.is_ready = self.is_ready or "ready" in said
            self.error = said.get("error", self.error)

    def forget(self) -> None:
        """The process is gone."""
        os.close(self._hears)
        os.close(self._says)

    # In the worker.

    def load_wsgi(self) -> None:
        """There is no WSGI application: the script is loaded when the worker runs."""

    def init_signals(self) -> None:
        """As gunicorn's, but for the signals themselves: the loop's thread reads them from the wake-up pipe."""
        super().init_signals()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, self._end_while_starting)

    def run(self) -> None:
        """Load the script and serve it."""
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        try:
            if (port := self.app.settings.debug_port) is not None:
                _wait_for_debugger(port)
            script = self._load()
            self._is_async = script.is_async
            service = ScoringService(
                script,
                self.app.settings,
                sockets=[listener.sock for listener in self.sockets],
                wakeup_fd=self.PIPE[0],
                beat=self._beat,
            )
            for number in _ENDING:
                signal.signal(number, self._leave_to_the_loop)
            os.register_at_fork(after_in_child=_forget_signals)
            was_told = service.run(self._ready)
        except NaiadError as error:
            self._say(error=error.message)
            self._end(1)
        self._end(0 if was_told else 1)

    def _end(self, status: int) -> NoReturn:
        """End the process; threads that the script has left running may hold that up, but not for ever."""
        last_resort = threading.Timer(_LEFT_THREADS_S, os._exit, (status,))
        last_resort.daemon = True
        last_resort.start()
        sys.exit(status)

    def _load(self) -> EntryScript:
        script = self.app.script or self.app.load_script()
        if not (script.is_async or script is self.app.script):
            script.init()
        logger.info("Scoring timeout is set to %d", self.app.settings.scoring_timeout_ms)
        return script

    def _beat(self) -> bool:
        """Tell the master that this worker lives; whether the master does."""
        self.notify()
        return bool(os.getppid() == self.ppid)

    def _ready(self) -> None:
        logger.info("Worker with pid %d ready for serving traffic", self.pid)
        self._say(ready=clock_ns())
        os.kill(self.ppid, signal.SIGCHLD)  # so that the master listens now, and not within a second

    def _say(self, **words: Any) -> None:
        if len(text := json.dumps(words)) >= _MAX_WORDS:
            text = json.dumps({name: str(word)[: _MAX_WORDS // 8] for name, word in words.items()})
        os.write(self._says, text.encode() + b"\n")

    def _leave_to_the_loop(self, number: int, frame: FrameType | None) -> None:
        """The loop's thread knows already, unless the script holds it up, or has taken the wake-up pipe away."""
        if number == signal.SIGABRT and self._is_async:
            log_stacks(logger, "WORKER TIMEOUT")
            os._exit(1)
        os.write(self.PIPE[1], bytes([number]))

    def _end_while_starting(self, number: int, frame: FrameType | None) -> None:
        logging.shutdown()
        os._exit(0)


def _forget_signals() -> None:
    """In a process that the script forks: what is told to it is not told to the worker, whose wake-up pipe it has."""
    signal.set_wakeup_fd(-1)
    for number in (*_ENDING, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)


def _wait_for_debugger(port: int) -> None:
    """Let a debugger that listens on a port of this machine take control (azure-ml.md §4.1, AZUREML_DEBUG_PORT)."""
    logger.warning("Waiting for a debugger at port %d, because AZUREML_DEBUG_PORT is set", port)
    try:
        debugpy = importlib.import_module("debugpy")
    except ModuleNotFoundError:
        raise ConfigError(
            "AZUREML_DEBUG_PORT is set, and debugpy is not installed", hint="pip install debugpy, or unset the variable"
        ) from None
    debugpy.connect(port)
    debugpy.wait_for_client()
