"""Where every thread of this process is, for the log of a worker that hangs."""

from __future__ import annotations

import logging
import sys
import threading
import traceback


def log_stacks(logger: logging.Logger, why: str) -> None:
    """Write each thread's stack into the log, outermost call first."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for identity, frame in sys._current_frames().items():
        stack = "".join(traceback.format_stack(frame))
        logger.critical("%s: thread %s is at\n%s", why, names.get(identity, identity), stack)
