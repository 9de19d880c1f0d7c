"""Services with an entry script that are updated while they serve, with the real processes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from naiad.azureml.core import Workspace
from naiad.azureml.core.model import InferenceConfig
from naiad.azureml.core.webservice import LocalWebservice
from naiad.azureml.exceptions import WebserviceException
from tests.support.machine import Machine, wait_for, write_model
from tests.support.scripts import HELPER, PLAIN, TRITON


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A project with two versions of the models `double` (a Triton repository: twice, squared) and `weights`."""
    folder = tmp_path_factory.mktemp("project")
    machine = Machine(folder)
    for version, operator in (("1", "Add"), ("2", "Mul")):
        write_model(folder / version / "triton", "double", operator)
        machine.workspace.models.register(folder / version, name="double", framework="Multi")
        (folder / version / "weights.txt").write_text(f"weights {version}")
        machine.workspace.models.register(folder / version / "weights.txt", name="weights")
    return machine


@pytest.fixture
def machine(project: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.delenv("NAIAD_WORKSPACE", raising=False)
    monkeypatch.chdir(project.folder)
    (project.folder / "plain.py").write_text(PLAIN)
    (project.folder / "scripts").mkdir(exist_ok=True)
    (project.folder / "scripts" / "score.py").write_text(TRITON)
    (project.folder / "scripts" / "helper.py").write_text(HELPER)
    yield project
    project.clear()


class Clients:
    """Clients that ask again and again, some on connections that they keep; every answer must be a good one."""

    def __init__(self, uri: str, body: Any) -> None:
        self.answers: list[Any] = []
        self.faults: list[str] = []
        self._uri = uri
        self._body = json.dumps(body)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(kept,)) for kept in (True, True, False)]

    def _ask(self, kept: bool) -> None:
        with requests.Session() as session:
            while not self._stop.wait(0.01):  # what is being started needs the machine too
                headers = {} if kept else {"Connection": "close"}
                try:
                    answer = session.post(self._uri, data=self._body, headers=headers, timeout=30)
                except requests.RequestException as error:
                    self.faults.append(repr(error))
                    continue
                if answer.status_code == 200:
                    self.answers.append(answer.json())
                else:
                    self.faults.append(f"{answer.status_code} {answer.text}")

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        wait_for(lambda: self.answers or self.faults)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)


def score(service: dict[str, Any], body: Any, **headers: str) -> Any:
    answer = requests.post(service["scoringUri"], json=body, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def update(machine: Machine, name: str, *words: str) -> dict[str, Any]:
    updated = machine.naiad("service", "update", "-n", name, *words)
    assert updated.returncode == 0, updated.stderr
    document: dict[str, Any] = json.loads(updated.stdout)
    return document


def test_script_variables_and_workers_change_and_no_request_is_lost(machine: Machine) -> None:
    service = machine.deploy("busy", "weights:1", "--entry-script", "plain.py")
    slow: list[Any] = []
    long_one = threading.Thread(target=lambda: slow.append(score(service, {"do": "hang", "s": 3})))
    with Clients(service["scoringUri"], {}) as clients:
        long_one.start()
        Path("plain.py").write_text(PLAIN.replace('"first"', '"second"'))
        after = update(machine, "busy", "--entry-script", "plain.py")
        assert (after["port"], after["updating"], after["error"]) == (service["port"], False, None)
        assert score(service, {})["version"] == "second"
        long_one.join(timeout=30)
        assert slow[0]["version"] == "first"
        after = update(machine, "busy", "--environment-variable", "WORKER_COUNT=2", "-m", "weights:2")
        assert score(service, {"do": "open", "path": "weights.txt", "mode": "r"}) == "weights 2"
        assert score(service, {"do": "variable", "name": "WORKER_COUNT"}) == "2"
    assert clients.faults == []
    assert {answer["version"] for answer in clients.answers} == {"first", "second"}
    assert (after["modelIds"], machine.show("busy")["modelIds"]) == (["weights:2"], ["weights:2"])
    # The former version is not used any more, the present one is.
    refused = machine.naiad("model", "delete", "-i", "weights:2")
    assert "model 'weights:2' is used by service 'busy'" in refused.stderr


def test_a_new_model_version_behind_a_script_and_behind_none(machine: Machine) -> None:
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [3, 4]}]}
    direct = machine.deploy("direct", "double:1")
    uri = f"{direct['scoringUri']}/v2/models/double/infer"
    with Clients(uri, body) as clients:
        after = update(machine, "direct", "-m", "double:2")
        assert requests.post(uri, json=body, timeout=10).json()["outputs"][0]["data"] == [9.0, 16.0]
    assert clients.faults == []
    assert (after["scoringUri"], after["modelIds"]) == (direct["scoringUri"], ["double:2"])

    words = ("--entry-script", "score.py", "--source-directory", "scripts")
    service = machine.deploy("scripted", "double:1", *words)
    with Clients(service["scoringUri"], {"data": [[3, 4]]}) as clients:
        update(machine, "scripted", "-m", "double:2")
        assert score(service, {"data": [[3, 4]]})["y"] == [[9.0, 16.0]]
    assert clients.faults == []
    assert [[6.0, 8.0]] in [answer["y"] for answer in clients.answers]


def test_what_does_not_come_up_leaves_the_service_as_it_was(machine: Machine) -> None:
    service = machine.deploy("robust", "weights:1", "--entry-script", "plain.py", "--tag", "stage=one")
    before = machine.show("robust")
    Path("plain.py").write_text(PLAIN.replace("global version", "raise RuntimeError('no weights here')"))
    with Clients(service["scoringUri"], {}) as clients:
        failed = machine.naiad("service", "update", "-n", "robust", "--entry-script", "plain.py", "-m", "weights:2")
    assert clients.faults == []
    assert failed.returncode == 1
    assert "error: The update of service robust failed: User's init function failed: RuntimeError" in failed.stderr
    assert "in init\n" in failed.stderr
    assert "\nThe service goes on as it was\n" in failed.stderr
    assert "hint: the log: naiad service get-logs -n robust" in failed.stderr
    after = machine.show("robust")
    assert after["error"].startswith("The last update failed: User's init function failed")
    unchanged = ("modelIds", "processes", "state", "scoringUri", "updating", "tags")
    assert {key: after[key] for key in unchanged} == {key: before[key] for key in unchanged}
    assert score(service, {})["version"] == "first"
    # A good one afterwards takes the fault away, and the script is the one that was deployed.
    assert update(machine, "robust", "-m", "weights:2")["error"] is None
    assert score(service, {})["version"] == "first"


def test_reload_reads_the_script_again(machine: Machine) -> None:
    machine.deploy("fresh", "weights:1", "--entry-script", "plain.py")
    service = LocalWebservice(Workspace.from_config(), "fresh")
    Path("plain.py").write_text(PLAIN.replace('"first"', '"second"'))
    service.reload()
    service.wait_for_deployment()
    assert service.run("{}")["version"] == "second"
    Path("plain.py").write_text(PLAIN.replace('"first"', '"third"'))
    assert machine.naiad("service", "reload", "-n", "fresh").returncode == 0
    assert service.run("{}")["version"] == "third"
    Path("plain.py").write_text("def init(:\n")
    with pytest.raises(WebserviceException, match="the entry script is not valid Python"):
        service.reload()
    Path("plain.py").unlink()
    with pytest.raises(WebserviceException, match=r"plain\.py doesn't exist"):
        service.reload()
    assert service.run("{}")["version"] == "third"
    with pytest.raises(WebserviceException, match="service 'absent' does not exist"):
        LocalWebservice(Workspace.from_config(), "absent", must_exist=False).reload()


def test_an_update_that_is_not_waited_for(machine: Machine) -> None:
    slow = PLAIN.replace("global version", "global version\n    while not os.path.exists('go'): time.sleep(0.01)")
    machine.deploy("slow", "weights:1", "--entry-script", "plain.py")
    service = LocalWebservice(Workspace.from_config(), "slow")
    Path("plain.py").write_text(slow)
    service.update(inference_config=InferenceConfig("plain.py"), models=["weights:2"])
    assert machine.show("slow")["updating"]
    assert machine.show("slow")["modelIds"] == ["weights:1"]
    second = machine.naiad("service", "update", "-n", "slow", "--environment-variable", "A=1")
    assert (second.returncode, "An update of service slow is under way" in second.stderr) == (1, True)
    assert service.run("{}")["version"] == "first"
    folder = machine.workspace.services.directory("slow") / "generations" / "2" / "app"
    (folder / "go").touch()
    service.wait_for_deployment()
    assert [model.id for model in service.models] == ["weights:2"]
    assert machine.show("slow")["modelIds"] == ["weights:2"]


def test_keys_are_switched_on_and_off(machine: Machine) -> None:
    service = machine.deploy("locked", "weights:1", "--entry-script", "plain.py")
    score(service, {})
    assert update(machine, "locked", "--auth-enabled", "true")["authEnabled"]
    assert requests.post(service["scoringUri"], data="{}", timeout=10).status_code == 401
    keys = json.loads(machine.naiad("service", "get-keys", "-n", "locked").stdout)
    score(service, {}, Authorization=f"Bearer {keys['primaryKey']}")
    assert update(machine, "locked", "--token-auth-enabled", "true")["tokenAuthEnabled"]
    assert requests.post(service["scoringUri"], data="{}", timeout=10).status_code == 401
    assert not update(machine, "locked", "--token-auth-enabled", "false")["tokenAuthEnabled"]
    score(service, {})


def test_labels_change_without_a_process(machine: Machine) -> None:
    service = machine.deploy("labelled", "weights:1", "--entry-script", "plain.py", "--tag", "a=1")
    words = ("--add-tag", "b=2", "--remove-tag", "a", "--add-property", "p=q", "--description", "of words")
    after = update(machine, "labelled", *words)
    assert (after["tags"], after["properties"], after["description"]) == ({"b": "2"}, {"p": "q"}, "of words")
    assert after["processes"] == service["processes"]
    nothing = machine.naiad("service", "update", "-n", "labelled")
    assert (nothing.returncode, nothing.stderr) == (1, "error: No parameters provided to update.\n")
    absent = machine.naiad("service", "update", "-n", "absent", "--add-tag", "a=1")
    assert "service 'absent' does not exist" in absent.stderr


def test_a_service_that_was_stopped_is_started_by_its_update(machine: Machine) -> None:
    service = machine.deploy("asleep", "weights:1", "--entry-script", "plain.py")
    supervisor = machine.supervisor("asleep")
    supervisor.signal(15)
    assert supervisor.wait(timeout_s=30)
    assert machine.show("asleep")["state"] == "failed"
    after = update(machine, "asleep", "-m", "weights:2")
    assert (after["state"], after["modelIds"]) == ("running", ["weights:2"])
    assert after["port"] == service["port"]
