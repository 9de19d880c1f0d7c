"""Services of two processes, and services that are updated while they serve; the processes are fakes."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from naiad.targets.child_process import ChildProcess
from naiad.targets.generation import Generation
from naiad.targets.launch import LAUNCH_NAME, UPDATE_NAME, HealthPolicy, Launch, ProcessPlan, RestartPolicy
from naiad.targets.local_target import hand_over
from naiad.targets.process import service_processes
from naiad.targets.service_log import ServiceLog
from naiad.targets.service_state import ServiceState

from .conftest import FAKE_ENGINE

ENGINE = ProcessPlan("engine", FAKE_ENGINE)
BRISK = HealthPolicy(period_s=0.1, timeout_s=0.5, failure_threshold=2)
FEW = RestartPolicy(first_delay_s=0.05, stable_s=60, max_failures=3)
WORKERS = ProcessPlan("workers", FAKE_ENGINE, environment={"AML_APP_ROOT": "/app"})


def is_ready(state: ServiceState) -> bool:
    return state.state == "running"


def ask(port: int | None, path: str = "/score") -> dict[str, Any]:
    """What the process that answers on a port says of itself."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data=b"{}", timeout=20) as response:
        document: dict[str, Any] = json.load(response)
    return document


def updated(service: Any, **changes: Any) -> Launch:
    """Ask for an update of a fake service."""
    present = Launch.read(service.directory / LAUNCH_NAME)
    values = {
        "name": present.name,
        "processes": present.processes,
        "generation": present.generation + 1,
        "exit_timeout_s": 1,
    }
    launch = Launch(**{**values, **changes})
    assert hand_over(service.directory, launch)
    return launch


class TestTwoProcesses:
    def test_start_in_order_and_find_each_other(self, service: Any) -> None:
        service.launch(processes=(ENGINE, WORKERS))
        state = service.wait_until(is_ready)
        assert list(state.processes) == ["engine", "workers"]
        answer = ask(state.port)
        assert answer["pid"] == state.processes["workers"].pid
        assert answer["environment"]["AML_APP_ROOT"] == "/app"
        assert answer["environment"]["NAIAD_ENGINE_URL"] == answer["environment"]["NAIAD_ENGINE_GRPC_URL"]
        engine_port = int(answer["environment"]["NAIAD_ENGINE_URL"].rpartition(":")[2])
        assert ask(engine_port)["pid"] == state.processes["engine"].pid
        told = [line for line in service.log.splitlines() if "started (pid" in line or "ready after" in line]
        assert [words in line for words, line in zip(ORDER, told, strict=True)] == [True] * 5

    def test_lines_are_told_apart(self, service: Any) -> None:
        service.launch(processes=(ENGINE, WORKERS))
        service.wait_until(is_ready)
        assert {"[engine] the engine starts", "[workers] the engine starts"} <= set(service.log.splitlines())

    def test_the_second_waits_for_the_first_in_vain(self, service: Any) -> None:
        broken = ProcessPlan("engine", (*FAKE_ENGINE, "--error", "no such model"))
        service.launch(processes=(broken, WORKERS))
        state = service.wait_until(lambda state: state.state == "failed")
        assert state.error == "no such model"
        assert "Entry-script host" not in service.log

    def test_the_first_is_ended_when_the_second_fails(self, service: Any) -> None:
        broken = ProcessPlan("workers", (*FAKE_ENGINE, "--error", "User's init function failed"))
        service.launch(processes=(ENGINE, broken))
        state = service.wait_until(lambda state: state.state == "failed")
        assert state.error == "User's init function failed"
        assert service_processes(service.directory) == []

    @pytest.mark.parametrize("victim", ["engine", "workers"])
    def test_one_is_replaced_and_the_other_stays(self, service: Any, victim: str) -> None:
        service.launch(processes=(ENGINE, WORKERS))
        before = service.wait_until(is_ready)
        engine = ask(before.port)["environment"]["NAIAD_ENGINE_URL"]
        os.kill(before.processes[victim].pid, signal.SIGKILL)
        after = service.wait_until(
            lambda state: is_ready(state) and state.processes[victim] != before.processes[victim]
        )
        other = "workers" if victim == "engine" else "engine"
        assert after.processes[other] == before.processes[other]
        answer = ask(after.port)
        assert answer["environment"]["NAIAD_ENGINE_URL"] == engine
        assert ask(int(engine.rpartition(":")[2]))["pid"] == after.processes["engine"].pid
        assert after.restarts == 1


ORDER = (
    "Supervisor of service",
    "Engine started",
    "Engine ready",
    "Entry-script host started",
    "Entry-script host ready",
)


class TestTheSocket:
    def test_a_request_between_two_processes_waits(self, service: Any) -> None:
        service.launch(restart=RestartPolicy(first_delay_s=0.5))
        before = service.wait_until(is_ready)
        os.kill(before.processes["engine"].pid, signal.SIGKILL)
        service.wait_until(lambda state: state.state == "restarting")
        assert ask(before.port)["pid"] != before.processes["engine"].pid

    def test_a_failed_service_refuses(self, service: Any) -> None:
        service.launch("--error", "no")
        state = service.wait_until(lambda state: state.state == "failed")
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", state.port), timeout=5):
            pass

    def test_a_port_that_is_taken_is_told(self, service: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            service.launch(port=port)
            state = service.wait_until(lambda state: state.state == "failed")
        assert state.error == f"The service cannot listen on port {port}: Address already in use"


class TestUpdates:
    def test_the_next_generation_takes_over_under_the_same_address(self, service: Any) -> None:
        service.launch()
        before = service.wait_until(is_ready)
        launch = updated(service, processes=(ENGINE, WORKERS), scoring_path="/score")
        after = service.wait_until(lambda state: state.generation == 2)
        assert (after.port, after.state, after.update_error) == (before.port, "running", None)
        assert list(after.processes) == ["engine", "workers"]
        assert ask(after.port)["pid"] == after.processes["workers"].pid
        assert before.processes["engine"].wait(timeout_s=10)
        assert Launch.read(service.directory / LAUNCH_NAME) == launch
        assert not (service.directory / UPDATE_NAME).exists()

    def test_no_request_is_lost(self, service: Any) -> None:
        service.launch()
        port = service.wait_until(is_ready).port
        stop, pids = threading.Event(), []

        def client() -> None:
            while not stop.is_set():
                pids.append(ask(port)["pid"])

        clients = [threading.Thread(target=client) for _ in range(3)]
        for one in clients:
            one.start()
        for generation in (2, 3):
            updated(service)
            service.wait_until(lambda state, wanted=generation: state.generation == wanted)
            service.wait_for(lambda wanted=generation: len(set(pids)) >= wanted)
        stop.set()
        for one in clients:
            one.join(timeout=20)
        assert len(set(pids)) == 3

    def test_one_that_fails_leaves_the_service_as_it_was(self, service: Any) -> None:
        service.launch()
        before = service.wait_until(is_ready)
        folder = service.directory / "generations" / "2"
        folder.mkdir(parents=True)
        updated(service, processes=(ProcessPlan("engine", (*FAKE_ENGINE, "--error", "no such model")),))
        after = service.wait_until(lambda state: state.update_error)
        assert (after.update_error, after.state, after.generation, after.latest) == ("no such model", "running", 1, 2)
        assert ask(after.port)["pid"] == before.processes["engine"].pid
        assert not (service.directory / UPDATE_NAME).exists()
        assert not folder.exists()
        assert Launch.read(service.directory / LAUNCH_NAME).generation == 1
        updated(service, generation=3)
        assert service.wait_until(lambda state: state.generation == 3).update_error is None

    def test_one_that_never_ends_is_under_way_and_stops_with_the_service(self, service: Any) -> None:
        service.launch()
        service.wait_until(is_ready)
        updated(service, processes=(ProcessPlan("engine", (*FAKE_ENGINE, "--never-ready")),))
        state = service.wait_until(lambda state: state.is_updating)
        assert ask(state.port)["pid"] == state.processes["engine"].pid
        service.supervisor.terminate()
        service.wait_until(lambda state: state.state == "failed")
        assert service_processes(service.directory) == []

    def test_the_port_can_change(self, service: Any) -> None:
        service.launch()
        before = service.wait_until(is_ready)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            free = listening.getsockname()[1]
        updated(service, port=free)
        after = service.wait_until(lambda state: state.generation == 2)
        assert after.port == free
        assert ask(free)["pid"] == after.processes["engine"].pid
        assert before.processes["engine"].wait(timeout_s=10)
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", before.port), timeout=5):
            pass

    def test_a_port_that_is_taken_leaves_the_service_as_it_was(self, service: Any) -> None:
        service.launch()
        before = service.wait_until(is_ready)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            updated(service, port=port)
            after = service.wait_until(lambda state: state.update_error)
        assert after.update_error == f"The service cannot listen on port {port}: Address already in use"
        assert ask(before.port)["pid"] == before.processes["engine"].pid

    def test_a_death_meanwhile_is_made_good(self, service: Any) -> None:
        service.launch(restart=RestartPolicy(first_delay_s=0.05))
        before = service.wait_until(is_ready)
        updated(service, processes=(ProcessPlan("engine", (*FAKE_ENGINE, "--never-ready")),), start_timeout_s=2)
        service.wait_until(lambda state: state.is_updating)
        os.kill(before.processes["engine"].pid, signal.SIGKILL)
        after = service.wait_until(lambda state: state.restarts == 1 and is_ready(state))
        assert ask(after.port)["pid"] == after.processes["engine"].pid
        assert "was not ready 2 s after its start" in service.wait_until(lambda state: state.update_error).update_error

    def test_an_engine_that_stays_the_same_goes_on(self, service: Any) -> None:
        service.launch(processes=(ENGINE, WORKERS))
        before = service.wait_until(is_ready)
        changed = ProcessPlan("workers", FAKE_ENGINE, environment={"AML_APP_ROOT": "/other"})
        updated(service, processes=(ENGINE, changed), health=BRISK, restart=FEW)
        after = service.wait_until(lambda state: state.generation == 2)
        assert after.processes["engine"] == before.processes["engine"]
        assert after.processes["workers"] != before.processes["workers"]
        answer = ask(after.port)
        assert answer["environment"]["AML_APP_ROOT"] == "/other"
        engine_port = int(answer["environment"]["NAIAD_ENGINE_URL"].rpartition(":")[2])
        assert before.processes["workers"].wait(timeout_s=10)
        assert ask(engine_port)["pid"] == before.processes["engine"].pid
        # It is kept as before, and ends with its new generation.
        os.kill(before.processes["engine"].pid, signal.SIGKILL)
        service.wait_until(lambda state: is_ready(state) and state.processes["engine"] != before.processes["engine"])
        restarted = service.state().processes["engine"]
        assert ask(engine_port)["pid"] == restarted.pid
        other = ProcessPlan("engine", (*FAKE_ENGINE, "--child"))
        updated(service, generation=3, processes=(other, changed), health=BRISK, restart=FEW)
        service.wait_until(lambda state: state.generation == 3 and state.processes["engine"] != restarted)
        assert restarted.wait(timeout_s=10)

    def test_an_update_that_fails_leaves_the_engine_that_it_would_have_kept(self, service: Any) -> None:
        service.launch(processes=(ENGINE, WORKERS))
        before = service.wait_until(is_ready)
        broken = ProcessPlan("workers", (*FAKE_ENGINE, "--error", "no"))
        updated(service, processes=(ENGINE, broken), health=BRISK, restart=FEW)
        after = service.wait_until(lambda state: state.update_error)
        assert after.processes == before.processes
        engine_port = int(ask(after.port)["environment"]["NAIAD_ENGINE_URL"].rpartition(":")[2])
        assert ask(engine_port)["pid"] == before.processes["engine"].pid

    def test_folders_of_former_generations_go(self, service: Any) -> None:
        for generation in ("1", "2"):
            (service.directory / "generations" / generation).mkdir(parents=True)
        service.launch()
        service.wait_until(is_ready)
        updated(service)
        service.wait_for(lambda: not (service.directory / "generations" / "1").exists())
        assert (service.directory / "generations" / "2").exists()

    def test_a_service_that_does_not_run_cannot_hand_over(self, service: Any) -> None:
        assert not hand_over(service.directory, Launch("qa1", (ENGINE,), generation=2))
        assert not (service.directory / UPDATE_NAME).exists()


async def test_an_error_of_the_supervisors_own_is_no_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> ChildProcess:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(ChildProcess, "start", broken)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        generation = Generation(
            Launch("qa1", (ENGINE,)),
            listener=listener,
            directory=tmp_path,
            log=ServiceLog(tmp_path),
            changed=lambda: None,
        )
        with pytest.raises(RuntimeError, match="a fault of ours"):
            await generation.start()
        with pytest.raises(RuntimeError, match="a fault of ours"):
            await generation.hopeless()


class TestLimits:
    @pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux binds processes to processors")
    def test_processors(self, service: Any) -> None:
        service.launch(cores=1)
        state = service.wait_until(is_ready)
        assert len(psutil.Process(state.processes["engine"].pid).cpu_affinity() or ()) == 1

    def test_memory(self, service: Any) -> None:
        service.launch(max_memory_bytes=100 << 20)
        before = service.wait_until(is_ready)
        ask(before.port, "/leak")
        after = service.wait_until(lambda state: is_ready(state) and state.restarts == 1)
        assert after.processes != before.processes
        assert "of memory and may use 100: its biggest process (pid" in service.log
