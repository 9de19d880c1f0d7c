"""Which requests are traced: settings of the server and of single models (triton.md §1.9).

A model that is not traced costs nothing: only one that is has its way in replaced.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from weakref import WeakSet

from naiad.config.trace_config import UNLIMITED, TraceSettings
from naiad.engine.model import Model
from naiad.engine.request import InferRequest
from naiad.engine.request_trace import RequestTrace, TracedSink
from naiad.engine.trace_file import Series, TraceFile
from naiad.errors import InvalidArgumentError, NaiadError

_SERVER: Final = ""


class Tracing:
    """The tracing of one process. Everything here runs on the event loop, but `close`.

    Args:
        settings: of the server, to begin with and to fall back to.
        path: the file to write to; empty for none, and then nothing can be traced.

    Attributes:
        path: as given.
    """

    def __init__(self, settings: TraceSettings, path: str) -> None:
        self.path = path
        self._file = TraceFile(Path(path).expanduser()) if path else None
        self._defaults = settings
        self._numbers = itertools.count(1)
        # By model name; the server's under "". What was given, and the outcome.
        self._given: dict[str, dict[str, Any]] = {}
        self._samplers = {_SERVER: self._sampler(settings)}
        self._models: WeakSet[Model] = WeakSet()

    def settings(self, name: str = _SERVER) -> TraceSettings:
        """Those in force for a model, or for the server."""
        return self._find(name).settings

    def update(self, changes: Mapping[str, Any], name: str = _SERVER) -> None:
        """Change settings of a model, or of the server.

        Args:
            changes: values by attribute of `TraceSettings`; None for one that is to be the server's again, or that with
                which the server started.
            name: of the model; "" for the server.

        Raises:
            InvalidArgumentError: nothing can be traced with these settings.
        """
        if not changes:
            return
        affected = [name] if name else [_SERVER, *(each for each in self._given if each)]
        given = {each: self._merge(each, changes if each == name else {}) for each in affected}
        server = self.settings() if name else replace(self._defaults, **given[_SERVER])
        wanted = {each: replace(server, **given[each]) for each in affected}
        for settings in wanted.values():
            self._check(settings)
        for each in affected:
            self._retire(each)
            self._given.pop(each, None)
            if given[each] or not each:
                self._given[each] = given[each]
                self._samplers[each] = self._sampler(wanted[each])
        self._apply()

    def _merge(self, name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        given = dict(self._given.get(name, {}))
        if "count" in given:
            given["count"] = self.settings(name).count  # what is left of it
        return {key: value for key, value in {**given, **changes}.items() if value is not None}

    def _check(self, settings: TraceSettings) -> None:
        reason = ""
        if settings.levels and not settings.rate:
            reason = "sample rate must be non-zero"
        elif settings.levels and self._file is None:
            reason = "trace file name is not given"
        if reason:
            raise InvalidArgumentError(f"Attempting to set invalid trace setting :{reason}")

    def attach(self, model: Model) -> None:
        """Trace a model that was loaded, as its name wants it."""
        self._models.add(model)
        self._apply_to(model)

    def close(self) -> None:
        """Write what is still to be written. Slow; nothing is traced any more."""
        for name in tuple(self._samplers):
            self._retire(name)
        if self._file is not None:
            self._file.close()

    def _find(self, name: str) -> Sampler:
        return self._samplers.get(name) or self._samplers[_SERVER]

    def _sampler(self, settings: TraceSettings) -> Sampler:
        return Sampler(settings, self._file, self._numbers, exhausted=self._apply)

    def _retire(self, name: str) -> None:
        sampler = self._samplers.pop(name, None)
        if sampler is not None:
            sampler.retire()

    def _apply(self) -> None:
        for model in tuple(self._models):
            self._apply_to(model)

    def _apply_to(self, model: Model) -> None:
        sampler = self._find(model.name)
        enqueue = model.scheduler.enqueue
        model.infer = TracedEntrance(model, sampler) if sampler.is_active else enqueue


class Sampler:
    """Chooses the requests that are traced under one outcome of the settings, and sends their traces off.

    Args:
        settings: the outcome.
        file: takes the traces; None when nothing can be traced.
        numbers: of the next traces.
        exhausted: called when as many were chosen as there were to be.
    """

    def __init__(
        self,
        settings: TraceSettings,
        file: TraceFile | None,
        numbers: Iterator[int],
        *,
        exhausted: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._file = file
        self._numbers = numbers
        self._exhausted = exhausted
        self._series = Series(settings.count != UNLIMITED or settings.log_frequency > 0, settings.log_frequency)
        self._left = settings.count
        self._seen = 0
        self._open = 0
        self._is_retired = False

    @property
    def settings(self) -> TraceSettings:
        """The outcome, with the count that is left."""
        return replace(self._settings, count=self._left)

    @property
    def is_active(self) -> bool:
        """Whether any request will be chosen."""
        return bool(self._settings.levels) and self._left != 0

    def choose(self, request: InferRequest) -> RequestTrace | None:
        """The trace of a request, when it is one of those."""
        self._seen += 1
        if self._left == 0 or self._seen % self._settings.rate:
            return None
        if self._left > 0:
            self._left -= 1
        self._open += 1
        if self._left == 0:
            self.retire()
            self._exhausted()
        return RequestTrace(next(self._numbers), self._settings.levels, request)

    def end(self, trace: RequestTrace) -> None:
        """Everything about the request is noted."""
        self._open -= 1
        if self._file is not None:
            self._file.put(self._series, trace)
        self._settle()

    def retire(self) -> None:
        """No more requests are chosen."""
        self._is_retired = True
        self._settle()

    def _settle(self) -> None:
        if self._is_retired and not self._open and self._file is not None:
            self._file.finish(self._series)


class TracedEntrance:
    """What stands for a model's `infer` while its requests are sampled.

    Args:
        model: the model version.
        sampler: chooses.
    """

    def __init__(self, model: Model, sampler: Sampler) -> None:
        self._scheduler = model.scheduler
        self._sampler = sampler

    def __call__(self, request: InferRequest) -> None:
        """As `Model.infer`."""
        trace = self._sampler.choose(request)
        if trace is None:
            self._scheduler.enqueue(request)
            return
        sink = TracedSink(request, trace, self._ended)
        self._scheduler.traced += 1
        try:
            self._scheduler.enqueue(request)
        except NaiadError:
            sink.cancelled()
            raise

    def _ended(self, trace: RequestTrace) -> None:
        self._scheduler.traced -= 1
        self._sampler.end(trace)
