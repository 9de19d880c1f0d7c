"""Services with an entry script, with the real commands, supervisor, host and engine: what a user does with them."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from naiad.azureml.core import Environment, Model, Workspace
from naiad.azureml.core.model import InferenceConfig
from naiad.azureml.core.webservice import AksWebservice, LocalWebservice, Webservice
from naiad.targets.process import service_processes
from tests.support.machine import Machine, write_model
from tests.support.scripts import HELPER, PLAIN, TRITON

PAIR = json.dumps({"data": [[1, 2]]})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A project with the models `one` (a Triton repository), `weights` and `words`, and the scripts."""
    folder = tmp_path_factory.mktemp("project")
    machine = Machine(folder)
    write_model(folder / "models" / "triton", "double", "Add")
    (folder / "weights.txt").write_text("1 2 3")
    (folder / "words").mkdir()
    (folder / "words" / "list.txt").write_text("a b c")
    machine.workspace.models.register(folder / "models", name="one", framework="Multi")
    machine.workspace.models.register(folder / "weights.txt", name="weights")
    machine.workspace.models.register(folder / "words", name="words")
    (folder / "plain.py").write_text(PLAIN)
    (folder / "scripts").mkdir()
    (folder / "scripts" / "score_bidaf.py").write_text(TRITON)
    (folder / "scripts" / "helper.py").write_text(HELPER)
    return machine


@pytest.fixture
def machine(project: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.delenv("NAIAD_WORKSPACE", raising=False)
    monkeypatch.chdir(project.folder)
    yield project
    project.clear()


def score(service: dict[str, Any], body: Any, **headers: str) -> requests.Response:
    return requests.post(service["scoringUri"], json=body, headers=headers, timeout=30)


def test_the_seeds_walk_with_the_sdk(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    ws = Workspace.from_config()
    env = Environment.get(ws, "AzureML-Triton").clone("My-Triton")
    env.environment_variables["WORKER_COUNT"] = "2"
    inference_config = InferenceConfig(
        entry_script="score_bidaf.py", source_directory=os.path.join(".", "scripts"), environment=env
    )
    service = Model.deploy(
        workspace=ws,
        name="triton-bidaf-onnx",
        models=[Model(ws, "one")],
        inference_config=inference_config,
        deployment_config=LocalWebservice.deploy_configuration(),
        overwrite=True,
    )
    service.wait_for_deployment(show_output=True)
    assert capsys.readouterr().out.endswith(f"Local webservice is running at http://localhost:{service.port}\n")
    assert (service.state, service.scoring_uri) == ("running", f"http://localhost:{service.port}/score")

    answer = service.run(input_data=PAIR)
    assert (answer["y"], answer["server"]) == ([[2.0, 4.0]], "triton-bidaf-onnx")
    assert service.run(json.dumps({"data": [[3, 4]], "grpc": True}))["y"] == [[6.0, 8.0]]
    assert len({service.run(PAIR)["pid"] for _ in range(20)}) <= 2

    assert service.swagger_uri is not None
    assert requests.get(service.swagger_uri, timeout=5).json()["info"]["title"] == "triton-bidaf-onnx"
    assert service.environment is not None
    assert (service.environment.name, service.environment.version) == ("My-Triton", "1")
    assert "[engine] " in service.get_logs()
    assert "[workers] " in service.get_logs()
    directory = machine.workspace.services.directory("triton-bidaf-onnx")
    assert len(service_processes(directory)) == 4  # engine, process manager, two workers

    assert Webservice(ws, "triton-bidaf-onnx").serialize()["environment"] == {"name": "My-Triton", "version": "1"}
    service.delete()
    assert service.state == "deleted"
    assert service_processes(directory) == []


def test_the_seeds_walk_on_the_command_line(machine: Machine) -> None:
    ws = Workspace.from_config()
    Environment.get(ws, "AzureML-Triton").clone("Cli-Triton").register(ws)
    config = {"entryScript": "score_bidaf.py", "sourceDirectory": "scripts"}
    Path("inference-config.json").write_text(json.dumps(config))
    resources = {"cpu": 1, "memoryInGB": 4}
    Path("deploymentconfig.json").write_text(
        json.dumps({"computeType": "aks", "containerResourceRequirements": resources, "gpuCores": 1})
    )
    service = machine.deploy(
        *("triton-densenet-onnx", "one:1", "--ic", "inference-config.json", "-e", "Cli-Triton"),
        *("--environment-variable", "WORKER_COUNT=1", "--dc", "deploymentconfig.json", "--overwrite"),
    )
    assert service["scoringUri"] == f"http://localhost:{service['port']}/score"
    assert (service["authEnabled"], service["environment"]["name"]) == (True, "Cli-Triton")
    assert set(service["processes"]) == {"engine", "workers"}
    assert score(service, {"data": [[1, 2]]}).status_code == 401
    keys = json.loads(machine.naiad("service", "get-keys", "-n", "triton-densenet-onnx").stdout)
    answer = score(service, {"data": [[1, 2]]}, Authorization=f"Bearer {keys['secondaryKey']}")
    assert answer.json()["y"] == [[2.0, 4.0]]
    assert requests.get(service["scoringUri"].removesuffix("score"), timeout=5).text == "Healthy"
    ran = machine.naiad("service", "run", "-n", "triton-densenet-onnx", "-d", PAIR)
    assert json.loads(ran.stdout)["y"] == [[2.0, 4.0]]
    # A new key counts at once, and nothing restarts.
    machine.naiad("service", "regen-key", "-n", "triton-densenet-onnx", "-k", "Primary", "-s", "another-key-of-mine")
    headers = {"Authorization": "Bearer another-key-of-mine"}
    assert any(score(service, {"data": [[1, 2]]}, **headers).status_code == 200 for _ in range(100))
    assert machine.show("triton-densenet-onnx")["processes"] == service["processes"]
    assert machine.naiad("service", "delete", "-n", "triton-densenet-onnx").returncode == 0


def test_a_script_without_a_model(machine: Machine) -> None:
    deployed = machine.naiad("model", "deploy", "-n", "no-model", "--entry-script", "plain.py")
    assert deployed.returncode == 0, deployed.stderr
    service = json.loads(deployed.stdout)
    assert (service["modelIds"], list(service["processes"])) == ([], ["workers"])
    assert score(service, {"do": "walk"}).json() == []
    assert score(service, {}).json()["version"] == "first"
    refused = machine.naiad("service", "run", "-n", "no-model", "-d", "{}", "--model", "double")
    assert "Service no-model has an entry script, which chooses the model" in refused.stderr


def test_several_models_and_what_the_script_finds(machine: Machine) -> None:
    words = ("-m", "words:1", "--entry-script", "plain.py", "--environment-variable", "COLOUR=blue")
    service = machine.deploy("several", "weights:1", *words)
    assert service["modelIds"] == ["weights:1", "words:1"]
    found = score(service, {"do": "walk"}).json()
    assert found == ["weights/1/weights.txt", "words/1/words/list.txt"]
    assert score(service, {"do": "variable", "name": "COLOUR"}).json() == "blue"
    assert score(service, {"do": "variable", "name": "SERVICE_NAME"}).json() == "several"
    root = score(service, {"do": "variable", "name": "AML_APP_ROOT"}).json()
    model_dir = score(service, {"do": "variable", "name": "AZUREML_MODEL_DIR"}).json()
    assert model_dir == f"{root}/azureml-models"
    assert score(service, {"do": "variable", "name": "AZUREML_ENTRY_SCRIPT"}).json() == "plain.py"


def test_a_script_reads_its_model_and_cannot_spoil_the_registry(machine: Machine) -> None:
    service = machine.deploy("reader", "weights:1", "--entry-script", "plain.py")
    assert score(service, {"do": "open", "path": "weights.txt", "mode": "r"}).json() == "1 2 3"
    assert score(service, {"do": "open", "path": "weights.txt", "mode": "w"}).status_code == 500
    assert "PermissionError" in machine.naiad("service", "get-logs", "-n", "reader").stdout
    assert score(service, {"do": "open", "path": "new.txt", "mode": "w"}).json() == 6
    stored = machine.workspace.models.path("weights:1")
    assert stored.read_text() == "1 2 3"
    assert [path.name for path in stored.parent.iterdir()] == ["weights.txt"]


def test_the_users_folder_may_change_afterwards(machine: Machine, tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(PLAIN)
    service = machine.deploy("stored", "weights", "--entry-script", str(script))
    script.unlink()
    os.kill(service["processes"]["workers"], 9)
    assert score(service, {}).json()["version"] == "first"


def test_two_services_and_two_engines_do_not_meet(machine: Machine) -> None:
    words = ("--entry-script", "score_bidaf.py", "--source-directory", "scripts")
    first, second = machine.deploy("first", "one", *words), machine.deploy("second", "one", *words)
    assert score(first, {"data": [[1, 2]]}).json()["server"] == "first"
    assert score(second, {"data": [[1, 2]]}).json()["server"] == "second"


def test_tokens_open_a_service_in_place_of_keys(machine: Machine) -> None:
    ws = Workspace.from_config()
    config = AksWebservice.deploy_configuration(token_auth_enabled=True, compute_target_name="local")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        service = Model.deploy(ws, "tokens", ["weights:1"], InferenceConfig("plain.py"), config)
        service.wait_for_deployment()
    assert (service.auth_enabled, service.token_auth_enabled) == (False, True)
    assert service.scoring_uri is not None
    token, refresh_by = service.get_token()
    assert refresh_by < service.get_access_token().expiry_on

    def status(bearer: str) -> int:
        headers = {"Authorization": f"Bearer {bearer}"}
        return requests.post(service.scoring_uri or "", data="{}", headers=headers, timeout=10).status_code

    assert status(token) == 200
    assert status(json.loads(machine.naiad("service", "get-access-token", "-n", "tokens").stdout)["accessToken"]) == 200
    assert status(service.get_keys()[0]) == 401
    assert status(token[:-3]) == 401
    assert service.run("{}")["version"] == "first"
    assert machine.show("tokens")["healthy"]


def test_the_engine_takes_tokens_too(machine: Machine) -> None:
    service = machine.deploy("engine-tokens", "one", "--token-auth-enabled", "true")
    ready = service["scoringUri"] + "/v2/health/ready"
    assert requests.get(ready, timeout=5).status_code == 401
    token = json.loads(machine.naiad("service", "get-access-token", "-n", "engine-tokens").stdout)["accessToken"]
    assert requests.get(ready, headers={"Authorization": f"Bearer {token}"}, timeout=5).status_code == 200
    refused = machine.naiad("service", "get-access-token", "-n", "absent")
    assert refused.returncode == 1
    assert "service 'absent' does not exist" in refused.stderr
