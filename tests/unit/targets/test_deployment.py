from __future__ import annotations

import json
import os
import signal
import socket
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from naiad.errors import (
    AlreadyExistsError,
    ConflictError,
    DeploymentError,
    InvalidArgumentError,
    NotFoundError,
    UnsupportedError,
)
from naiad.targets import local_target
from naiad.targets.deployment import delete, deploy, follow_logs, logs
from naiad.targets.deployment_config import DeploymentConfig
from naiad.targets.launch import LAUNCH_NAME, Launch
from naiad.targets.process import ProcessId, service_processes
from naiad.targets.process_lock import changing
from naiad.targets.status import ServiceStatus, serialize, status
from naiad.targets.waiting import wait_until_ready
from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace

LOCAL = DeploymentConfig.local()


def deploy_qa(workspace: Workspace, **changes: Any) -> Service:
    return deploy(workspace, **{"name": "qa1", "models": ["repository:1"], "config": LOCAL, **changes})


def pid_of(now: ServiceStatus) -> int:
    assert now.pid is not None
    return now.pid


def test_deploys_and_tells_each_step(workspace: Workspace, engine_options: list[str]) -> None:
    told: list[str] = []
    service = deploy_qa(
        workspace, models=["repository"], description="answers", tags={"area": "nlp"}, report=told.append
    )
    assert service.model_ids == ("repository:1",)
    now = status(workspace, "qa1")
    assert (now.state, now.healthy, now.restarts, now.error) == ("running", True, 0, None)
    assert now.scoring_uri == f"http://localhost:{now.port}"
    assert told[:2] == ["Model repository:1: repository with digits", "Starting the engine"]
    assert told[2] == f"Service qa1 is ready after {now.ready_s:.1f} s at {now.scoring_uri}"
    document = serialize(workspace, service)
    assert document == json.loads(json.dumps(document))
    assert document["scoringUri"] == now.scoring_uri
    assert (document["computeType"], document["state"], document["port"]) == ("Local", "running", now.port)
    assert (document["description"], document["tags"], document["error"]) == ("answers", {"area": "nlp"}, None)


def test_the_command_line_is_the_engines(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_target, "_start_supervisor", lambda _: None)
    deploy_qa(workspace, config=DeploymentConfig.local(auth_enabled=True), wait=False)
    directory = workspace.services.directory("qa1")
    launch = Launch.read(directory / LAUNCH_NAME)
    (plan,) = launch.processes
    repository = workspace.models.triton_repository("repository:1")
    assert plan.command[1:] == (
        *("-m", "naiad", "serve", "--model-repository", str(repository), "--id", "qa1"),
        *("--http-address", "127.0.0.1", "--allow-metrics=true", "--exit-timeout-secs", "30"),
        *("--auth-keys", str(directory / "keys.json")),
    )
    assert launch.keys_file == str(directory / "keys.json")


def test_files_are_private_and_hold_no_key(workspace: Workspace, engine_options: list[str]) -> None:
    config = DeploymentConfig.local(primary_key="a-key-that-was-given")
    deploy_qa(workspace, config=config)
    keys = workspace.services.keys("qa1")
    assert keys.primary == "a-key-that-was-given"
    assert len(keys.secondary) == 32
    directory = workspace.services.directory("qa1")
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for path in directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name
        assert path.name == "keys.json" or b"a-key-that-was-given" not in path.read_bytes()
    service = workspace.services.get("qa1")
    assert service.auth_enabled
    assert "given" not in repr(service)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"models": []}, InvalidArgumentError, "You must provide an InferenceConfig when deploying zero or multiple"),
        ({"models": ["pair", "plain"]}, InvalidArgumentError, "when deploying zero or multiple models"),
        ({"models": ["plain:1"]}, InvalidArgumentError, r"set to Onnx. Default .* only provided .*: \['Multi'\]"),
        ({"models": ["absent"]}, NotFoundError, "absent"),
        ({"models": ["repository:7"]}, NotFoundError, "repository"),
        ({"name": "No Name"}, InvalidArgumentError, "provided service name is invalid"),
        (
            {"config": DeploymentConfig.from_dict({"computeType": "aks"}, source="dc")},
            UnsupportedError,
            "computeType aks needs a compute target",
        ),
        ({"config": DeploymentConfig.local(primary_key="short")}, InvalidArgumentError, "8 to 256"),
    ],
)
def test_what_cannot_be_deployed_leaves_nothing(
    workspace: Workspace, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        deploy_qa(workspace, **changes)
    assert workspace.services.list() == []
    services = workspace.root / "services"
    assert not services.exists() or list(services.iterdir()) == []


def test_a_failed_start_is_told_in_the_engines_words(workspace: Workspace, engine_options: list[str]) -> None:
    engine_options += ["--error", "failed to load 'digits': not an ONNX model"]
    started_s = time.monotonic()
    with pytest.raises(DeploymentError) as raised:
        deploy_qa(workspace)
    assert time.monotonic() - started_s < 10
    assert raised.value.message == "Service qa1 did not start: failed to load 'digits': not an ONNX model"
    assert raised.value.hint == "the log: naiad service get-logs -n qa1"
    now = status(workspace, "qa1")
    assert (now.state, now.pid, now.scoring_uri) == ("failed", None, None)
    assert now.error == "failed to load 'digits': not an ONNX model"
    assert "not an ONNX model" in logs(workspace, "qa1")


def test_a_taken_port_is_told_with_its_holder(workspace: Workspace, engine_options: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        started_s = time.monotonic()
        with pytest.raises(ConflictError) as raised:
            deploy_qa(workspace, config=DeploymentConfig.local(port=port))
        assert time.monotonic() - started_s < 1
    message = raised.value.message
    assert message.startswith(f"The port that the service is to use is already in use: {port} is held by ")
    assert message.endswith(f"(pid {os.getpid()})")
    assert workspace.services.list() == []


def test_a_port_of_another_service_is_told_with_its_name(workspace: Workspace, engine_options: list[str]) -> None:
    deploy_qa(workspace)
    now = status(workspace, "qa1")
    with pytest.raises(ConflictError, match=f"{now.port} is held by service qa1 \\(pid {now.pid}\\)"):
        deploy_qa(workspace, name="qa2", config=DeploymentConfig.local(port=now.port))


def test_a_name_that_is_taken(workspace: Workspace, engine_options: list[str]) -> None:
    deploy_qa(workspace)
    before = status(workspace, "qa1")
    with pytest.raises(AlreadyExistsError, match="Service qa1 with the same name already exists"):
        deploy_qa(workspace)
    assert status(workspace, "qa1").pid == before.pid


def test_overwriting_keeps_port_and_keys(workspace: Workspace, engine_options: list[str]) -> None:
    told: list[str] = []
    deploy_qa(workspace, config=DeploymentConfig.local(auth_enabled=True))
    before, keys = status(workspace, "qa1"), workspace.services.keys("qa1")
    service = deploy_qa(
        workspace,
        models=["pair:1"],
        overwrite=True,
        config=DeploymentConfig.local(auth_enabled=True),
        report=told.append,
    )
    after = status(workspace, "qa1")
    assert service.model_ids == ("pair:1",)
    assert (after.state, after.port) == ("running", before.port)
    assert after.pid != before.pid
    assert workspace.services.keys("qa1") == keys
    assert "Stopping service qa1; requests in flight are answered first" in told
    assert logs(workspace, "qa1").count("the engine has drained") == 1


def test_overwriting_can_move_to_another_port_and_the_same_one(workspace: Workspace, engine_options: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    deploy_qa(workspace)
    for _ in range(2):
        deploy_qa(workspace, overwrite=True, config=DeploymentConfig.local(port=port))
        assert status(workspace, "qa1").port == port


def test_an_overwrite_that_fails_says_that_nothing_runs(workspace: Workspace, engine_options: list[str]) -> None:
    deploy_qa(workspace)
    engine_options += ["--error", "no"]
    with pytest.raises(DeploymentError) as raised:
        deploy_qa(workspace, overwrite=True)
    assert raised.value.message == (
        "Service qa1 did not start: no\nThe service that it replaces was stopped before it started: "
        "qa1 does not run any more"
    )
    engine_options.clear()
    deploy_qa(workspace, overwrite=True)
    assert status(workspace, "qa1").state == "running"


def test_an_overwrite_that_is_refused_stops_nothing(workspace: Workspace, engine_options: list[str]) -> None:
    deploy_qa(workspace)
    before = status(workspace, "qa1")
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(ConflictError, match="already in use"):
        deploy_qa(workspace, overwrite=True, config=DeploymentConfig.local(port=listening.getsockname()[1]))
    with pytest.raises(InvalidArgumentError, match="Onnx"):
        deploy_qa(workspace, overwrite=True, models=["plain:1"])
    assert status(workspace, "qa1") == before


def test_of_two_deployments_of_a_name_one_wins(workspace: Workspace, engine_options: list[str]) -> None:
    outcomes: list[object] = []
    together = threading.Barrier(2)

    def attempt() -> None:
        together.wait(timeout=10)
        try:
            outcomes.append(deploy_qa(workspace))
        except ConflictError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictError", "Service"]
    assert status(workspace, "qa1").state == "running"
    assert len(service_processes(workspace.services.directory("qa1"))) == 1


def test_a_deployment_need_not_be_waited_for(workspace: Workspace, engine_options: list[str]) -> None:
    engine_options.append("--never-ready")
    deploy_qa(workspace, wait=False)
    assert status(workspace, "qa1").state == "deploying"
    with pytest.raises(DeploymentError, match=r"still deploying after 0\.2 s") as raised:
        wait_until_ready(workspace, "qa1", timeout_s=0.2)
    assert raised.value.hint == "the log: naiad service get-logs -n qa1"


def test_deleting_ends_every_process_and_is_done_once(workspace: Workspace, engine_options: list[str]) -> None:
    engine_options.append("--child")
    deploy_qa(workspace)
    directory = workspace.services.directory("qa1")
    processes = service_processes(directory)
    assert len(processes) == 2
    deleted = delete(workspace, "qa1")
    assert deleted is not None
    assert deleted.name == "qa1"
    assert not any(process.is_running() and process.status() != "zombie" for process in processes)
    assert serialize(workspace, deleted)["state"] == "deleted"
    assert list(directory.parent.iterdir()) == []
    assert delete(workspace, "qa1") is None


def test_deleting_waits_for_no_other_command(workspace: Workspace, engine_options: list[str]) -> None:
    deploy_qa(workspace)
    with changing(workspace.services.directory("qa1")), pytest.raises(ConflictError, match="being changed"):
        delete(workspace, "qa1")
    assert status(workspace, "qa1").state == "running"


def test_what_a_killed_supervisor_left_is_cleaned_up(workspace: Workspace, engine_options: list[str]) -> None:
    engine_options += ["--child", "--deaf"]  # neither ends with the supervisor
    told: list[str] = []
    deploy_qa(workspace)
    before = status(workspace, "qa1")
    assert before.supervisor_pid is not None
    supervisor = ProcessId.of(before.supervisor_pid)
    os.kill(supervisor.pid, signal.SIGKILL)
    assert supervisor.wait(timeout_s=10)
    now = status(workspace, "qa1")
    assert (now.state, now.pid) == ("unknown", before.pid)
    assert now.error is not None
    assert now.error.endswith(f"its engine (pid {before.pid}) still runs, and nothing would restart it")
    assert now.hint == "deploy it again: naiad model deploy -n qa1 … --overwrite"
    engine_options.clear()
    deploy_qa(workspace, overwrite=True, report=told.append)
    assert "Killed 2 processes that an earlier supervisor left behind" in told
    after = status(workspace, "qa1")
    assert (after.state, after.port) == ("running", before.port)


def test_a_recycled_pid_in_the_records_is_left_alone(workspace: Workspace, engine_options: list[str]) -> None:
    deploy_qa(workspace)
    directory = workspace.services.directory("qa1")
    local_target.stop(directory, report=lambda _: None)
    # The numbers on record belong to this very test now.
    stranger = {"pid": os.getpid(), "uptime_s": ProcessId.of(os.getpid()).uptime_s - 60}
    (directory / "supervisor.lock").write_text(json.dumps(stranger))
    state = json.loads((directory / "state.json").read_text())
    (directory / "state.json").write_text(json.dumps({**state, "state": "running", "processes": {"engine": stranger}}))
    assert status(workspace, "qa1").state == "failed"
    assert delete(workspace, "qa1") is not None


def test_without_any_state_the_state_is_unknown(workspace: Workspace, engine_options: list[str]) -> None:
    deploy_qa(workspace)
    directory = workspace.services.directory("qa1")
    local_target.stop(directory, report=lambda _: None)
    (directory / "state.json").write_text("{")
    now = status(workspace, "qa1")
    assert now.state == "unknown"
    assert now.hint == "deploy it again: naiad model deploy -n qa1 … --overwrite"
    with pytest.raises(DeploymentError, match="Nothing is known of the service's processes"):
        wait_until_ready(workspace, "qa1")
    with changing(directory):
        assert status(workspace, "qa1").state == "deploying"


def test_a_supervisor_that_does_not_start_is_a_failed_deployment(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DeploymentError, match="The supervisor cannot be started: exit status 1"):
        deploy_qa(workspace)
    assert status(workspace, "qa1").state == "failed"


def test_logs_are_followed_until_the_service_ends(workspace: Workspace, engine_options: list[str]) -> None:
    deploy_qa(workspace)
    text = follow_logs(workspace, "qa1", num_lines=1)
    assert "Engine ready after" in next(text)
    local_target.stop(workspace.services.directory("qa1"), report=lambda _: None)
    assert "the engine has drained" in "".join(text)
    with pytest.raises(NotFoundError):
        follow_logs(workspace, "absent")
    with pytest.raises(NotFoundError):
        logs(workspace, "absent")
