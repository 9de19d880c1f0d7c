"""Log lines in tritonserver's format: `{I|W|E}MMDD hh:mm:ss.uuuuuu pid file:line] "message"` (triton.md §1.9)."""

from __future__ import annotations

import json
import logging
import time


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        letter = {"DEBUG": "V", "CRITICAL": "E"}.get(record.levelname, record.levelname[0])
        when = time.strftime("%m%d %H:%M:%S", time.gmtime(record.created))
        micros = int(record.created % 1 * 1_000_000)
        # Quoting keeps what a client sent from looking like a line of its own.
        message = json.dumps(record.getMessage(), ensure_ascii=False)
        line = f"{letter}{when}.{micros:06d} {record.process} {record.filename}:{record.lineno}] {message}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def start_logging(*, verbose: bool) -> None:
    """Log to stderr; this process' whole logging is set up here."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter())
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)
