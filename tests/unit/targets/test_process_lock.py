from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from naiad.errors import ConflictError
from naiad.targets.process import ProcessId
from naiad.targets.process_lock import ProcessLock, change_lock_path, changing, read_holder

HOLDER = """
import sys
from pathlib import Path
from naiad.targets.process_lock import changing
with changing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_says_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = ProcessLock(path).claim()
    assert read_holder(path) == ProcessId.of(os.getpid())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ConflictError, match=f"is held by process {os.getpid()}"):
        ProcessLock(path)
    lock.release(remove=False)
    ProcessLock(path).release(remove=True)
    assert not path.exists()
    assert read_holder(path) is None


def test_a_lock_on_a_file_that_was_replaced_is_not_current(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = ProcessLock(path)
    assert lock.is_current()
    path.unlink()
    assert not lock.is_current()
    other = ProcessLock(path)
    assert not lock.is_current()
    assert other.is_current()
    lock.release(remove=False)
    other.release(remove=True)


def test_only_one_change_at_a_time(tmp_path: Path) -> None:
    directory = tmp_path / "services" / "qa1"
    with changing(directory):
        with pytest.raises(ConflictError) as raised, changing(directory):
            pass
        assert raised.value.message == f"Service qa1 is being changed by another command (pid {os.getpid()})"
        with changing(directory.with_name("other")):
            pass
    assert list(directory.parent.iterdir()) == []


def test_a_change_ends_with_its_process(tmp_path: Path) -> None:
    directory = tmp_path / "qa1"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ConflictError, match=f"another command \\(pid {holder.pid}\\)"), changing(directory):
            pass
        holder.kill()
        holder.wait(timeout=10)
    assert change_lock_path(directory).exists()
    with changing(directory):
        pass
