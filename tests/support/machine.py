"""A project folder with a workspace, and the commands that a user gives there."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import onnx
from onnx import TensorProto, helper

from naiad.cli.main import run
from naiad.targets.local_target import stop
from naiad.targets.process import ProcessId, service_processes
from naiad.workspace.workspace import Workspace

DEADLINE_S = 60
NAIAD = (sys.executable, "-m", "naiad")


def wait_for(condition: Callable[[], Any]) -> Any:
    """The first true value of a condition; an assertion when it stays false."""
    deadline = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)
    return value


def write_model(repository: Path, name: str, operator: str) -> None:
    """A model that gives `operator(x, x)` of a batch of pairs."""
    shape: list[str | int | None] = ["n", 2]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)]
    graph = helper.make_graph([helper.make_node(operator, ["x", "x"], ["y"])], name, inputs, outputs)
    folder = repository / name / "1"
    folder.mkdir(parents=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "model.onnx")


class Finished(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class Machine:
    """A project folder with models in it, and the commands that a user gives there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = Workspace(folder / ".naiad")

    def naiad(self, *words: str) -> Finished:
        """Run one command, in this process: starting Python for each would take most of the tests' time."""
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            status = run(words)
        return Finished(status, out.getvalue(), err.getvalue())

    def show(self, name: str) -> dict[str, Any]:
        """What `service show` prints."""
        shown = self.naiad("service", "show", "-n", name)
        assert shown.returncode == 0, shown.stderr
        document: dict[str, Any] = json.loads(shown.stdout)
        return document

    def deploy(self, name: str, model: str, *words: str) -> dict[str, Any]:
        """Deploy a model here; what the command prints."""
        deployed = self.naiad("model", "deploy", "-n", name, "-m", model, "--compute-target", "local", *words)
        assert deployed.returncode == 0, deployed.stderr
        document: dict[str, Any] = json.loads(deployed.stdout)
        return document

    def supervisor(self, name: str) -> ProcessId:
        """Who keeps a service running."""
        return ProcessId(**json.loads((self.workspace.services.directory(name) / "supervisor.lock").read_text()))

    def clear(self) -> None:
        """End and forget every service; none of them leaves a process behind."""
        for service in self.workspace.services.list():
            directory = self.workspace.services.directory(service.name)
            stop(directory, report=lambda _: None)
            assert service_processes(directory) == []
            self.workspace.services.delete(service.name)
