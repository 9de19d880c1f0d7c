"""A script whose `run()` is `async def`: its requests are tasks on the loop that also holds the sockets."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator

from naiad.engine.execution import clock_ns
from naiad.scoring.entry_script import SCRIPT_ERROR, EntryScript
from naiad.scoring.job import Job
from naiad.scoring.score_queue import ScoreQueue
from naiad.scoring.score_response import ScoreResponse, error_response
from naiad.scoring.script_module import user_traceback

logger = logging.getLogger("azmlinfsrv")


class ScriptTasks:
    """Runs requests side by side.

    Args:
        script: what to run.
        max_running: how many at once; the others wait for their turn.

    Attributes:
        queue: told when a request has run; to be set before the first one.
    """

    queue: ScoreQueue

    def __init__(self, script: EntryScript, *, max_running: int) -> None:
        self._script = script
        self._max_running = max_running
        self._tasks: dict[Job, asyncio.Task[None]] = {}
        self._held: deque[Job] = deque()

    def start(self, job: Job) -> None:
        """Run it, or hold it until one of those that run has ended."""
        if len(self._tasks) >= self._max_running:
            self._held.append(job)
            return
        job.started_ns = clock_ns()
        self._tasks[job] = asyncio.get_running_loop().create_task(self._run(job))

    def interrupt(self, job: Job) -> None:
        """Cancel its task."""
        if job in self._tasks:
            self._tasks[job].cancel()

    async def _run(self, job: Job) -> None:
        response: ScoreResponse | None = None
        try:
            response = await self._script.score_async(job.request)
            if isinstance(response.body, AsyncGenerator):
                pieces, response = response, None
                await _stream(job, pieces)
        except asyncio.CancelledError as error:
            logger.error("Encountered Exception: %s", user_traceback(error))
            response = error_response(500, SCRIPT_ERROR, run_function_failed=True)
        except BaseException as error:  # SystemExit, which would end the loop and every other request with it
            logger.error("Encountered Exception: %s", user_traceback(error))
            response = error_response(500, SCRIPT_ERROR, run_function_failed=True)
        finally:
            del self._tasks[job]
            self.queue.finished(job, response)
            while self._held and len(self._tasks) < self._max_running:
                held = self._held.popleft()
                if not held.is_answered:
                    self.start(held)


async def _stream(job: Job, response: ScoreResponse) -> None:
    """Send an answer in pieces, no faster than its client reads."""
    pieces, reply = response.body, job.reply
    assert isinstance(pieces, AsyncGenerator)
    if job.is_answered:
        await pieces.aclose()
        return
    room, task = asyncio.Event(), asyncio.current_task()
    assert task is not None
    job.is_answered = job.is_streaming = True
    reply.watch(lost=task.cancel, writable=room.set)
    reply.begin(response)
    try:
        async for piece in pieces:
            room.clear()
            if not reply.send(piece):
                await room.wait()
    except asyncio.CancelledError:
        logger.info("the client has gone away while its answer was made")
    except BaseException as error:
        logger.error("Encountered Exception: %s", user_traceback(error))
        reply.abort()
    else:
        reply.end()
    finally:
        await pieces.aclose()
