"""From what is deployed to the processes that serve it; no process is started."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from naiad.errors import ConfigError, InvalidArgumentError
from naiad.targets.deployable import resolve
from naiad.targets.deployment_config import DeploymentConfig, LocalConfig
from naiad.targets.inference_config import InferenceConfig
from naiad.targets.launch import HealthPolicy, Launch
from naiad.targets.plan import make_launch
from naiad.targets.service_script import ServiceScript
from naiad.workspace.environment import Environment
from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace

LOCAL = DeploymentConfig.local()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "scripts"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "score.py").write_text("def init(): ...\ndef run(data): ...\n")
    (folder / "helper.py").write_text("")
    return folder


def launch(
    workspace: Workspace,
    *models: str,
    inference: InferenceConfig | None = None,
    config: LocalConfig = LOCAL,
    **service: Any,
) -> Launch:
    """The launch of a service of these models."""
    script = ServiceScript.of(inference) if inference is not None else None
    told: list[str] = []
    origin = script.origin if script else None
    deployable = resolve(workspace, models, config=config, script=script, source=origin, report=told.append)
    recorded = Service("qa1", models, **service)
    workspace.services.create(recorded, overwrite=True)
    return make_launch(workspace, recorded, deployable, generation=1, port=None, record={})


def scripted(source: Path, **environment: str) -> InferenceConfig:
    return InferenceConfig("lib/score.py", source, Environment("e", environment_variables=environment))


def test_without_a_script_the_engine_answers(workspace: Workspace) -> None:
    (plan,) = launch(workspace, "repository", auth_enabled=True).processes
    assert (plan.role, plan.needs_key) == ("engine", True)
    assert plan.command[-2:] == ("--auth-keys", str(workspace.services.keys_file("qa1")))


def test_behind_a_script_the_engine_has_no_keys(workspace: Workspace, source: Path) -> None:
    made = launch(workspace, "repository", inference=scripted(source), auth_enabled=True)
    engine, workers = made.processes
    assert (engine.role, workers.role, made.scoring_path) == ("engine", "workers", "/score")
    assert "--auth-keys" not in engine.command
    assert workers.command[:4] == (sys.executable, "-P", "-m", "naiad.scoring")
    assert workers.command[-2:] == ("--auth-keys", str(workspace.services.keys_file("qa1")))


def test_without_a_repository_there_is_no_engine(workspace: Workspace, source: Path) -> None:
    for models in ((), ("plain",)):
        made = launch(workspace, *models, inference=scripted(source))
        assert [plan.role for plan in made.processes] == ["workers"]


def test_repositories_of_several_models_go_to_one_engine(workspace: Workspace, source: Path) -> None:
    engine, _ = launch(workspace, "repository", "pair", "plain", inference=scripted(source)).processes
    repositories = [
        word for before, word in zip(engine.command, engine.command[1:], strict=False) if before == "--model-repository"
    ]
    assert repositories == [str(workspace.models.triton_repository(name)) for name in ("repository", "pair")]


def test_what_the_script_finds(workspace: Workspace, source: Path) -> None:
    (source / "__pycache__").mkdir()
    made = launch(workspace, "plain", inference=scripted(source, WORKER_COUNT="2", COLOUR="blue"))
    (plan,) = made.processes
    root = workspace.services.directory("qa1") / "generations" / "1" / "app"
    assert plan.cwd == str(root)
    assert plan.environment == {
        "AML_APP_ROOT": str(root),
        "AZUREML_ENTRY_SCRIPT": "scripts/lib/score.py",
        "AZUREML_MODEL_DIR": str(root / "azureml-models" / "plain" / "1"),
        "AZUREML_SOURCE_DIRECTORY": "scripts",
        "COLOUR": "blue",
        "SERVICE_NAME": "qa1",
        "WORKER_COUNT": "2",
    }
    found = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    assert found == ["azureml-models/plain/1/model.onnx", "scripts/helper.py", "scripts/lib/score.py"]
    linked, stored = root / "azureml-models/plain/1/model.onnx", workspace.models.path("plain")
    assert linked.samefile(stored)


def test_a_script_alone(workspace: Workspace, source: Path) -> None:
    script = source / "lib" / "score.py"
    (plan,) = launch(workspace, inference=InferenceConfig(str(script), None, Environment("e"))).processes
    assert plan.environment["AZUREML_ENTRY_SCRIPT"] == "score.py"
    assert "AZUREML_SOURCE_DIRECTORY" not in plan.environment
    assert plan.environment["AZUREML_MODEL_DIR"] == f"{plan.environment['AML_APP_ROOT']}/azureml-models"


def test_several_models_lie_side_by_side(workspace: Workspace, source: Path) -> None:
    (_, plan) = launch(workspace, "plain", "pair", inference=scripted(source)).processes
    models = Path(plan.environment["AZUREML_MODEL_DIR"])
    assert sorted(path.relative_to(models).as_posix() for path in models.glob("*/*/*")) == [
        "pair/1/pair",
        "plain/1/model.onnx",
    ]


def test_limits_and_the_services_own_variables_win(workspace: Workspace, source: Path) -> None:
    config = DeploymentConfig.local(
        scoring_timeout_ms=5,
        replica_max_concurrent_requests=6,
        max_request_wait_time=7,
        cpu_cores=1.5,
        memory_gb=2,
        memory_gb_limit=3,
        period_seconds=4,
        initial_delay_seconds=9,
        environment_variables={"COLOUR": "red", "AML_APP_ROOT": "/"},
    )
    made = launch(workspace, inference=scripted(source, COLOUR="blue"), config=config)
    (plan,) = made.processes
    assert plan.command[-4:] == ("--max-concurrent-requests", "6", "--max-queue-wait-ms", "7")
    assert (plan.environment["SCORING_TIMEOUT_MS"], plan.environment["COLOUR"]) == ("5", "red")
    assert plan.environment["AML_APP_ROOT"] == plan.cwd
    assert (made.cores, made.max_memory_bytes, made.start_timeout_s) == (2, 3 << 30, 9)
    assert made.health == HealthPolicy(period_s=4)


def test_a_clusters_configuration_has_the_routers_codes_and_time(workspace: Workspace, source: Path) -> None:
    config, _ = DeploymentConfig.from_dict({"computeType": "aks"}, source="dc").on_target("local")
    (plan,) = launch(workspace, inference=scripted(source), config=config).processes
    assert plan.command[-2:] == ("--router-codes", "true")
    assert plan.environment["SCORING_TIMEOUT_MS"] == "60000"


def test_a_launch_is_read_as_it_was_written(workspace: Workspace, source: Path, tmp_path: Path) -> None:
    made = replace(launch(workspace, "repository", inference=scripted(source)), record={"tags": {"a": "b"}})
    made.write(tmp_path / "launch.json")
    assert Launch.read(tmp_path / "launch.json") == made
    with pytest.raises(ConfigError, match=r"absent\.json cannot be read"):
        Launch.read(tmp_path / "absent.json")


def test_a_folder_that_cannot_be_used_as_a_source(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "azureml-models").mkdir()
    (tmp_path / "azureml-models" / "score.py").write_text("")
    inference = InferenceConfig("score.py", tmp_path / "azureml-models", Environment("e"))
    with pytest.raises(InvalidArgumentError, match="cannot be called azureml-models"):
        launch(workspace, inference=inference)
