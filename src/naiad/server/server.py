"""A server process: models loaded, ports open, signals heeded, drained on the way out."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Final

import platformdirs

from naiad.config.backend_options import options_by_backend
from naiad.config.settings import Settings
from naiad.config.trace_config import read_trace_config
from naiad.engine.engine import Engine
from naiad.engine.loader import LoadSettings
from naiad.engine.shared_memory import SharedMemory
from naiad.engine.tracing import Tracing
from naiad.errors import InternalError, NaiadError, UsageError
from naiad.repository.location import FetchSettings, open_repository
from naiad.server.grpc_service import RESTRICTED_PREFIX, InferenceService
from naiad.server.log import LogFormat, LogSettings, ServerLog
from naiad.server.logging_views import LoggingViews
from naiad.server.metrics import MetricsRoutes
from naiad.server.model_control import ControlMode, ModelControl
from naiad.server.ports import server_ports
from naiad.server.restricted import Restrictions
from naiad.server.shared_memory_views import SharedMemoryViews
from naiad.server.startup_table import model_table
from naiad.server.trace_views import TraceViews
from naiad.server.views import Views

logger = logging.getLogger(__name__)

# A thread that returns from a runtime waits this long at most for the interpreter's lock; Python's 5 ms would be most
# of a request's latency.
_SWITCH_INTERVAL_S: Final = 0.0005

# Requests in flight are young objects that die by reference count; looking for cycles among them only costs time.
_GC_THRESHOLD: Final = 20_000


def serve(settings: Settings) -> None:
    """Run a server until it is told to stop by SIGTERM or SIGINT.

    Raises:
        NaiadError: it could not start.
    """
    log = ServerLog(_log_settings(settings))
    for warning in settings.warnings:
        logger.warning("%s", warning)
    for note in settings.notes:
        logger.info("%s", note)
    if not settings.model_repository:
        raise UsageError("--model-repository must be specified", hint="it names the folder that holds the models")
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    server = Server(settings, log)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(server.run())
    if server.is_overdue:
        # A runtime that is still at work in a thread would crash when the interpreter goes away around it.
        logging.shutdown()
        os._exit(1)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None  # Windows: asyncio's own loop
    return uvloop.Loop


class Server:
    """One server with its engine and listeners.

    Args:
        settings: all of them.
        log: of this process.

    Attributes:
        is_overdue: it stopped although something was still running.

    Raises:
        NaiadError: a setting, a repository or the key file is not usable.
    """

    def __init__(self, settings: Settings, log: ServerLog) -> None:
        self._settings = settings
        self._log = log
        self._stop = asyncio.Event()
        self.is_overdue = False
        fetching = FetchSettings(
            cache=Path(
                settings.repository_cache or platformdirs.user_cache_path("naiad") / "repositories"
            ).expanduser(),
            max_model_bytes=settings.repository_max_model_size,
            max_model_files=settings.repository_max_model_files,
        )
        self._repositories = [open_repository(text, fetching) for text in settings.model_repository]
        self._tracing = Tracing(*read_trace_config(settings.trace_config))
        self._engine = Engine(
            self._repositories,
            settings=LoadSettings(
                auto_complete=not (settings.disable_auto_complete_config or settings.strict_model_config),
                cores=_cores(),
                backend_settings=options_by_backend(settings.backend_config),
                config_name=settings.model_config_name,
                retries=settings.model_load_retry_count,
            ),
            load_threads=settings.model_load_thread_count,
            loaded=self._tracing.attach,
        )
        self._control = ModelControl(
            self._engine,
            ControlMode(settings.model_control_mode),
            startup=settings.load_model,
            poll_s=settings.repository_poll_secs,
        )
        views = Views(
            self._engine,
            server_id=settings.id,
            strict_readiness=settings.strict_readiness,
            control=self._control,
            shared=SharedMemoryViews(SharedMemory(), allowed=settings.allow_client_shm),
            logging=LoggingViews(log, changed=self._follow_log),
            trace=TraceViews(self._tracing, self._engine),
        )
        self._calls = _inference_service(settings, views) if settings.allow_grpc else None
        self._ports = server_ports(settings, views, MetricsRoutes(self._engine), self._calls)
        self._follow_log()

    async def run(self) -> None:
        """Start, serve until told to stop, drain.

        Raises:
            NaiadError: it could not start.
        """
        settings = self._settings
        taken = [port.take() for port in self._ports]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        if not await self._load():
            await self._drain()
            return
        # What is loaded stays; the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GC_THRESHOLD)
        numbers = {"pid": os.getpid()}
        for port, bound in zip(self._ports, taken, strict=True):
            numbers |= await port.answer(bound)
        if settings.ready_file:
            _write_atomically(Path(settings.ready_file), json.dumps(numbers))
        await self._stop.wait()
        await self._drain()

    def _follow_log(self) -> None:
        for port in self._ports:
            port.server.log_requests(self._log.settings.verbose_level > 0)

    async def _load(self) -> bool:
        """Load all models; False when told to stop meanwhile."""
        loading = asyncio.ensure_future(self._control.start())
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not loading.done():
            logger.info("told to stop while loading models")
            loading.cancel()
            return False
        failures = loading.result()
        logger.info("models", extra={"table": model_table(await self._engine.index())})
        if failures and self._settings.exit_on_error:
            raise _failed_to_load(failures)
        return True

    async def _drain(self) -> None:
        """Answer what was accepted, within the exit timeout; refuse the rest with a reason."""
        timeout_s = self._settings.exit_timeout_secs
        logger.info("stopping: waiting up to %d s for requests that are being answered", timeout_s)
        await self._control.stop()
        if self._calls is not None:
            self._calls.stop()
        for port in self._ports:
            port.server.stop_accepting()
        try:
            async with asyncio.timeout(timeout_s):
                for port in self._ports:
                    await port.server.drained()
                await self._engine.close()
        except TimeoutError:
            logger.warning("Exit timeout expired. Exiting immediately.")
            self._engine.abandon()
            self.is_overdue = True
        await asyncio.to_thread(self._tracing.close)
        for port in self._ports:
            port.server.close()
        for repository in self._repositories:
            repository.close()
        logger.info("stopped")


def _inference_service(settings: Settings, views: Views) -> InferenceService:
    restrictions = Restrictions(settings.grpc_restricted_protocol, what="protocol", prefix=RESTRICTED_PREFIX)
    return InferenceService(views, restrictions, max_input_bytes=settings.http_max_input_size)


def _log_settings(settings: Settings) -> LogSettings:
    return LogSettings(
        file=settings.log_file or "",
        info=settings.log_info,
        warning=settings.log_warning,
        error=settings.log_error,
        verbose_level=settings.log_verbose,
        format=LogFormat(settings.log_format),
    )


def _cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _failed_to_load(failures: dict[str, NaiadError]) -> NaiadError:
    causes = "; ".join(f"'{name}': {error.message}" for name, error in sorted(failures.items()))
    hints = [error.hint for error in failures.values() if error.hint]
    return InternalError(
        f"failed to load all models: {causes}",
        hint=hints[0] if hints else "--exit-on-error=false serves the models that do load",
    )


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise InternalError(f"unable to write the ready file '{path}': {error.strerror}") from error
