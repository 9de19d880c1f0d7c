"""Services with an entry script when something breaks: the script, a process, the disk; with the real processes."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from naiad.targets.process import ProcessId, service_processes
from naiad.targets.process_lock import changing
from tests.support.machine import DEADLINE_S, Finished, Machine, wait_for, write_model
from tests.support.scripts import HELPER, PLAIN, TRITON


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A project with the models `one` (a Triton repository) and `weights`, and the scripts."""
    folder = tmp_path_factory.mktemp("project")
    machine = Machine(folder)
    write_model(folder / "models" / "triton", "double", "Add")
    (folder / "weights.txt").write_text("1 2 3")
    machine.workspace.models.register(folder / "models", name="one", framework="Multi")
    machine.workspace.models.register(folder / "weights.txt", name="weights")
    (folder / "plain.py").write_text(PLAIN)
    (folder / "scripts").mkdir()
    (folder / "scripts" / "score.py").write_text(TRITON)
    (folder / "scripts" / "helper.py").write_text(HELPER)
    return machine


@pytest.fixture
def machine(project: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.delenv("NAIAD_WORKSPACE", raising=False)
    monkeypatch.chdir(project.folder)
    yield project
    project.clear()


def deploy_script(machine: Machine, name: str, text: str, *words: str) -> Finished:
    """Deploy a script of this text."""
    Path("tried.py").write_text(text)
    return machine.naiad("model", "deploy", "-n", name, "-m", "weights", "--entry-script", "tried.py", *words)


def score(service: dict[str, Any], body: Any) -> requests.Response:
    return requests.post(service["scoringUri"], json=body, timeout=60)


RUN = "\ndef run(data):\n    return data\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nowhere_to_be_found\ndef init(): pass" + RUN, "No module named 'nowhere_to_be_found'"),
        ("def init():\n    raise ValueError('no weights')" + RUN, "ValueError: no weights"),
        ("import sys\ndef init():\n    sys.exit(3)" + RUN, "SystemExit: 3"),
        ("import os\ndef init():\n    os._exit(4)" + RUN, "exited with code"),
        ("import os\ndef init():\n    os.kill(os.getpid(), 9)" + RUN, "SIGKILL"),
        ("def init(): pass\n", "run() function defined"),
    ],
    ids=["import", "raises", "exits", "exits hard", "is killed", "no run"],
)
def test_a_script_that_cannot_start_is_told_in_seconds(machine: Machine, text: str, told: str) -> None:
    started_s = time.monotonic()
    failed = deploy_script(machine, "broken", text)
    assert time.monotonic() - started_s < 20
    assert failed.returncode == 1
    assert failed.stderr.startswith("Model weights:1: weights.txt\n")
    assert "error: Service broken did not start: " in failed.stderr
    assert told in failed.stderr
    shown = machine.show("broken")
    assert (shown["state"], shown["processes"], shown["scoringUri"]) == ("failed", {}, None)
    assert told in shown["error"]
    assert service_processes(machine.workspace.services.directory("broken")) == []
    # The same name can be deployed again.
    again = machine.naiad(
        *("model", "deploy", "-n", "broken", "-m", "weights", "--entry-script", "plain.py", "--overwrite")
    )
    assert again.returncode == 0, again.stderr


def test_a_failed_init_shows_its_traceback_and_the_model_folder(machine: Machine) -> None:
    text = "import os\ndef init():\n    open(os.path.join(os.environ['AZUREML_MODEL_DIR'], 'wrong.txt'))" + RUN
    failed = deploy_script(machine, "wrong-path", text)
    assert "Traceback (most recent call last):\n  File " in failed.stderr
    assert 'tried.py", line 3, in init\n    open(os.path' in failed.stderr
    assert "FileNotFoundError: [Errno 2] No such file or directory" in failed.stderr
    assert "    weights.txt\n" in failed.stderr
    assert "hint: the log: naiad service get-logs -n wrong-path\n" in failed.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--entry-script", "absent.py"), "entry_script absent.py doesn't exist."),
        (("--entry-script", "syntax.py"), "syntax.py, line 1: "),
        (("--entry-script", "plain.py", "-m", "absent"), "model 'absent' is not registered"),
        (("--entry-script", "plain.py", "-e", "Nowhere"), "environment 'Nowhere' is not registered"),
        (("--ic", "absent.json"), "absent.json cannot be read"),
        (("--entry-script", "plain.py", "--tm", "0"), "scoringTimeoutMs"),
        (("--entry-script", "plain.py", "--environment-variable", "WORKER_COUNT"), "must be key=value"),
    ],
)
def test_what_cannot_be_deployed_leaves_nothing(machine: Machine, words: tuple[str, ...], told: str) -> None:
    Path("syntax.py").write_text("def init(:\n")
    refused = machine.naiad("model", "deploy", "-n", "refused", *words)
    assert refused.returncode in (1, 2)
    assert told in refused.stderr
    assert "Traceback" not in refused.stderr
    assert machine.workspace.services.list() == []
    assert not machine.workspace.services.directory("refused").exists()


def test_an_init_that_hangs_is_given_up_when_the_probe_says(machine: Machine) -> None:
    Path("probe.yml").write_text("computeType: local\nlivenessProbeRequirements:\n  initialDelaySeconds: 3\n")
    text = "import time\ndef init():\n    print('waiting for Godot')\n    time.sleep(3600)" + RUN
    failed = deploy_script(machine, "waiting", text, "--dc", "probe.yml")
    assert "The entry-script host was not ready 3 s after its start; its last lines were:\n" in failed.stderr
    assert "waiting for Godot" in failed.stderr
    assert service_processes(machine.workspace.services.directory("waiting")) == []


def test_run_raises_hangs_exits_and_dies(machine: Machine) -> None:
    words = ("--entry-script", "plain.py", "--scoring-timeout-ms", "300")
    service = machine.deploy("patient", "weights", *words)
    raised = score(service, {"do": "raise"})
    assert (raised.status_code, raised.headers["x-ms-run-function-failed"]) == (500, "True")
    assert "ValueError: as it was told" in machine.naiad("service", "get-logs", "-n", "patient").stdout
    hung = score(service, {"do": "hang"})
    assert (hung.status_code, hung.json()["message"]) == (500, "Scoring timeout after 300 ms")
    assert score(service, {}).status_code == 200
    for how in ("exit", "die"):
        try:
            assert score(service, {"do": how}).status_code >= 500
        except requests.ConnectionError:
            assert how == "die"
        assert wait_for(lambda: score(service, {})).status_code == 200
    shown = machine.show("patient")
    assert (shown["state"], shown["processes"]) == ("running", service["processes"])
    failed = machine.naiad("service", "run", "-n", "patient", "-d", json.dumps({"do": "raise"}))
    assert failed.returncode == 1
    assert "error: Service patient refused the request: An unexpected error occurred" in failed.stderr
    assert "hint: the log: naiad service get-logs -n patient" in failed.stderr


def test_the_routers_codes_and_its_queue(machine: Machine) -> None:
    config = {
        "computeType": "aks",
        "authEnabled": False,
        "scoringTimeoutMs": 2000,
        "maxConcurrentRequestsPerContainer": 1,
        "maxQueueWaitMs": 100,
    }
    Path("router.json").write_text(json.dumps(config))
    service = machine.deploy("router", "weights", "--entry-script", "plain.py", "--dc", "router.json")
    assert score(service, {"do": "raise"}).status_code == 502
    answers: list[requests.Response] = []
    together = [
        threading.Thread(target=lambda: answers.append(score(service, {"do": "hang", "s": 1}))) for _ in range(3)
    ]
    for one in together:
        one.start()
    for one in together:
        one.join(timeout=30)
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 200
    assert codes[-1] == 503
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 503)
    late = score(service, {"do": "hang"})
    assert late.status_code == 504


def test_a_script_that_eats_memory_is_started_again(machine: Machine) -> None:
    service = machine.deploy("hungry", "weights", "--entry-script", "plain.py", "--memory-gb", "0.25")
    before = score(service, {}).json()["pid"]
    score(service, {"do": "leak", "mb": 400})
    worker = psutil.Process(before) if psutil.pid_exists(before) else None
    wait_for(lambda: worker is None or not worker.is_running())
    assert wait_for(lambda: _good(service, {}))["pid"] != before
    assert "of memory and may use 256" in machine.naiad("service", "get-logs", "-n", "hungry").stdout


def test_any_process_may_be_killed(machine: Machine) -> None:
    service = machine.deploy("mortal", "one", "--entry-script", "score.py", "--source-directory", "scripts")
    body = {"data": [[1, 2]]}
    worker = score(service, body).json()["pid"]
    for victim in (worker, service["processes"]["engine"], service["processes"]["workers"]):
        os.kill(victim, signal.SIGKILL)
        assert wait_for(lambda: _good(service, body))["y"] == [[2.0, 4.0]]
        wait_for(lambda: machine.show("mortal")["state"] == "running")
    shown = machine.show("mortal")
    assert (shown["restarts"], shown["port"]) == (2, service["port"])
    log = machine.naiad("service", "get-logs", "-n", "mortal").stdout
    assert "The engine was killed by SIGKILL" in log
    assert "The entry-script host was killed by SIGKILL" in log

    left = [ProcessId.of(process.pid) for process in service_processes(machine.workspace.services.directory("mortal"))]
    machine.supervisor("mortal").signal(signal.SIGKILL)
    assert all(process.wait(timeout_s=DEADLINE_S) for process in left)
    shown = machine.show("mortal")
    assert (shown["state"], shown["processes"]) == ("failed", {})
    assert "was killed or the machine was restarted; nothing runs the service" in shown["error"]
    assert machine.naiad("service", "delete", "-n", "mortal").returncode == 0


def _good(service: dict[str, Any], body: Any) -> Any:
    try:
        answer = score(service, body)
    except requests.ConnectionError:
        return None
    return answer.json() if answer.status_code == 200 else None


def test_a_supervisor_that_is_killed_in_an_update(machine: Machine) -> None:
    machine.deploy("torn", "weights", "--entry-script", "plain.py")
    Path("tried.py").write_text("import time\ndef init():\n    time.sleep(3600)" + RUN)
    begun = machine.naiad("service", "update", "-n", "torn", "--entry-script", "tried.py", "--no-wait")
    assert begun.returncode == 0, begun.stderr
    assert machine.show("torn")["updating"]
    directory = machine.workspace.services.directory("torn")
    machine.supervisor("torn").signal(signal.SIGKILL)
    wait_for(lambda: machine.show("torn")["state"] == "failed")
    wait_for(lambda: service_processes(directory) == [])
    shown = machine.show("torn")
    assert (shown["updating"], shown["modelIds"], shown["entryScript"]) == (False, ["weights:1"], "plain.py")
    again = machine.naiad("service", "update", "-n", "torn", "--environment-variable", "A=1")
    assert again.returncode == 0, again.stderr
    assert score(json.loads(again.stdout), {}).json()["version"] == "first"


def test_a_full_disk_while_deploying_leaves_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(source: str, target: str) -> None:
        raise OSError(28, "No space left on device", target)

    service = machine.deploy("stays", "weights", "--entry-script", "plain.py")
    monkeypatch.setattr("shutil.copyfile", no_space)
    failed = machine.naiad("model", "deploy", "-n", "no-space", "-m", "weights", "--entry-script", "plain.py")
    assert failed.returncode == 1
    assert "cannot be written: No space left on device" in failed.stderr
    assert not machine.workspace.services.directory("no-space").exists()
    for words in (
        ("service", "update", "-n", "stays"),
        ("model", "deploy", "-n", "stays", "-m", "weights:1", "--overwrite"),
    ):
        failed = machine.naiad(*words, "--entry-script", "plain.py")
        assert "cannot be written: No space left on device" in failed.stderr
    assert [service.name for service in machine.workspace.services.list()] == ["stays"]
    assert score(service, {}).status_code == 200


def test_of_two_deployments_at_once_one_is_refused(machine: Machine) -> None:
    directory = machine.workspace.services.directory("twins")
    finished: list[Finished] = []
    words = ("model", "deploy", "-n", "twins", "-m", "weights", "--entry-script", "plain.py")
    with changing(directory):
        finished.append(machine.naiad(*words))
    assert "Service twins is being changed by another command (pid " in finished[0].stderr
    port = machine.deploy("holder", "weights", "--entry-script", "plain.py")["port"]
    taken = machine.naiad(*words, "--port", str(port))
    assert f"is already in use: {port} is held by service holder (pid " in taken.stderr
    assert [service.name for service in machine.workspace.services.list()] == ["holder"]
