"""The host's log: azmlinfsrv's loggers, lines and logging.json, with print() among them (azure-ml.md §4.1)."""

from __future__ import annotations

import asyncio
import builtins
import json
import logging
import logging.config
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from naiad.errors import ConfigError
from naiad.scoring import import_paths

LINE: Final = "%(asctime)s %(levelname).1s [%(process)d] %(name)s - %(message)s"
_FILE: Final = "logging.json"

_printed = logging.getLogger("azmlinfsrv.print")
_print = builtins.print


class AMLLogFormatter(logging.Formatter):
    """Lines with the time in UTC."""

    def __init__(self, fmt: str = LINE, datefmt: str | None = None, style: Any = "%") -> None:
        super().__init__(fmt=fmt, datefmt=datefmt, style=style)
        self.converter = time.gmtime
        self._second = 0
        self._second_text = ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """The time, whose second is written once for all its records."""
        if datefmt:
            return super().formatTime(record, datefmt)
        second = int(record.created)
        if second != self._second:
            self._second, self._second_text = second, time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(second))
        return f"{self._second_text},{int(record.msecs):03d}"


class TurnHandler(logging.StreamHandler[Any]):
    """Writes lines out at once; those of an event loop together, once per turn.

    A system call per line would hand the interpreter's lock to the script's thread each time.
    """

    def __init__(self, stream: Any = None) -> None:
        super().__init__(stream)
        self._will_flush = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        try:
            self.stream.write(f"{self.format(record)}\n")
            loop = asyncio._get_running_loop()
            if loop is None:
                self.flush()
            elif not self._will_flush:
                self._will_flush = True
                loop.call_soon(self._flush_turn)
        except Exception:
            self.handleError(record)

    def _flush_turn(self) -> None:
        self._will_flush = False
        self.flush()


class RootAccessFilter(logging.Filter):
    """Leaves out the lines of the liveness probe; configurations that were written for azmlinfsrv name it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is kept."""
        return "GET / HTTP/1.1" not in record.getMessage()


def set_up_logging(folders: Iterable[Path], *, level: str) -> None:
    """Log as the logging.json in the first of these folders that has one says, else as azmlinfsrv does.

    Args:
        folders: the application's, and the script's.
        level: of what is logged when there is no such file.

    Raises:
        ConfigError: the file is not a configuration of `logging`.
    """
    file = next((folder / _FILE for folder in folders if (folder / _FILE).is_file()), None)
    if file is None:
        logging.config.dictConfig(_default(level))
        return
    import_paths.install()  # azmlinfsrv's own file, which people begin with, names its formatter
    try:
        logging.config.dictConfig(json.loads(file.read_text(encoding="utf-8")))
    except Exception as error:  # whatever the classes that it names raise
        raise ConfigError(f"unable to log as {file} says: {error}") from error
    logging.getLogger("azmlinfsrv").info("Loaded logging config from %s", file)


def capture_prints() -> None:
    """From now on, what the script prints to stdout are lines of the log."""
    builtins.print = _print_to_log


def _print_to_log(
    *values: object, sep: str | None = " ", end: str | None = "\n", file: Any = None, **more: Any
) -> None:
    if file is None or file is sys.stdout:
        _printed.info("%s", (" " if sep is None else sep).join(map(str, values)))
    else:
        _print(*values, sep=sep, end=end, file=file, **more)


def _default(level: str) -> dict[str, Any]:
    def handler(stream: str) -> dict[str, Any]:
        return {"()": TurnHandler, "stream": f"ext://sys.{stream}", "formatter": "azmlinfsrv"}

    def logger(stream: str) -> dict[str, Any]:
        return {"level": level, "handlers": [stream], "propagate": False}

    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"azmlinfsrv": {"()": AMLLogFormatter}},
        "handlers": {stream: handler(stream) for stream in ("stdout", "stderr")},
        "loggers": {"azmlinfsrv": logger("stdout"), "gunicorn.error": logger("stderr"), "naiad": logger("stderr")},
    }
