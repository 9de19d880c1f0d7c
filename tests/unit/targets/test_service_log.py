from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from naiad.targets.service_log import ServiceLog, follow, tail


def test_the_tail_of_a_log(tmp_path: Path) -> None:
    assert tail(tmp_path, num_lines=5) == ""
    log = ServiceLog(tmp_path)
    log.write(b"one\ntwo\n")
    log.write(b"three\n")
    assert tail(tmp_path, num_lines=2) == "two\nthree\n"
    assert tail(tmp_path, num_lines=0) == ""
    ServiceLog(tmp_path).write(b"four\n")
    assert tail(tmp_path, num_lines=100) == "one\ntwo\nthree\nfour\n"


def test_a_full_log_is_turned_over_once(tmp_path: Path) -> None:
    log = ServiceLog(tmp_path, max_bytes=20)
    for number in range(10):
        log.write(f"line {number}\n".encode())
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes == {"log.txt": 14, "log.txt.1": 14}
    assert tail(tmp_path, num_lines=3) == "line 7\nline 8\nline 9\n"


def test_a_write_that_exceeds_the_limit_alone_is_kept(tmp_path: Path) -> None:
    log = ServiceLog(tmp_path, max_bytes=4)
    log.write(b"longer than four\n")
    assert tail(tmp_path, num_lines=1) == "longer than four\n"


def test_an_event_is_one_line_in_the_engines_format(tmp_path: Path) -> None:
    ServiceLog(tmp_path).event("W", 'it said "no"\nand left')
    line = tail(tmp_path, num_lines=10)
    assert re.fullmatch(r'W\d{4} \d\d:\d\d:\d\d\.\d{6} \d+ supervisor\] "it said \\"no\\"\\nand left"\n', line)


def test_what_is_not_text_is_shown_all_the_same(tmp_path: Path) -> None:
    ServiceLog(tmp_path).write(b"\xff\xfe\n")
    assert tail(tmp_path, num_lines=1) == "\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}\n"


@pytest.mark.parametrize("there_at_first", [True, False])
def test_following_sees_everything_across_a_turn_over(tmp_path: Path, there_at_first: bool) -> None:
    if there_at_first:
        ServiceLog(tmp_path).write(b"first\nsecond\n")
    over = threading.Event()
    parts = follow(tmp_path, num_lines=1, ended=over.is_set, poll_s=0.001)
    seen = [next(parts)]
    assert seen == (["second\n"] if there_at_first else [""])
    log = ServiceLog(tmp_path, max_bytes=50)
    for number in range(20):
        log.write(f"line {number}\n".encode())
        seen.append(next(parts))
    over.set()
    log.write(b"last\n")
    seen += parts
    assert "".join(seen[1:]) == "".join(f"line {number}\n" for number in range(20)) + "last\n"
