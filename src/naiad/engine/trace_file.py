"""Traces in files: JSON arrays of what was noted, written by a thread of their own (triton.md §1.9).

Traces are written as they end, so that what waits in memory is bounded: when the disk does not keep up, further traces
are dropped and counted. Without a count and a log frequency all go to the file itself; otherwise to files with `.0`,
`.1`, … behind its name. An array is complete when its traces are, at the latest when the server stops.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, Final

import numpy as np
import orjson

from naiad.engine.request_trace import RequestTrace, TracedTensor

logger = logging.getLogger(__name__)

_MAX_WAITING_BYTES: Final = 1 << 26
_CLOSE_TIMEOUT_S: Final = 10.0
_ELEMENTS_AT_A_TIME: Final = 4096


@dataclass(frozen=True, eq=False, slots=True)
class Series:
    """Traces that belong together.

    Attributes:
        numbered: they have files of their own.
        log_frequency: so many to a file; 0 for all.
    """

    numbered: bool
    log_frequency: int


class TraceFile:
    """The files of one process. Its methods never wait for the disk, but `close`.

    Args:
        path: of the file; an existing one is replaced with the first trace.
        max_waiting_bytes: traces that wait to be written.

    Attributes:
        path: as given.
        dropped: how many traces were not written because too much waited.
        is_failing: the last trace could not be written.
    """

    def __init__(self, path: Path, *, max_waiting_bytes: int = _MAX_WAITING_BYTES) -> None:
        self.path = path
        self.dropped = 0
        self._max_waiting_bytes = max_waiting_bytes
        self._queue: SimpleQueue[tuple[Series, RequestTrace | None, int] | None] = SimpleQueue()
        # Each has one thread that changes it; the difference is what waits.
        self._given_bytes = self._written_bytes = 0
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._arrays: dict[Series | None, _TraceArray] = {}
        self._begun = False  # a file that could not be written to its end is not begun again
        self._next_number = 0
        self.is_failing = False

    def put(self, series: Series, trace: RequestTrace) -> None:
        """Have a trace written, if there is room for it."""
        size = trace.size_bytes
        if self._given_bytes - self._written_bytes + size > self._max_waiting_bytes:
            if not self.dropped:
                logger.warning("traces come faster than they can be written to '%s': dropping some", self.path)
            self.dropped += 1
            return
        self._given_bytes += size
        self._enqueue((series, trace, size))

    def finish(self, series: Series) -> None:
        """No more traces of this series come."""
        if series.numbered:
            self._enqueue((series, None, 0))

    def close(self) -> None:
        """Write what waits and complete every file, within ten seconds; what comes after is not written."""
        self._is_closed = True
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(_CLOSE_TIMEOUT_S)
            if self._thread.is_alive():
                logger.warning("traces are still being written to '%s': not waiting for them", self.path)
            self._thread = None
        if self.dropped:
            logger.warning("%d traces were dropped because they could not be written in time", self.dropped)

    def _enqueue(self, item: tuple[Series, RequestTrace | None, int]) -> None:
        if self._is_closed:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="trace-file", daemon=True)
            self._thread.start()
        self._queue.put(item)

    # The thread's side.

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            series, trace, size = item
            self._guarded(series, trace)
            self._written_bytes += size
        for series_or_none in tuple(self._arrays):
            self._guarded_close(series_or_none)

    def _guarded(self, series: Series, trace: RequestTrace | None) -> None:
        key = series if series.numbered else None
        if trace is None:
            self._guarded_close(key)
            return
        try:
            array = self._arrays.get(key)
            if array is None:
                array = self._arrays[key] = _TraceArray(self._next_path(series))
            array.add(trace)
            if self._queue.empty():
                array.flush()
            self.is_failing = False
        except Exception as error:  # a full disk must end neither the thread nor the server
            self._report(error)
            self._guarded_close(key)
            return
        if series.log_frequency and array.count == series.log_frequency:
            self._guarded_close(key)

    def _guarded_close(self, key: Series | None) -> None:
        array = self._arrays.pop(key, None)
        if array is not None:
            try:
                array.close()
            except OSError as error:
                self._report(error)

    def _report(self, error: Exception) -> None:
        if not self.is_failing:
            self.is_failing = True
            logger.error("unable to write traces to '%s': %s", self.path, error)

    def _next_path(self, series: Series) -> Path:
        if not (series.numbered or self._begun):
            self._begun = True
            return self.path
        path = self.path.with_name(f"{self.path.name}.{self._next_number}")
        self._next_number += 1
        return path


class _TraceArray:
    """One file: a JSON array that grows."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._file: BinaryIO = path.open("wb")
        self._file.write(b"[")

    def add(self, trace: RequestTrace) -> None:
        """Write one more trace."""
        if self.count:
            self._file.write(b",\n")
        self.count += 1
        self._file.writelines(render(trace))

    def flush(self) -> None:
        """Let others see what is written."""
        self._file.flush()

    def close(self) -> None:
        """Complete the array."""
        with self._file:
            self._file.write(b"]\n")


def render(trace: RequestTrace) -> Iterator[bytes]:
    """The JSON of a trace's events, separated by commas."""
    about: dict[str, Any] = {
        "id": trace.number,
        "model_name": trace.model_name,
        "model_version": int(trace.model_version),
    }
    if trace.request_id:
        about["request_id"] = trace.request_id
    yield orjson.dumps(about)
    for event in trace.events:
        if isinstance(event, TracedTensor):
            yield b',{"id":%d,"activity":"%b","tensor":{"name":' % (trace.number, event.activity.encode())
            yield orjson.dumps(event.name) + b',"data":"'
            yield from _render_elements(event)
            shape = ",".join(map(str, event.shape)).encode()
            yield b'","shape":"%b","dtype":"%b"}}' % (shape, event.datatype.name.encode())
        else:
            name, ns = event
            yield b',{"id":%d,"timestamps":[{"name":"%b","ns":%d}]}' % (trace.number, name.encode(), ns)


def _render_elements(tensor: TracedTensor) -> Iterator[bytes]:
    """The elements as tritonserver prints them, inside a JSON string: six digits of a float, 1 and 0 for truth."""
    elements, kind = tensor.elements, tensor.datatype.dtype.kind
    for start in range(0, elements.size, _ELEMENTS_AT_A_TIME):
        some = elements[start : start + _ELEMENTS_AT_A_TIME]
        if kind == "O":
            texts = [f'"{_text(element)}"' for element in some]
        elif kind == "b":
            texts = ["1" if element else "0" for element in some]
        elif kind in "iu":
            texts = [str(element) for element in some.tolist()]
        else:
            texts = [f"{element:g}" for element in some.astype(np.float64).tolist()]
        yield (b"," if start else b"") + orjson.dumps(",".join(texts))[1:-1]


def _text(element: Any) -> str:
    return element.decode("utf-8", "replace") if isinstance(element, bytes) else str(element)
