from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from naiad.errors import ConfigError
from naiad.server.log import LogFormat, LogSettings, ServerLog

logger = logging.getLogger("test_log")  # not below naiad, whose level other tests set


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    """The root logger is as it was, afterwards."""
    logging_root = logging.getLogger()
    level, handlers = logging_root.level, logging_root.handlers[:]
    logging_root.handlers.clear()
    yield
    for handler in logging_root.handlers:
        handler.close()
    logging_root.handlers[:] = handlers
    logging_root.setLevel(level)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "naiad.log"


def log_all(path: Path) -> str:
    """The severities of the lines that one record of each gives."""
    size = path.stat().st_size
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        logger.log(level, "x")
    return "".join(line[0] for line in path.read_text(encoding="utf-8")[size:].splitlines())


@pytest.mark.parametrize(
    ("settings", "severities"),
    [
        (LogSettings(), "IWEE"),
        (LogSettings(verbose_level=1), "VIWEE"),
        (LogSettings(info=False), "WEE"),
        (LogSettings(warning=False), "IEE"),
        (LogSettings(error=False), "IW"),
        (LogSettings(info=False, verbose_level=2), "VWEE"),
        (LogSettings(info=False, warning=False, error=False), ""),
    ],
)
def test_severities(settings: LogSettings, severities: str, path: Path) -> None:
    log = ServerLog(replace(settings, file=str(path)))
    assert log_all(path) == severities
    log.change(replace(log.settings, verbose_level=0, info=True, warning=True, error=True))
    assert log_all(path) == "IWEE"
    log.change(replace(settings, file=str(path)))
    assert log_all(path) == severities


def test_the_default_format(path: Path) -> None:
    ServerLog(LogSettings(file=str(path)))
    logger.warning("a %s", "b")
    pattern = r'W\d{4} \d\d:\d\d:\d\d\.\d{6} \d+ test_log\.py:\d+\] "a b"\n'
    assert re.fullmatch(pattern, path.read_text(encoding="utf-8"))


def test_the_iso_format(path: Path) -> None:
    ServerLog(LogSettings(file=str(path), format=LogFormat.ISO8601))
    logger.info("é")
    pattern = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ I \d+ test_log\.py:\d+\] "é"\n'
    assert re.fullmatch(pattern, path.read_text(encoding="utf-8"))


def test_times_are_utc(path: Path) -> None:
    ServerLog(LogSettings(file=str(path), format=LogFormat.ISO8601))
    logger.handle(_at(0.25))
    ServerLog(LogSettings(file=str(path)))
    logger.handle(_at(0.25))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("1970-01-01T00:00:00Z I ")
    assert lines[1].startswith("I0101 00:00:00.250000 ")


def _at(created: float) -> logging.LogRecord:
    record = logging.LogRecord("x", logging.INFO, "f.py", 1, "x", (), None)
    record.created = created
    return record


def test_no_message_looks_like_a_line_of_its_own(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ServerLog(LogSettings(file=str(path)))
    logger.info('a\nE0101 "b"')
    assert path.read_text(encoding="utf-8").endswith('] "a\\nE0101 \\"b\\""\n')
    monkeypatch.setenv("TRITON_SERVER_ESCAPE_LOG_MESSAGES", "0")
    ServerLog(LogSettings(file=str(path)))
    logger.info('c\n"d"')
    assert path.read_text(encoding="utf-8").endswith('] c\n"d"\n')


def test_a_traceback_and_a_table(path: Path) -> None:
    ServerLog(LogSettings(file=str(path)))
    logger.info("models", extra={"table": "| a |"})
    try:
        raise ValueError("wrong")
    except ValueError:
        logger.exception("failed")
    text = path.read_text(encoding="utf-8")
    assert '] "models"\n| a |\n\n' in text
    assert '] "failed"\nTraceback' in text
    assert text.endswith("ValueError: wrong\n")


def test_stderr_without_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    ServerLog(LogSettings())
    logger.info("x")
    assert capsys.readouterr().err.endswith('] "x"\n')


def test_a_file_is_added_to(path: Path) -> None:
    path.write_text("before\n", encoding="utf-8")
    ServerLog(LogSettings(file=str(path)))
    logger.info("x")
    assert path.read_text(encoding="utf-8").startswith("before\nI")


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"^unable to write the log file '{tmp_path}': Is a directory$"):
        ServerLog(LogSettings(file=str(tmp_path)))
