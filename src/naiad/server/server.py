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
from naiad.server.auth import KeyRing
from naiad.server.http_server import HttpServer, Limits, adopt, bind
from naiad.server.log import LogFormat, LogSettings, ServerLog
from naiad.server.logging_views import LoggingViews
from naiad.server.metrics import MetricsRoutes
from naiad.server.model_control import ControlMode, ModelControl
from naiad.server.restricted import Restrictions
from naiad.server.shared_memory_views import SharedMemoryViews
from naiad.server.startup_table import model_table
from naiad.server.trace_views import TraceViews
from naiad.server.v2_routes import V2Routes
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
        limits = Limits(
            max_head_bytes=settings.http_max_header_size,
            max_input_bytes=settings.http_max_input_size,
            max_body_bytes=settings.http_max_body_size,
            max_receiving_bytes=settings.http_max_receiving_size,
            max_connections=settings.http_max_connections,
            receive_timeout_s=settings.http_receive_timeout_secs,
            idle_timeout_s=settings.http_idle_timeout_secs,
        )
        keys = KeyRing(Path(settings.auth_keys)) if settings.auth_keys else None
        restrictions = Restrictions(settings.http_restricted_api)
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
        routes = V2Routes(views, max_input_bytes=settings.http_max_input_size, restrictions=restrictions)
        check_access = routes.check_access if restrictions else None
        self._http = HttpServer(routes.handle, limits=limits, keys=keys, check_access=check_access)
        self._metrics = HttpServer(MetricsRoutes(self._engine).handle, limits=limits, keys=keys)
        self._follow_log()

    async def run(self) -> None:
        """Start, serve until told to stop, drain.

        Raises:
            NaiadError: it could not start.
        """
        settings = self._settings
        http_socket = metrics_socket = None
        if settings.allow_http:
            http_socket = (
                bind(settings.http_address, settings.http_port, shared=settings.reuse_http_port)
                if settings.http_fd is None
                else adopt(settings.http_fd)
            )
        metrics_address = settings.metrics_address or settings.http_address
        if settings.allow_metrics:
            metrics_socket = bind(metrics_address, settings.metrics_port)
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
        ports = {"pid": os.getpid()}
        if http_socket is not None:
            await self._http.listen(http_socket)
            ports["http"] = http_socket.getsockname()[1]
            logger.info("Started HTTPService at %s:%d", settings.http_address, ports["http"])
        if metrics_socket is not None:
            await self._metrics.listen(metrics_socket)
            ports["metrics"] = metrics_socket.getsockname()[1]
            logger.info("Started Metrics Service at %s:%d", metrics_address, ports["metrics"])
        if settings.ready_file:
            _write_atomically(Path(settings.ready_file), json.dumps(ports))
        await self._stop.wait()
        await self._drain()

    def _follow_log(self) -> None:
        self._http.log_requests(self._log.settings.verbose_level > 0)

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
        self._http.stop_accepting()
        self._metrics.stop_accepting()
        try:
            async with asyncio.timeout(timeout_s):
                await self._http.drained()
                await self._engine.close()
        except TimeoutError:
            logger.warning("Exit timeout expired. Exiting immediately.")
            self._engine.abandon()
            self.is_overdue = True
        await asyncio.to_thread(self._tracing.close)
        self._http.close()
        self._metrics.close()
        for repository in self._repositories:
            repository.close()
        logger.info("stopped")


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
