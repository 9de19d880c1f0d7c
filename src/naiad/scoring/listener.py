"""Taking new connections from a socket that several workers share, so that one with time takes them first.

Every worker is told of a new connection. One that is at work on requests leaves it to the others for about as long as
its own work will take, so that it does not wait here while another worker is idle; when nobody else has taken it by
then, it is taken here, because also a worker that is busy has answers to give: the probes, and that it is busy.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

_TOGETHER: Final = 64

logger = logging.getLogger("azmlinfsrv")


class Listener:
    """One listening socket; lives on the loop.

    Args:
        listening: the socket; not blocking.
        accepted: takes a new connection.
        patience_s: how long to leave a connection to the other workers, now.
        pause_s: how long to leave the next one to them after one has been taken, whose request is still on its way.
    """

    def __init__(
        self,
        listening: socket.socket,
        accepted: Callable[[socket.socket], None],
        *,
        patience_s: Callable[[], float],
        pause_s: Callable[[], float],
    ) -> None:
        self._socket = listening
        self._accepted = accepted
        self._patience_s = patience_s
        self._pause_s = pause_s
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.TimerHandle | None = None
        self._loop.add_reader(listening, self._readable)

    def resume(self) -> None:
        """This worker has time now."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self._loop.add_reader(self._socket, self._readable)

    def close(self, *, takes_last: bool) -> None:
        """Take nothing more.

        Args:
            takes_last: but what is there already, which nobody else would.
        """
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        self._loop.remove_reader(self._socket)
        while takes_last and self._accept():
            pass
        self._socket.close()

    def _readable(self) -> None:
        for _ in range(_TOGETHER):
            if patience_s := self._patience_s():
                self._leave(patience_s, self._take_one)
                return
            if not self._accept():
                return
            if pause_s := self._pause_s():
                self._leave(pause_s, self.resume)
                return

    def _leave(self, delay_s: float, then: Callable[[], None]) -> None:
        """Look away from the socket for a while."""
        self._loop.remove_reader(self._socket)
        self._waiting = self._loop.call_later(delay_s, then)

    def _take_one(self) -> None:
        self._accept()
        self.resume()

    def _accept(self) -> bool:
        try:
            connection, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:  # no descriptors left: the connections that are open go on
            logger.error("unable to accept a connection: %s", error.strerror)
            return False
        connection.setblocking(False)
        self._accepted(connection)
        return True
