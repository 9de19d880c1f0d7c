"""The host for somebody who is writing a script: started anew, or reloaded, whenever its code changes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

_STOP_S: Final = 35.0
_LOOK_AGAIN_MS: Final = 100


def serve_and_reload(arguments: Sequence[str], folder: Path) -> int:
    """Run the host as a process of its own until told to stop.

    A change makes it reload: its old workers go on until the new ones are ready, and for good when they fail. A host
    that has ended, because the script failed at once, is started again by the next change.

    Args:
        arguments: the host's.
        folder: in which changes of Python files count.

    Returns:
        The exit status of the host that ran last.
    """
    from watchfiles import PythonFilter, watch

    host: subprocess.Popen[bytes] | None = None
    is_changed = False
    with _told_to_stop() as stop:
        changes = watch(
            folder,
            watch_filter=PythonFilter(),
            stop_event=stop,
            raise_interrupt=False,
            rust_timeout=_LOOK_AGAIN_MS,
            yield_on_timeout=True,
        )
        try:
            for found in changes:
                # Not before the folder is watched, which it is by now: no change goes unseen.
                if host is None:
                    host = _start(arguments)
                    continue
                is_changed = is_changed or bool(found)
                if is_changed and host.poll() is not None:
                    host, is_changed = _start(arguments), False
                elif found:
                    host.send_signal(signal.SIGHUP)
        finally:
            if host is not None:
                _end(host)
    return host.returncode if host is not None else 0


def _start(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C is ours to pass on.
    return subprocess.Popen([sys.executable, "-m", "naiad.scoring", *arguments], start_new_session=True)


def _end(host: subprocess.Popen[bytes]) -> None:
    if host.poll() is None:
        host.terminate()
    try:
        host.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(host.pid, signal.SIGKILL)
        host.wait()


class _Stop:
    """What `watch` looks at to know that it should end."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set


@contextlib.contextmanager
def _told_to_stop() -> Iterator[_Stop]:
    stop = _Stop()
    old = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
