"""What a worker serves, on a loop in a thread of its own: the sockets, the queue, the heartbeat, the way out."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

import uvloop

import naiad
from naiad.errors import NaiadError
from naiad.scoring.cors import Cors
from naiad.scoring.entry_script import EntryScript
from naiad.scoring.routes import ScoreRoutes
from naiad.scoring.score_queue import QueueLimits, ScoreQueue
from naiad.scoring.score_server import ScoreServer
from naiad.scoring.script_tasks import ScriptTasks
from naiad.scoring.script_thread import ScriptThread
from naiad.scoring.settings import ScoringSettings
from naiad.scoring.stacks import log_stacks
from naiad.server.auth import KeyRing
from naiad.server.http_server import Limits

_HEARTBEAT_S: Final = 1.0
_LAST_WORDS_S: Final = 0.5
_STOPPING: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)

logger = logging.getLogger("azmlinfsrv")


class ScoringService:
    """One worker's service.

    Args:
        script: loaded; `init()` is called here if it is async, and has been called before if it is not.
        settings: of the host.
        sockets: to accept connections from; listening, not blocking.
        wakeup_fd: where the numbers of signals come from, as `signal.set_wakeup_fd` writes them.
        beat: tells the master that this worker lives, and us whether the master does.

    Attributes:
        ready: set when requests are accepted, or `failure` says why they will not be.
        failure: what went wrong before that.
    """

    def __init__(
        self,
        script: EntryScript,
        settings: ScoringSettings,
        *,
        sockets: Sequence[socket.socket],
        wakeup_fd: int,
        beat: Callable[[], bool],
    ) -> None:
        self._script = script
        self._settings = settings
        self._sockets = sockets
        self._wakeup_fd = wakeup_fd
        self._beat = beat
        self._loop = uvloop.new_event_loop()
        self._stop = asyncio.Event()
        self._queue: ScoreQueue
        self._progress = -1
        self._is_serving = False
        self._has_successor = settings.fd is not None
        self._is_giving_up = False
        self._thread: ScriptThread | None = None
        self.ready = threading.Event()
        self.failure: NaiadError | None = None

    def run(self, ready: Callable[[], None]) -> bool:
        """Serve until told to stop; in the process's main thread, which runs the script.

        Args:
            ready: called when requests are accepted.

        Returns:
            Whether it was told to; else the script has asked to end the process.

        Raises:
            NaiadError: the script cannot be served.
        """
        runner: ScriptThread | ScriptTasks
        if self._script.is_async:
            runner = ScriptTasks(self._script, max_running=self._share(self._settings.max_queued_requests))
        else:
            runner = self._thread = ScriptThread(self._script, self._loop)
        serving = threading.Thread(target=self._run_loop, args=(runner,), name="naiad-http")
        serving.start()
        self.ready.wait()
        if self.failure is not None:
            serving.join()
            raise self.failure
        ready()
        was_told = True
        if self._thread is not None:
            was_told = self._thread.run()
            if not was_told:
                self._loop.call_soon_threadsafe(self._script_ended)
        serving.join()
        return was_told

    def _share(self, everybody: int) -> int:
        """A worker's part of what all of them may have."""
        wanted = self._settings.max_concurrent_requests or everybody
        return -(-wanted // self._settings.worker_count)

    # On the loop.

    def _run_loop(self, runner: ScriptThread | ScriptTasks) -> None:
        try:
            self._loop.run_until_complete(self._serve(runner))
        except BaseException:
            logger.exception("the worker fails")
            self._exit(1)
        self.ready.set()
        self._loop.close()

    async def _serve(self, runner: ScriptThread | ScriptTasks) -> None:
        settings = self._settings
        limits = QueueLimits(
            scoring_timeout_ms=settings.scoring_timeout_ms,
            in_flight=self._share(1 if self._thread is not None else settings.max_queued_requests),
            max_wait_ms=settings.max_queue_wait_ms,
            max_queued=-(-settings.max_queued_requests // settings.worker_count),
            timeout_status=HTTPStatus.GATEWAY_TIMEOUT if settings.router_codes else 500,
            is_shared=settings.worker_count > 1,
        )
        queue = self._queue = runner.queue = ScoreQueue(runner, limits)
        self._loop.add_reader(self._wakeup_fd, self._signalled)
        try:
            if self._script.is_async:
                await self._script.init_async()
            server = self._server(queue)
        except NaiadError as error:
            self.failure = error
            return
        self._is_serving = True
        server.accept_from(*self._sockets)
        self._heartbeat()
        self.ready.set()
        await self._stop.wait()
        await self._drain(server)

    def _server(self, queue: ScoreQueue) -> ScoreServer:
        settings = self._settings
        named = settings.server_version_log_response_enabled
        routes = ScoreRoutes(
            self._script,
            queue,
            cors=Cors(settings.cors_origins),
            server_version=b"x-ms-server-version: naiad/%b\r\n" % naiad.__version__.encode() if named else b"",
            router_codes=settings.router_codes,
        )
        limits = Limits(
            max_head_bytes=settings.max_header_size,
            max_input_bytes=settings.max_body_size,
            max_body_bytes=settings.max_body_size,
            max_connections=settings.max_connections,
        )
        keys = KeyRing(Path(settings.auth_keys)) if settings.auth_keys else None
        return ScoreServer(routes, queue, limits=limits, keys=keys, shared=settings.worker_count > 1)

    def _heartbeat(self) -> None:
        """Tell the master that this worker lives, unless the script has been at one thing since the last time."""
        thread = self._thread
        if thread is None or thread.is_waiting or thread.progress != self._progress:
            if not self._beat():
                self._stop.set()
            self._progress = thread.progress if thread is not None else 0
        self._loop.call_later(min(_HEARTBEAT_S, (self._settings.worker_timeout or 60) / 4), self._heartbeat)

    def _signalled(self) -> None:
        """A signal has come. The main thread, where Python would tell of it, may be deep in the script.

        SIGTERM and SIGHUP let the worker end; the latter says that other workers go on.
        """
        # It may come twice: from the interpreter, and from the handler in the main thread.
        for number in set(os.read(self._wakeup_fd, 256)):
            if not self._is_serving and number in _STOPPING:
                self._exit(0)
            elif number in (signal.SIGTERM, signal.SIGHUP):
                self._has_successor = self._has_successor or number == signal.SIGHUP
                self._stop.set()
            elif number in (signal.SIGINT, signal.SIGQUIT):
                self._give_up("The service is stopping.", status=0)
            elif number == signal.SIGABRT and not self._is_giving_up:
                log_stacks(logger, "WORKER TIMEOUT")
                self._give_up(f"The script did not come back in {self._settings.worker_timeout} s.", status=1)

    def _script_ended(self) -> None:
        """The script has ended the process: what waits for it is refused, and another worker comes."""
        self._queue.close("The script has ended its process.")
        self._stop.set()

    def _give_up(self, message: str, *, status: int) -> None:
        """Answer everybody and end the process, whatever the script is doing."""
        self._is_giving_up = True
        self._queue.close(message)
        self._loop.call_later(_LAST_WORDS_S, self._exit, status)

    def _exit(self, status: int) -> None:
        logging.shutdown()
        os._exit(status)

    async def _drain(self, server: ScoreServer) -> None:
        """Answer what was accepted; then let the script's thread end."""
        server.has_successor = self._has_successor
        server.stop_accepting()
        try:
            async with asyncio.timeout(max(self._settings.graceful_timeout - 2 * _LAST_WORDS_S, _LAST_WORDS_S)):
                await server.drained()
                await self._queue.idle()  # what runs for a client that is gone
        except TimeoutError:
            logger.warning("stopping although %d requests are not answered", len(self._queue))
            self._give_up("The service is stopping.", status=1)
            await asyncio.sleep(2 * _LAST_WORDS_S)
        server.close()
        if self._thread is not None:
            self._thread.stop()
