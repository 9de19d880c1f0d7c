from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from naiad.targets.process import ProcessId, service_processes
from naiad.targets.service_state import ServiceState
from naiad.targets.status import status_of


def is_ready(state: ServiceState) -> bool:
    return state.state == "running"


def answers(port: int | None) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5) as response:
        return bool(response.status == 200)


def engine(state: ServiceState) -> ProcessId:
    return state.processes["engine"]


def engine_pid(state: ServiceState) -> int:
    return engine(state).pid


def test_runs_an_engine_and_says_where(service: Any) -> None:
    started = service.launch()
    assert (started.returncode, started.stdout, started.stderr) == (0, "", "")
    state = service.wait_until(is_ready)
    assert answers(state.port)
    assert state.healthy
    assert state.restarts == 0
    assert state.ready_s is not None
    assert "the engine starts" in service.log


def test_leaves_the_callers_session_and_holds_no_terminal(service: Any) -> None:
    service.launch()
    service.wait_until(is_ready)
    supervisor = service.supervisor
    assert os.getsid(supervisor.pid) == supervisor.pid
    assert os.getpgid(engine_pid(service.state())) == supervisor.pid
    assert os.readlink(f"/proc/{supervisor.pid}/fd/0") == "/dev/null"
    assert supervisor.cwd() == "/"


def test_files_are_for_the_owner_only(service: Any) -> None:
    service.launch()
    service.wait_until(is_ready)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in service.directory.iterdir()}
    assert {modes[name] for name in ("state.json", "launch.json", "log.txt", "supervisor.lock")} == {0o600}


def test_sigterm_drains_the_engine_and_ends_everything(service: Any) -> None:
    service.launch()
    service.wait_until(is_ready)
    supervisor = ProcessId.of(service.supervisor.pid)
    assert supervisor.signal(signal.SIGTERM)
    assert supervisor.wait(timeout_s=10)
    assert service_processes(service.directory) == []
    assert "the engine has drained" in service.log
    assert service.state().state == "failed"
    assert service.state().error == "The service was stopped: its supervisor was asked to end"


def test_an_engine_that_ignores_sigterm_is_killed(service: Any) -> None:
    service.launch("--deaf")
    service.wait_until(is_ready)
    supervisor = ProcessId.of(service.supervisor.pid)
    supervisor.signal(signal.SIGTERM)
    assert supervisor.wait(timeout_s=10)
    assert service_processes(service.directory) == []


def test_a_killed_engine_is_restarted_on_its_port(service: Any) -> None:
    service.launch()
    before = service.wait_until(is_ready)
    os.kill(engine_pid(before), signal.SIGKILL)
    after = service.wait_until(lambda state: is_ready(state) and engine(state) != engine(before))
    assert after.port == before.port
    assert after.restarts == 1
    assert after.error is None
    assert answers(after.port)
    assert "The engine was killed by SIGKILL" in service.log


def test_between_two_engines_the_service_is_restarting_and_says_why(service: Any, tmp_path: Path) -> None:
    from naiad.targets.launch import RestartPolicy

    service.launch(restart=RestartPolicy(first_delay_s=60))
    before = service.wait_until(is_ready)
    os.kill(engine_pid(before), signal.SIGKILL)
    service.wait_until(lambda state: state.state == "restarting")
    now = status_of(service.directory)
    assert (now.state, now.pid, now.healthy, now.port) == ("restarting", None, False, before.port)
    assert now.error is not None
    assert now.error.startswith("The engine was killed by SIGKILL")


def test_processes_that_a_dead_engine_leaves_are_ended(service: Any) -> None:
    service.launch("--child")
    before = service.wait_until(is_ready)
    (child,) = psutil.Process(engine_pid(before)).children()
    os.kill(engine_pid(before), signal.SIGKILL)
    service.wait_until(lambda state: is_ready(state) and engine(state) != engine(before))
    assert child not in service_processes(service.directory)


def test_an_engine_that_hangs_is_unhealthy_and_then_replaced(service: Any) -> None:
    service.launch()
    before = service.wait_until(is_ready)
    os.kill(engine_pid(before), signal.SIGSTOP)
    service.wait_until(lambda state: not state.healthy)
    after = service.wait_until(lambda state: is_ready(state) and engine(state) != engine(before))
    assert after.port == before.port
    assert "gave no answer 2 times in a row" in service.log


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_killed_supervisor_takes_its_engine_along(service: Any) -> None:
    service.launch()
    before = service.wait_until(is_ready)
    supervisor = service.supervisor
    supervisor.kill()
    assert engine(before).wait(timeout_s=10)
    service.wait_for(lambda: status_of(service.directory).state == "failed")
    now = status_of(service.directory)
    assert now.error == (
        f"The supervisor of the service (pid {supervisor.pid}) was killed or the machine was restarted; "
        "nothing runs the service"
    )


def test_a_service_whose_processes_were_all_killed_says_so_and_starts_again(service: Any) -> None:
    service.launch()
    before = service.wait_until(is_ready)
    service.supervisor.suspend()
    os.kill(engine_pid(before), signal.SIGKILL)
    service.supervisor.kill()
    service.wait_for(lambda: status_of(service.directory).state == "failed")
    assert service.launch().returncode == 0
    assert service.wait_until(is_ready).restarts == 0


def test_a_failed_start_is_told_at_once_in_the_engines_words(service: Any) -> None:
    service.launch("--error", "model 'm' has no version 1")
    state = service.wait_until(lambda state: state.state == "failed")
    assert (state.error, state.restarts) == ("model 'm' has no version 1", 0)
    assert service_processes(service.directory) == []


def test_a_crash_at_the_start_is_told_with_its_last_lines(service: Any) -> None:
    service.launch("--die", str(int(signal.SIGSEGV)))
    state = service.wait_until(lambda state: state.state == "failed")
    assert state.error == "The engine was killed by SIGSEGV; its last lines were:\n  the engine starts"


def test_a_command_that_is_not_there_is_a_failed_start(service: Any) -> None:
    service.launch(command=("/nowhere/engine",))
    state = service.wait_until(lambda state: state.state == "failed")
    assert state.error == "The engine cannot be started: [Errno 2] No such file or directory: '/nowhere/engine'"


def test_a_command_that_ends_at_once_is_a_failed_start(service: Any) -> None:
    service.launch(command=("/bin/sh", "-c", "exit 3"))
    state = service.wait_until(lambda state: state.state == "failed")
    assert state.error == "The engine exited with code 3 without a word"


def test_a_death_by_a_nameless_signal_is_told(service: Any) -> None:
    service.launch("--die", str(signal.SIGRTMIN + 3))
    state = service.wait_until(lambda state: state.state == "failed")
    assert state.error.startswith(f"The engine was killed by signal {signal.SIGRTMIN + 3}; its last lines were:")


def test_a_flood_of_output_is_kept_whole(service: Any) -> None:
    flood = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; printf 'error: the end'; exit 1"
    service.launch(command=("/bin/sh", "-c", flood))
    state = service.wait_until(lambda state: state.state == "failed")
    assert state.error == "the end"
    lines = service.log.splitlines()
    assert [line for line in lines if line.startswith("line ")] == [f"line {number}" for number in range(20000)]


def test_an_engine_that_is_never_ready_is_given_up(service: Any) -> None:
    service.launch("--never-ready", start_timeout_s=0.5)
    state = service.wait_until(lambda state: state.state == "failed")
    late = "The engine was not ready 0.5 s after its start; its last lines were:\n  the engine starts"
    assert state.error == late
    assert service_processes(service.directory) == []


def test_restarts_end_after_repeated_early_failures(service: Any, tmp_path: Path) -> None:
    service.launch("--error-on-restart", str(tmp_path / "started"))
    before = service.wait_until(is_ready)
    os.kill(engine_pid(before), signal.SIGKILL)
    state = service.wait_until(lambda state: state.state == "failed")
    assert (state.error, state.restarts) == ("the restart failed", 2)
    assert status_of(service.directory).scoring_uri is None


def test_a_second_supervisor_is_refused(service: Any) -> None:
    service.launch()
    service.wait_until(is_ready)
    supervisor = service.supervisor
    second = service.launch()
    assert second.returncode == 1
    assert second.stderr == f"error: {service.directory}/supervisor.lock is held by process {supervisor.pid}\n"
    assert service.supervisor == supervisor
    assert service.state().state == "running"


def test_a_damaged_launch_is_refused(service: Any) -> None:
    (service.directory / "launch.json").write_text("{")
    command = [sys.executable, "-m", "naiad.targets.supervisor", str(service.directory)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: {service.directory}/launch.json cannot be read:")


def test_a_supervisor_whose_directory_is_removed_ends(service: Any) -> None:
    service.launch()
    state = service.wait_until(is_ready)
    supervisor = ProcessId.of(service.supervisor.pid)
    service.directory.rename(service.directory.with_name("moved"))
    assert supervisor.wait(timeout_s=10)
    assert engine(state).find() is None
