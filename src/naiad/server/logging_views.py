"""The logging extension: what is logged, asked and changed while the server runs (triton.md §1.9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from naiad.errors import UnavailableError, UnsupportedError
from naiad.protocol import json_value
from naiad.server.log import LogFormat, LogSettings, ServerLog

_SWITCHES: Final = ("info", "warning", "error")


class LoggingViews:
    """What is logged.

    Args:
        log: this process' log.
        changed: called when its settings have changed.
    """

    def __init__(self, log: ServerLog, *, changed: Callable[[], None]) -> None:
        self._log = log
        self._changed = changed

    @property
    def settings(self) -> LogSettings:
        """What applies now."""
        return self._log.settings

    def document(self) -> dict[str, Any]:
        """What applies now, by the names that requests use."""
        settings = self._log.settings
        return {
            "log_file": settings.file,
            "log_info": settings.info,
            "log_warning": settings.warning,
            "log_error": settings.error,
            "log_verbose_level": settings.verbose_level,
            "log_format": settings.format,
        }

    def change(self, settings: LogSettings) -> None:
        """Log like this from now on; the file stays as it is."""
        self._log.change(settings)
        self._changed()


def changed_settings(settings: LogSettings, document: Any) -> LogSettings:
    """The settings as a request over HTTP wants them; what it leaves out, or gives as null, stays.

    Args:
        settings: as they are.
        document: the request's JSON.

    Raises:
        UnsupportedError: it wants another file.
        InternalError: a value is of the wrong kind.
        UnavailableError: the format is not known.
    """
    members = document.items() if isinstance(document, dict) else ()
    given = {key.removeprefix("log_"): value for key, value in members if value is not None and key.startswith("log_")}
    if "file" in given:
        raise UnsupportedError("log file location can not be updated through network protocol")
    changes: dict[str, Any] = {name: json_value.as_bool(given[name], "") for name in _SWITCHES if name in given}
    if "verbose_level" in given:
        changes["verbose_level"] = json_value.as_unsigned(given["verbose_level"], "")
    if "format" in given:
        changes["format"] = _format(json_value.as_string(given["format"], ""))
    return replace(settings, **changes)


def _format(text: str) -> LogFormat:
    try:
        return LogFormat(text)
    except ValueError:
        raise UnavailableError(f"invalid argument for --log_format, got: {text}") from None
