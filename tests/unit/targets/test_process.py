from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from naiad.targets.process import ProcessId, kill_service_processes, marked_environment, service_processes

SLEEPER = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(SLEEPER, stdout=subprocess.PIPE, env=marked_environment(tmp_path, part="1-engine"))
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == b"up\n"
        yield process
        process.kill()


def test_a_process_is_found_while_it_runs(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessId.of(sleeper.pid)
    found = identity.find()
    assert found is not None
    assert found.pid == sleeper.pid
    assert not identity.wait(timeout_s=0)
    assert identity.signal(signal.SIGTERM)
    assert identity.wait(timeout_s=10)
    assert identity.find() is None
    assert not identity.signal(signal.SIGTERM)


def test_a_zombie_has_ended(sleeper: subprocess.Popen[bytes]) -> None:
    identity = ProcessId.of(sleeper.pid)
    sleeper.kill()
    assert identity.wait(timeout_s=10)
    assert sleeper.returncode is None  # nobody has asked for it: the kernel keeps the entry
    os.kill(sleeper.pid, 0)


def test_a_recycled_pid_is_never_signalled(sleeper: subprocess.Popen[bytes]) -> None:
    # What was recorded before the number was given to another process.
    recorded = replace(ProcessId.of(sleeper.pid), uptime_s=ProcessId.of(sleeper.pid).uptime_s - 60)
    assert recorded.find() is None
    assert not recorded.signal(signal.SIGKILL)
    assert recorded.wait(timeout_s=0)
    assert sleeper.poll() is None


def test_a_services_processes_are_found_by_their_mark(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert [process.pid for process in service_processes(tmp_path)] == [sleeper.pid]
    assert service_processes(tmp_path / "other") == []
    assert kill_service_processes(tmp_path / "other") == 0
    assert sleeper.poll() is None
    assert [process.pid for process in service_processes(tmp_path, part="1-engine")] == [sleeper.pid]
    assert kill_service_processes(tmp_path, part="1-workers") == 0
    assert kill_service_processes(tmp_path) == 1
    assert sleeper.wait(timeout=10) == -signal.SIGKILL
    assert kill_service_processes(tmp_path) == 0
