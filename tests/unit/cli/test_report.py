from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from naiad.cli.report import NOTE, has_colour, note, report_error, set_up_logging
from naiad.errors import ConfigError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_logger() -> Iterator[None]:
    yield
    logging.getLogger("naiad").handlers.clear()
    logging.getLogger("naiad").setLevel(logging.NOTSET)


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert has_colour(Terminal())
    assert not has_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not has_colour(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not has_colour(Terminal())


def test_labels_have_colour_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    report_error(ConfigError("wrong", hint="right"))
    assert terminal.getvalue() == "\x1b[31m\x1b[1merror\x1b[0m: wrong\n\n\x1b[36m\x1b[1mhint\x1b[0m: right\n"


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        (NOTE, ["a note", "warning: careful", "error: broken"]),
        (logging.ERROR, ["error: broken"]),
        (logging.INFO, ["info: by the way", "a note", "warning: careful", "error: broken"]),
    ],
)
def test_levels(capsys: pytest.CaptureFixture[str], level: int, shown: list[str]) -> None:
    set_up_logging(level)
    set_up_logging(level)
    logger = logging.getLogger("naiad.workspace")
    logger.info("by %s", "the way")
    note("a note")
    logger.warning("careful")
    logger.error("broken")
    captured = capsys.readouterr()
    assert captured.err.splitlines() == shown
    assert captured.out == ""
