"""Lines of the host's log."""

from __future__ import annotations

import asyncio
import io
import logging

from naiad.scoring.log import AMLLogFormatter, RootAccessFilter, TurnHandler


def record(message: str, *, created: float = 1_700_000_000.25) -> logging.LogRecord:
    made = logging.LogRecord("azmlinfsrv.print", logging.WARNING, __file__, 1, message, (), None)
    made.created, made.msecs, made.process = created, 250.0, 7
    return made


def test_a_line_has_the_time_in_utc_the_level_the_process_and_the_logger() -> None:
    formatter = AMLLogFormatter()
    assert formatter.format(record("a")) == "2023-11-14 22:13:20,250 W [7] azmlinfsrv.print - a"
    assert formatter.format(record("b", created=1_700_000_001.25)).startswith("2023-11-14 22:13:21,250")
    assert AMLLogFormatter("%(asctime)s", "%H").format(record("c")) == "22"


def test_probes_are_left_out() -> None:
    assert not RootAccessFilter().filter(record('"GET / HTTP/1.1" 200'))
    assert RootAccessFilter().filter(record('"GET /score HTTP/1.1" 200'))


class Stream(io.StringIO):
    flushes = 0

    def flush(self) -> None:
        self.flushes += 1


def test_a_line_is_written_out_at_once() -> None:
    stream = Stream()
    handler = TurnHandler(stream)
    handler.emit(record("a"))
    handler.emit(record("b"))
    assert (stream.getvalue(), stream.flushes) == ("a\nb\n", 2)


async def test_lines_of_one_turn_of_a_loop_are_written_out_together() -> None:
    stream = Stream()
    handler = TurnHandler(stream)
    for turn in (1, 2):
        handler.emit(record("a"))
        handler.emit(record("b"))
        assert stream.flushes == turn - 1
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert stream.flushes == turn
