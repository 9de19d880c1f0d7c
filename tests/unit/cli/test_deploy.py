from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from naiad.cli.main import run
from naiad.errors import DeploymentError
from naiad.targets import deployment
from naiad.targets.deployment_config import LocalConfig
from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace

SEED = {"computeType": "aks", "containerResourceRequirements": {"cpu": 1, "memoryInGB": 4}, "gpuCores": 1}


@dataclass
class Deployments:
    """What the command asked for, and what happens then."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    then: Callable[[], None] = lambda: None

    @property
    def config(self) -> LocalConfig:
        config = self.asked[-1]["config"]
        assert isinstance(config, LocalConfig)
        return config


@pytest.fixture
def deployments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployments:
    """Records services instead of starting them."""
    workspace = Workspace(tmp_path / ".naiad")
    (tmp_path / "m" / "triton" / "m" / "1").mkdir(parents=True)
    (tmp_path / "m" / "triton" / "m" / "1" / "model.onnx").touch()
    workspace.models.register(tmp_path / "m", name="m", framework="Multi")
    monkeypatch.setenv("NAIAD_WORKSPACE", str(workspace.root))
    monkeypatch.chdir(tmp_path)
    recorded = Deployments()

    def record(workspace: Workspace, **asked: Any) -> Service:
        recorded.asked.append(asked)
        service = workspace.services.create(Service(asked["name"], tuple(asked["models"])), overwrite=True)
        asked["report"]("a step")
        recorded.then()
        return service

    monkeypatch.setattr(deployment, "deploy", record)
    return recorded


def test_progress_goes_to_stderr_and_the_service_to_stdout(
    deployments: Deployments, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["model", "deploy", "-n", "qa1", "-m", "m:1"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "a step\n"
    document = json.loads(captured.out)
    assert (document["name"], document["computeType"], document["modelIds"]) == ("qa1", "Local", ["m:1"])
    asked = deployments.asked[-1]
    assert (asked["overwrite"], asked["wait"], asked["description"]) == (False, True, None)
    assert not deployments.config.requires_key


@pytest.mark.parametrize("joined", [False, True])
def test_the_seeds_command_line(
    deployments: Deployments, tmp_path: Path, capsys: pytest.CaptureFixture[str], joined: bool
) -> None:
    (tmp_path / "deploymentconfig.json").write_text(json.dumps(SEED))
    options = {"--name": "triton-webservice", "--model": "m:1", "--dc": "deploymentconfig.json"}
    options |= {"--compute-target": "local"}
    words = [f"{key}={value}" for key, value in options.items()] if joined else [w for o in options.items() for w in o]
    assert run(["ml", "model", "deploy", *words, "--overwrite"]) == 0
    assert deployments.asked[-1]["overwrite"]
    assert deployments.config.requires_key
    expected = "Not applied on compute target local: gpuCores\na step\n"
    assert capsys.readouterr().err == expected


def test_flags_go_over_the_file(deployments: Deployments, tmp_path: Path) -> None:
    (tmp_path / "dc.yml").write_text("computeType: local\nport: 6000\nauthEnabled: false\n")
    flags = ["--po", "6001", "--ae", "true", "--kp", "the-first-key", "--ks", "the-second-key", "--no-wait"]
    labels = ["--description", "words", "--tag", "a=1", "--tag", "b=2", "--property", "c=3"]
    assert run(["model", "deploy", "-n", "qa1", "-m", "m", "--dc", "dc.yml", *flags, *labels]) == 0
    config, asked = deployments.config, deployments.asked[-1]
    assert (config.port, config.requires_key) == (6001, True)
    assert (config.keys.primary_key, config.keys.secondary_key) == ("the-first-key", "the-second-key")
    assert not asked["wait"]
    assert (asked["description"], asked["tags"], asked["properties"]) == ("words", {"a": "1", "b": "2"}, {"c": "3"})


def test_a_key_on_the_command_line_switches_keys_on(deployments: Deployments) -> None:
    assert run(["model", "deploy", "-n", "qa1", "-m", "m", "--kp=the-first-key"]) == 0
    assert deployments.config.requires_key


def test_the_model_can_come_from_a_metadata_file(deployments: Deployments, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text('{"modelId": "m:1"}')
    assert run(["model", "deploy", "-n", "qa1", "-f", "model.json"]) == 0
    assert deployments.asked[-1]["models"] == ["m:1"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "name the model to deploy: --model NAME:VERSION"),
        (["-m", "m", "--ae", "perhaps"], 2, "--auth-enabled must be true or false, not 'perhaps'"),
        (["-m", "m", "--tag", "a"], 2, "--tag must be key=value, not 'a'"),
        (["-m", "m", "--po", "many"], 2, "Invalid value for '--port' / '--po'"),
        (["-m", "m", "--po", "70000"], 1, "port: Input should be less than or equal to 65535, got 70000"),
        (["-m", "m", "--ae", "false", "--kp", "the-first-key"], 1, "keys are given while authEnabled is false"),
        (["-m", "m", "--ct", "aks-gpu"], 1, "Compute target 'aks-gpu' does not exist; available: local"),
        (["-m", "m", "--dc", "absent.json"], 1, "absent.json cannot be read: No such file or directory"),
        (["-f", "absent.json"], 1, "absent.json cannot be read: No such file or directory"),
        (["-f", "m"], 1, "m cannot be read: Is a directory"),
        (["-f", "empty.json"], 1, "empty.json does not hold a modelId"),
    ],
)
def test_what_cannot_be_understood_deploys_nothing(
    deployments: Deployments,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    message: str,
) -> None:
    (tmp_path / "empty.json").write_text("{}")
    assert run(["model", "deploy", "-n", "qa1", *words]) == status
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.out == ""
    assert deployments.asked == []


def test_a_failed_deployment_says_why(deployments: Deployments, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise DeploymentError("Service qa1 did not start: no", hint="the log: naiad service get-logs -n qa1")

    deployments.then = fail
    assert run(["model", "deploy", "-n", "qa1", "-m", "m"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "a step\nerror: Service qa1 did not start: no\n\nhint: the log: naiad service get-logs -n qa1\n"
    )


def test_an_interrupted_deployment_says_what_is_left(
    deployments: Deployments, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    deployments.then = interrupt
    assert run(["model", "deploy", "-n", "qa1", "-m", "m"]) == 130
    assert capsys.readouterr().err == (
        "a step\nInterrupted: service qa1 is recorded, and nothing of it runs\n"
        "Look at it: naiad service show -n qa1; remove it: naiad service delete -n qa1\n"
    )


def test_an_entry_script_and_its_limits(deployments: Deployments, capsys: pytest.CaptureFixture[str]) -> None:
    Path("scripts").mkdir()
    Path("scripts/score.py").write_text("def init(): ...\ndef run(data): ...\n")
    Path("ic.json").write_text(json.dumps({"entryScript": "score.py", "sourceDirectory": "scripts", "enableGpu": True}))
    words = ["model", "deploy", "-n", "qa1", "-m", "m", "-m", "m:1", "--ic", "ic.json", "-e", "AzureML-Triton"]
    limits = ["--tm", "5", "--rm=6", "--mr", "7", "--cc", "0.5", "--gb", "2", "--ps", "8", "--id", "9", "--ts", "10"]
    others = ["--ft", "11", "--gc", "1", "--token-auth-enabled", "true", "--environment-variable", "WORKER_COUNT=2"]
    assert run([*words, *limits, *others]) == 0
    asked = deployments.asked[-1]
    assert asked["models"] == ["m", "m:1"]
    assert asked["inference"].script == Path("scripts/score.py")
    assert asked["inference"].environment.name == "AzureML-Triton"
    assert deployments.config.changes == {
        "tokenAuthEnabled": True,
        "containerResourceRequirements": {"cpu": 0.5, "memoryInGB": 2},
        "scoringTimeoutMs": 5,
        "maxConcurrentRequestsPerContainer": 6,
        "maxQueueWaitMs": 7,
        "livenessProbeRequirements": {
            "periodSeconds": 8,
            "initialDelaySeconds": 9,
            "timeoutSeconds": 10,
            "failureThreshold": 11,
        },
        "environmentVariables": {"WORKER_COUNT": "2"},
    }
    told = capsys.readouterr().err
    assert "Not applied on compute target local: --gpu-cores\n" in told
    assert "Not used without a container: enableGpu\n" in told


def test_something_must_be_deployed(deployments: Deployments, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "deploy", "-n", "qa1"]) == 2
    assert "name the model to deploy: --model NAME:VERSION" in capsys.readouterr().err
    Path("score.py").write_text("def init(): ...\ndef run(data): ...\n")
    assert run(["model", "deploy", "-n", "qa1", "--es", "score.py"]) == 0
    assert deployments.asked[-1]["models"] == []
