"""Services on this machine, with the real commands, the real supervisor and the real engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pytest
import requests
import tritonclient.http

from naiad.targets.process import ProcessId
from tests.support.machine import DEADLINE_S, NAIAD, Machine, wait_for, write_model

SEED_CONFIG = {"computeType": "aks", "containerResourceRequirements": {"cpu": 1, "memoryInGB": 4}, "gpuCores": 1}
REQUEST = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    folder = tmp_path_factory.mktemp("project")
    machine = Machine(folder)
    write_model(folder / "one" / "triton", "double", "Add")
    write_model(folder / "two" / "triton", "double", "Add")
    write_model(folder / "two" / "triton", "square", "Mul")
    (folder / "broken" / "triton" / "broken" / "1").mkdir(parents=True)
    (folder / "broken" / "triton" / "broken" / "1" / "model.onnx").write_bytes(b"no model")
    write_model(folder / "misconfigured" / "triton", "double", "Add")
    (folder / "misconfigured" / "triton" / "double" / "config.pbtxt").write_text("max_batch_size: many\n")
    for name in ("one", "two", "broken", "misconfigured"):
        machine.workspace.models.register(folder / name, name=name, framework="Multi")
    (folder / "deploymentconfig.json").write_text(json.dumps(SEED_CONFIG))
    return machine


@pytest.fixture
def machine(project: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.delenv("NAIAD_WORKSPACE", raising=False)
    monkeypatch.chdir(project.folder)
    yield project
    project.clear()


def is_ready(uri: str, **headers: str) -> bool:
    try:
        return requests.get(f"{uri}/v2/health/ready", headers=headers, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_the_seeds_walk(machine: Machine) -> None:
    service = machine.deploy("triton-webservice", "one:1", "--dc", "deploymentconfig.json", "--overwrite")
    assert (service["state"], service["authEnabled"]) == ("running", True)
    uri = service["scoringUri"]
    assert uri == f"http://localhost:{service['port']}"

    keys = json.loads(machine.naiad("service", "get-keys", "--name=triton-webservice").stdout)
    assert not is_ready(uri)
    for key in keys.values():
        assert is_ready(uri, Authorization=f"Bearer {key}")
        # As the seed has it: `$scoring_uri/v2/…` with a slash too many.
        assert is_ready(f"{uri}/", Authorization=f"Bearer {key}")

    headers = {"Authorization": f"Bearer {keys['primaryKey']}"}
    with tritonclient.http.InferenceServerClient(uri.removeprefix("http://")) as client:
        data = tritonclient.http.InferInput("x", [3, 2], "FP32")
        data.set_data_from_numpy(np.arange(6, dtype=np.float32).reshape(3, 2))
        result = client.infer("double", [data], model_version="1", headers=dict(headers))
        assert result.as_numpy("y").tolist() == [[0, 2], [4, 6], [8, 10]]

    answer = json.loads(machine.naiad("service", "run", "-n", "triton-webservice", "-d", REQUEST).stdout)
    assert answer["outputs"][0]["data"] == [2.0, 4.0]

    deleted = machine.naiad("service", "delete", "-n", "triton-webservice")
    assert json.loads(deleted.stdout)["state"] == "deleted"
    assert not is_ready(uri, **headers)
    again = machine.naiad("service", "delete", "-n", "triton-webservice")
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == "No service with name triton-webservice found to delete.\n"


def test_two_services_side_by_side(machine: Machine) -> None:
    first, second = machine.deploy("first", "one"), machine.deploy("second", "two")
    assert first["port"] != second["port"]
    assert is_ready(first["scoringUri"])
    assert is_ready(second["scoringUri"])
    squared = machine.naiad("service", "run", "-n", "second", "-d", REQUEST, "--model=square:1")
    assert json.loads(squared.stdout)["outputs"][0]["data"] == [1.0, 4.0]
    refused = machine.naiad("service", "run", "-n", "second", "-d", REQUEST)
    assert refused.returncode == 1
    assert "--model with one of: double, square" in refused.stderr
    metrics = requests.get(f"http://localhost:{second['metricsPort']}/metrics", timeout=5)
    assert 'model="square"' in metrics.text


@pytest.mark.parametrize(
    ("model", "cause"),
    [
        ("broken", "failed to load all models: 'broken': "),
        ("misconfigured", "config.pbtxt:1: "),
    ],
)
def test_a_bad_model_is_told_within_seconds(machine: Machine, model: str, cause: str) -> None:
    started_s = time.monotonic()
    failed = machine.naiad("model", "deploy", "-n", "bad-model", "-m", model)
    assert time.monotonic() - started_s < 20
    assert failed.returncode == 1
    assert "error: Service bad-model did not start: " in failed.stderr
    assert cause in failed.stderr
    assert "hint: the log: naiad service get-logs -n bad-model" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert machine.show("bad-model")["state"] == "failed"
    assert cause in machine.naiad("service", "get-logs", "-n", "bad-model").stdout


def test_a_taken_port_is_told_with_its_service(machine: Machine) -> None:
    port = machine.deploy("first", "one")["port"]
    refused = machine.naiad("model", "deploy", "-n", "second", "-m", "one", "--port", str(port))
    assert refused.returncode == 1
    assert f"is already in use: {port} is held by service first (pid " in refused.stderr


def test_killing_the_engine_the_supervisor_and_both(machine: Machine) -> None:
    service = machine.deploy("mortal", "one")
    port, uri = service["port"], service["scoringUri"]

    os.kill(service["pid"], signal.SIGKILL)
    restarted = wait_for(lambda: (now := machine.show("mortal"))["state"] == "running" and now["restarts"] and now)
    assert (restarted["port"], restarted["restarts"]) == (port, 1)
    assert restarted["pid"] != service["pid"]
    assert is_ready(uri)

    engine, supervisor = ProcessId.of(restarted["pid"]), machine.supervisor("mortal")
    supervisor.signal(signal.SIGKILL)
    assert engine.wait(timeout_s=DEADLINE_S)
    assert supervisor.wait(timeout_s=DEADLINE_S)
    assert not is_ready(uri)
    shown = machine.show("mortal")
    assert (shown["state"], shown["pid"], shown["scoringUri"]) == ("failed", None, None)
    assert "was killed or the machine was restarted" in shown["error"]

    again = machine.deploy("mortal", "one", "--overwrite")
    assert (again["state"], again["port"]) == ("running", port)
    both = [ProcessId.of(again["pid"]), machine.supervisor("mortal")]
    for process in both:
        process.signal(signal.SIGKILL)
    assert all(process.wait(timeout_s=DEADLINE_S) for process in both)
    assert machine.show("mortal")["state"] == "failed"
    assert machine.naiad("service", "delete", "-n", "mortal").returncode == 0


def test_overwriting_changes_the_model_under_the_same_address(machine: Machine) -> None:
    before = machine.deploy("stable", "one", "--ae", "true")
    after = machine.deploy("stable", "two", "--ae", "true", "--overwrite")
    assert (after["scoringUri"], after["modelIds"]) == (before["scoringUri"], ["two:1"])
    refused = machine.naiad("model", "deploy", "-n", "stable", "-m", "one")
    assert refused.returncode == 1
    assert "Service stable with the same name already exists" in refused.stderr


def test_ctrl_c_says_what_goes_on(machine: Machine) -> None:
    command = [*NAIAD, "model", "deploy", "-n", "patient", "-m", "one"]
    state = machine.workspace.services.directory("patient") / "state.json"
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=machine.folder, **pipes) as cli:
        assert cli.stderr is not None
        assert cli.stderr.readline() == "Model one:1: repository with double\n"
        assert cli.stderr.readline() == "Starting the engine\n"
        wait_for(state.exists)
        cli.send_signal(signal.SIGINT)
        _, told = cli.communicate(timeout=DEADLINE_S)
    assert cli.returncode == 130
    assert "Interrupted: service patient is deploying and goes on without this command (pid " in told
    wait_for(lambda: machine.show("patient")["state"] == "running")


def test_a_service_outlives_its_command_and_its_terminals_group(machine: Machine) -> None:
    command = [*NAIAD, "model", "deploy", "-n", "lasting", "-m", "one", "-o", "none"]
    with subprocess.Popen(command, cwd=machine.folder, stderr=subprocess.DEVNULL, start_new_session=True) as cli:
        assert cli.wait(timeout=DEADLINE_S) == 0
    service = machine.show("lasting")
    supervisor = psutil.Process(machine.supervisor("lasting").pid)
    assert os.getsid(service["pid"]) == supervisor.pid
    assert cli.pid not in {supervisor.ppid(), os.getpgid(supervisor.pid)}
    assert is_ready(service["scoringUri"])
