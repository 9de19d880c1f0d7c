"""A script whose `run()` is an ordinary function: one request at a time, in the process's main thread.

Scripts know it so from azmlinfsrv: objects that belong to the thread that made them, and signals, work. The sockets
live on a loop in another thread. Requests come over in a queue whose consumer sleeps only when it is empty, and answers
go back in batches, with one wake-up each (fast-path.md points 1 and 2).
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections import deque
from queue import SimpleQueue
from types import FrameType

from naiad.engine.execution import clock_ns
from naiad.scoring.entry_script import SCRIPT_ERROR, EntryScript
from naiad.scoring.errors import ScoringTimeout
from naiad.scoring.job import Job
from naiad.scoring.score_queue import ScoreQueue
from naiad.scoring.score_response import ScoreResponse, error_response
from naiad.scoring.script_module import user_traceback
from naiad.scoring.script_stream import ScriptStream

logger = logging.getLogger("azmlinfsrv")


class ScriptThread:
    """Runs requests in the thread that calls `run`.

    Args:
        script: what to run.
        loop: where answers go.

    Attributes:
        queue: told when a request has run; to be set before the first one.
        progress: grows whenever the script does something.
    """

    queue: ScoreQueue

    def __init__(self, script: EntryScript, loop: asyncio.AbstractEventLoop) -> None:
        self._script = script
        self._loop = loop
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._done: deque[tuple[Job, ScoreResponse | None]] = deque()
        self._is_flushing = False
        self._running: Job | None = None
        self._overdue: Job | None = None
        self._thread_id = threading.get_ident()
        self.progress = 0

    # On the loop.

    def start(self, job: Job) -> None:
        """Run it when it is its turn."""
        self._jobs.put(job)

    def interrupt(self, job: Job) -> None:
        """Raise `ScoringTimeout` inside `run()`, as soon as it runs Python code again or waits in a system call."""
        self._overdue = job
        signal.pthread_kill(self._thread_id, signal.SIGALRM)

    def stop(self) -> None:
        """Let `run` return when everything before has run."""
        self._jobs.put(None)

    @property
    def is_waiting(self) -> bool:
        """Whether there is nothing that the script could be at work on."""
        return self._running is None and self._jobs.empty()

    def _flush(self) -> None:
        self._is_flushing = False
        while self._done:
            self.queue.finished(*self._done.popleft())

    # In the script's thread.

    def run(self) -> bool:
        """Work until told to stop.

        Returns:
            Whether that is why it returns; else the script has asked to end the process.
        """
        signal.signal(signal.SIGALRM, self._alarm)
        while (job := self._jobs.get()) is not None:
            if job.is_answered:
                continue
            job.started_ns = clock_ns()
            self.progress += 1
            response, is_last = self._score(job)
            self._done.append((job, response))
            if not self._is_flushing:
                self._is_flushing = True
                self._loop.call_soon_threadsafe(self._flush)
            if is_last:
                return False
        return True

    def _score(self, job: Job) -> tuple[ScoreResponse | None, bool]:
        """Run a request; its answer, unless that has been given, and whether the script wants to end the process."""
        try:
            self._running = job
            response = self._script.score(job.request)
            if not isinstance(response.body, bytes):
                ScriptStream(job, self._loop, self._count).run(response)
                self._running = None
                return None, False
            self._running = None
        except ScoringTimeout as error:
            self._running = None
            logger.error("Encountered Exception: %s", user_traceback(error))
            return None, False
        except BaseException as error:
            self._running = None
            logger.error("The script ends the process: %s", user_traceback(error))
            return error_response(500, SCRIPT_ERROR, run_function_failed=True), True
        return response, False

    def _count(self) -> None:
        self.progress += 1

    def _alarm(self, number: int, frame: FrameType | None) -> None:
        if self._overdue is not None and self._overdue is self._running:
            self._overdue = None
            raise ScoringTimeout
