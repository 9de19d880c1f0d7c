"""The process' log in tritonserver's formats, with settings that may change while it runs (triton.md §1.9, §7).

A record's attribute `table`, text of several lines, is written below its line.

default  {I|W|E}MMDD hh:mm:ss.uuuuuu pid file:line] "message"
ISO8601  YYYY-MM-DDThh:mm:ssZ {I|W|E} pid file:line] "message"
"""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from naiad.errors import ConfigError

_LETTERS: Final = {"DEBUG": "V", "CRITICAL": "E"}


class LogFormat(StrEnum):
    """Values of --log-format."""

    DEFAULT = "default"
    ISO8601 = "ISO8601"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged, how and where.

    Attributes:
        file: where lines are added; empty for stderr.
        info, warning, error: whether lines of that severity are written.
        verbose_level: from 1 on, verbose lines are written too.
        format: of a line.
    """

    file: str = ""
    info: bool = True
    warning: bool = True
    error: bool = True
    verbose_level: int = 0
    format: LogFormat = LogFormat.DEFAULT

    def writes(self, level: int) -> bool:
        """Whether records of a level of `logging` are written."""
        if level >= logging.ERROR:
            return self.error
        if level >= logging.WARNING:
            return self.warning
        return self.info if level >= logging.INFO else self.verbose_level > 0


class ServerLog:
    """Sets up the logging of this process, whole.

    Args:
        settings: to begin with.

    Raises:
        ConfigError: the log file cannot be written.

    Attributes:
        settings: what applies now.
    """

    def __init__(self, settings: LogSettings) -> None:
        self.settings = settings
        self._handler = _open(settings.file)
        self._handler.addFilter(lambda record: self.settings.writes(record.levelno))
        logging.basicConfig(handlers=[self._handler], force=True)
        self.change(settings)

    def change(self, settings: LogSettings) -> None:
        """Log like this from now on; the file stays as it is."""
        self.settings = settings
        self._handler.setFormatter(_Formatter(settings.format))
        # Verbose records are not even made when nobody wants them.
        logging.getLogger().setLevel(logging.DEBUG if settings.verbose_level > 0 else logging.INFO)


def _open(file: str) -> logging.Handler:
    if not file:
        return logging.StreamHandler()
    try:
        return logging.FileHandler(file, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"unable to write the log file '{file}': {error.strerror}") from error


class _Formatter(logging.Formatter):
    def __init__(self, format: LogFormat) -> None:
        super().__init__()
        self._iso8601 = format is LogFormat.ISO8601
        self._quotes = os.environ.get("TRITON_SERVER_ESCAPE_LOG_MESSAGES", "1") != "0"

    def format(self, record: logging.LogRecord) -> str:
        letter = _LETTERS.get(record.levelname, record.levelname[0])
        time_utc = time.gmtime(record.created)
        if self._iso8601:
            start = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time_utc)} {letter}"
        else:
            micros = int(record.created % 1 * 1_000_000)
            start = f"{letter}{time.strftime('%m%d %H:%M:%S', time_utc)}.{micros:06d}"
        message = record.getMessage()
        if self._quotes:
            # Keeps what a client sent from looking like a line of its own.
            message = json.dumps(message, ensure_ascii=False)
        line = f"{start} {record.process} {record.filename}:{record.lineno}] {message}"
        if table := getattr(record, "table", None):
            line += f"\n{table}\n"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line
