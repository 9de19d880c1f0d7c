"""A user's `score.py`: `init()` once, `run()` for each request (azure-ml.md §4.3)."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any, Final

from naiad.errors import NaiadError
from naiad.scoring.errors import EntryScriptError, InputSchemaError
from naiad.scoring.input_modes import header_dictionary
from naiad.scoring.model_tree import log_model_tree
from naiad.scoring.openapi_document import ServiceInfo
from naiad.scoring.result import INTERNAL_ERROR, to_response
from naiad.scoring.score_request import ScoreRequest
from naiad.scoring.score_response import NOT_FAILED, ScoreResponse, error_response
from naiad.scoring.script_module import import_script, summary, user_traceback
from naiad.scoring.swagger import Swagger
from naiad.scoring.user_run import UserRun

SCRIPT_ERROR: Final = "An unexpected error occurred in scoring script. Check the logs for more info."

_log = logging.getLogger("azmlinfsrv.user_script")


class EntryScript:
    """A loaded script. `load` makes one; `init` comes before the first request.

    Attributes:
        is_async: `run()` is `async def`: call `init_async` and `score_async`, else `init` and `score`.
        handles_options: `run()` answers OPTIONS itself, as `@rawhttp` scripts do.
    """

    def __init__(
        self,
        init: Callable[[], Any],
        run: UserRun,
        *,
        app_root: Path,
        model_dir: str,
        service: ServiceInfo,
    ) -> None:
        self._init = init
        self._run = run
        self._app_root = app_root
        self._model_dir = model_dir
        self._service = service
        self._swagger: Swagger | None = None
        self.is_async = run.is_async
        self.handles_options = run.is_raw

    @classmethod
    def load(
        cls,
        path: Path | None,
        *,
        app_root: Path | None = None,
        source_dirs: Sequence[Path] = (),
        model_dir: str | None = None,
        service: ServiceInfo | None = None,
    ) -> EntryScript:
        """Import a script and look at its functions.

        Args:
            path: of the script; `None` imports `main` from the source folders.
            app_root: where the user's own swagger files lie; the current folder when not given.
            source_dirs: come first on `sys.path`; the application root and `AZUREML_SOURCE_DIRECTORY`.
            model_dir: shown as a tree when `init()` fails; `AZUREML_MODEL_DIR` when not given.
            service: what the swagger documents say about the service.

        Raises:
            EntryScriptError: it does not import, or has no `init()`, or no `run()` that can be called.
        """
        module = import_script(path, source_dirs)
        for name in ("init", "run"):
            if not callable(getattr(module, name, None)):
                raise EntryScriptError(f"User script at {module.__file__} does not have a {name}() function defined.")
        run = UserRun.of(_scoring_module(module).run)
        if inspect.iscoroutinefunction(module.init) and not run.is_async:
            raise EntryScriptError("init() is async and run() is not: an async init() needs an async run().")
        return cls(
            module.init,
            run,
            app_root=app_root or Path.cwd(),
            model_dir=os.environ.get("AZUREML_MODEL_DIR", "") if model_dir is None else model_dir,
            service=service or ServiceInfo(),
        )

    def init(self) -> None:
        """Call the script's `init()`, and prepare the swagger documents.

        Raises:
            EntryScriptError: it raised; the traceback and the model folder's tree are in the log.
        """
        _log.info("Invoking user's init function")
        try:
            self._init()
        except (Exception, SystemExit) as error:
            raise self._init_failed(error) from error
        self._finish_init()

    async def init_async(self) -> None:
        """As `init`, for a script whose `run()` is async; its `init()` may be async, too."""
        _log.info("Invoking user's init function")
        try:
            awaitable = self._init()
            if isinstance(awaitable, Awaitable):
                await awaitable
        except (Exception, SystemExit) as error:
            raise self._init_failed(error) from error
        self._finish_init()

    def score(self, request: ScoreRequest) -> ScoreResponse:
        """Answer a request with the script's `run()`.

        Whatever the request holds and whatever `run()` raises becomes an answer, but for exceptions that are no
        `Exception`: the host's `ScoringTimeout`, `SystemExit`, `KeyboardInterrupt`.
        """
        arguments = self._arguments(request)
        if isinstance(arguments, ScoreResponse):
            return arguments
        started = perf_counter()
        try:
            value = self._run.function(**arguments)
        except Exception as error:
            return _run_failed(error)
        return self._answer(value, (perf_counter() - started) * 1e3)

    async def score_async(self, request: ScoreRequest) -> ScoreResponse:
        """As `score`, for a script whose `run()` is async; cancelling it cancels `run()`."""
        arguments = self._arguments(request)
        if isinstance(arguments, ScoreResponse):
            return arguments
        started = perf_counter()
        try:
            value = await self._run.function(**arguments)
        except Exception as error:
            return _run_failed(error)
        return self._answer(value, (perf_counter() - started) * 1e3)

    def swagger(self, version: str = "2") -> ScoreResponse:
        """The OpenAPI document of a version: 2, 2.0, 3, 3.0 or 3.1; 404 for others (azure-ml.md §4.2)."""
        assert self._swagger is not None, "init() comes first"
        return self._swagger.response(version)

    def _arguments(self, request: ScoreRequest) -> dict[str, Any] | ScoreResponse:
        run = self._run
        if request.method not in run.mode.methods:
            if request.method == "OPTIONS":
                return ScoreResponse(200, b"", [("Content-Type", "text/html; charset=utf-8"), NOT_FAILED])
            return error_response(405, "Method not allowed")
        try:
            arguments = run.mode.arguments(request)
        except NaiadError as error:
            return error_response(error.http_status, error.message)
        if run.wants_headers:
            arguments["request_headers"] = header_dictionary(request.headers)
        return arguments

    def _answer(self, value: Any, run_ms: float) -> ScoreResponse:
        try:
            return to_response(value, run_ms, may_stream_async=self.is_async)
        except Exception as error:
            _log.error("Encountered Exception: %s", user_traceback(error))
            return error_response(500, INTERNAL_ERROR)

    def _init_failed(self, error: BaseException) -> EntryScriptError:
        text = user_traceback(error)
        _log.error("User's init function failed")
        _log.error("Encountered Exception %s", text)
        log_model_tree(self._model_dir, _log)
        hint = "The log shows the tree of the model folder." if self._model_dir else None
        return EntryScriptError(f"User's init function failed: {summary(error)}", traceback_text=text, hint=hint)

    def _finish_init(self) -> None:
        _log.info("Users's init has completed successfully")
        self._swagger = Swagger.prepare(self._app_root, self._run.schema, self._service)


def _scoring_module(module: ModuleType) -> ModuleType:
    """The module whose `run()` serves: a generated driver script names the user's own as `driver_module`."""
    driver = getattr(module, "driver_module", None)
    if isinstance(driver, ModuleType) and callable(getattr(driver, "run", None)):
        _log.info("Found driver script at %s and the score script at %s", module.__file__, driver.__file__)
        return driver
    _log.info("Found user script at %s", module.__file__)
    return module


def _run_failed(error: Exception) -> ScoreResponse:
    if isinstance(error, InputSchemaError):
        return error_response(400, error.message)
    _log.error("Encountered Exception: %s", user_traceback(error))
    return error_response(500, SCRIPT_ERROR, run_function_failed=True)
