"""An answer in pieces from a script's generator, between the thread that runs it and the loop that sends it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Generator
from typing import Final

from naiad.scoring.job import Job
from naiad.scoring.score_response import ScoreResponse
from naiad.scoring.script_module import user_traceback

_MAX_UNSENT_BYTES: Final = 1 << 18
_WAIT_S: Final = 1.0

logger = logging.getLogger("azmlinfsrv")


class ScriptStream:
    """One answer. The generator waits while its client reads more slowly than it yields.

    Args:
        job: whose answer it is.
        loop: that sends it.
        progressed: called for each piece, in the script's thread.
    """

    def __init__(self, job: Job, loop: asyncio.AbstractEventLoop, progressed: Callable[[], None]) -> None:
        self._job = job
        self._loop = loop
        self._progressed = progressed
        # Each is written by one thread only.
        self._made_bytes = 0
        self._sent_bytes = 0
        self._waiting_bytes = 0
        self._is_lost = False
        self._has_room = threading.Event()

    def run(self, response: ScoreResponse) -> None:
        """Send all of it; in the script's thread."""
        pieces = response.body
        assert isinstance(pieces, Generator)
        self._loop.call_soon_threadsafe(self._begin, response)
        try:
            for piece in pieces:
                self._progressed()
                self._made_bytes += len(piece)
                self._loop.call_soon_threadsafe(self._send, piece)
                self._wait_for_room()
                if self._is_lost:
                    break
        except Exception as error:
            logger.error("Encountered Exception: %s", user_traceback(error))
            self._loop.call_soon_threadsafe(self._break_off)
        except BaseException:
            self._loop.call_soon_threadsafe(self._break_off)
            raise
        else:
            self._loop.call_soon_threadsafe(self._end)
        finally:
            pieces.close()

    def _wait_for_room(self) -> None:
        while self._made_bytes - self._sent_bytes > _MAX_UNSENT_BYTES and not self._is_lost:
            self._has_room.wait(_WAIT_S)
            self._has_room.clear()
            self._progressed()  # it is the client that is slow, not the script

    # On the loop.

    def _begin(self, response: ScoreResponse) -> None:
        job = self._job
        if job.is_answered:  # its client is gone, or run() took too long
            self._lose()
            return
        job.is_answered = job.is_streaming = True
        job.reply.watch(lost=self._lose, writable=self._sent)
        job.reply.begin(response)

    def _send(self, piece: bytes) -> None:
        if self._is_lost:
            return
        self._waiting_bytes += len(piece)
        if self._job.reply.send(piece):
            self._sent()

    def _sent(self) -> None:
        self._sent_bytes += self._waiting_bytes
        self._waiting_bytes = 0
        self._has_room.set()

    def _lose(self) -> None:
        self._is_lost = True
        self._has_room.set()

    def _end(self) -> None:
        if not self._is_lost:
            self._job.reply.end()

    def _break_off(self) -> None:
        if not self._is_lost:
            self._job.reply.abort()
