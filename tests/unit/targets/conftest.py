"""Supervisors and fake engines that are gone when a test ends."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from naiad.targets import plan
from naiad.targets.launch import LAUNCH_NAME, HealthPolicy, Launch, ProcessPlan, RestartPolicy
from naiad.targets.local_target import stop
from naiad.targets.process import service_processes
from naiad.targets.process_lock import read_holder, supervisor_lock_path
from naiad.targets.service_state import ServiceState, read_state
from naiad.workspace.workspace import Workspace

FAKE_ENGINE = (sys.executable, str(Path(__file__).with_name("fake_engine.py")))
DEADLINE_S = 30


def wait_for(condition: Callable[[], Any]) -> Any:
    """The first true value of a condition; an assertion when it stays false."""
    deadline = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)
    return value


class SupervisedService:
    """A service directory and what runs for it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def launch(self, *options: str, **changes: Any) -> subprocess.CompletedProcess[str]:
        """Write the launch of a fake engine with these options and start its supervisor."""
        values: dict[str, Any] = {
            "name": "qa1",
            "processes": (ProcessPlan("engine", (*FAKE_ENGINE, *options)),),
            "exit_timeout_s": 1,
            "health": HealthPolicy(period_s=0.1, timeout_s=0.5, failure_threshold=2),
            "restart": RestartPolicy(first_delay_s=0.05, stable_s=60, max_failures=3),
        }
        if "command" in changes:
            changes["processes"] = (ProcessPlan("engine", changes.pop("command")),)
        Launch(**{**values, **changes}).write(self.directory / LAUNCH_NAME)
        command = [sys.executable, "-m", "naiad.targets.supervisor", str(self.directory)]
        return subprocess.run(command, capture_output=True, text=True, start_new_session=True, check=False)

    def state(self) -> ServiceState:
        """The written state."""
        state = read_state(self.directory)
        assert state is not None
        return state

    wait_for = staticmethod(wait_for)

    def wait_until(self, condition: Callable[[ServiceState], Any]) -> ServiceState:
        """The first state that fulfils a condition."""
        wait_for(lambda: condition(self.state()))
        return self.state()

    @property
    def supervisor(self) -> psutil.Process:
        """The supervisor's process."""
        holder = read_holder(supervisor_lock_path(self.directory))
        process = holder.find() if holder is not None else None
        assert process is not None
        return process

    @property
    def log(self) -> str:
        """What the log holds."""
        return (self.directory / "log.txt").read_text()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[SupervisedService]:
    directory = tmp_path / "qa1"
    directory.mkdir(mode=0o700)
    yield SupervisedService(directory)
    stop(directory, report=lambda _: None)
    assert service_processes(directory) == []


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace with the models `repository:1` (Multi, of `digits`), `pair:1` (of two) and `plain:1` (Onnx)."""
    workspace = Workspace(tmp_path / "workspace")
    for name, models in (("repository", ["digits"]), ("pair", ["digits", "words"])):
        for model in models:
            folder = tmp_path / name / "triton" / model / "1"
            folder.mkdir(parents=True)
            (folder / "model.onnx").write_bytes(b"a model")
        workspace.models.register(tmp_path / name, name=name, framework="Multi")
    workspace.models.register(
        tmp_path / "pair" / "triton" / "words" / "1" / "model.onnx", name="plain", framework="Onnx"
    )
    yield workspace
    for service in workspace.services.list():
        stop(workspace.services.directory(service.name), report=lambda _: None)


@pytest.fixture
def engine_options(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Makes deployments start fake engines; the options in the list are given to those started from then on."""
    options: list[str] = []

    def fake_command(name: str, **_: Any) -> tuple[str, ...]:
        return (*FAKE_ENGINE, *options)

    monkeypatch.setattr(plan, "engine_command", fake_command)
    return options
