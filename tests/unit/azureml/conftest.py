from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from naiad.azureml.core import Workspace
from naiad.azureml.core.webservice import webservice as webservice_module
from naiad.errors import DeploymentError, NotFoundError
from naiad.targets import deployment, scoring, update, waiting
from naiad.targets.deployment_config import LocalConfig
from naiad.targets.inference_config import InferenceConfig
from naiad.targets.status import ServiceStatus
from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace as LocalWorkspace


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a workspace and a model repository, which is the working directory."""
    monkeypatch.delenv("NAIAD_WORKSPACE", raising=False)
    (tmp_path / "project" / ".naiad").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    version = tmp_path / "project" / "models" / "triton" / "bert" / "1"
    version.mkdir(parents=True)
    (version / "model.onnx").write_bytes(b"weights")
    return tmp_path / "project"


@pytest.fixture
def ws(project: Path) -> Workspace:
    return Workspace.from_config()


@dataclass
class FakeTarget:
    """Stands in for `naiad.targets`: services are recorded as there, and no process is started."""

    calls: list[tuple[str, Any]] = field(default_factory=list)
    status: ServiceStatus = field(default_factory=lambda: ServiceStatus("deploying"))
    failure: str | None = None
    inference: InferenceConfig | None = None

    def deploy(
        self,
        workspace: LocalWorkspace,
        *,
        name: str,
        models: Sequence[str],
        inference: InferenceConfig | None,
        config: LocalConfig,
        overwrite: bool,
        report: Callable[[str], None] | None,
        wait: bool,
    ) -> Service:
        self.calls.append(("deploy", {"models": list(models), "port": config.port, "wait": wait}))
        self.inference = inference
        if report is not None:
            report("Starting the engine")
        service = Service(name, tuple(models), auth_enabled=config.requires_key, port=config.port)
        return workspace.services.create(service, overwrite=overwrite)

    def wait_until_ready(
        self, workspace: LocalWorkspace, name: str, *, timeout_s: float = 600, report: Callable[[str], None] | None
    ) -> ServiceStatus:
        self.calls.append(("wait", timeout_s))
        if self.failure is not None:
            self.status = ServiceStatus("failed", error=self.failure)
            raise DeploymentError(self.failure, hint="look at the log")
        port = workspace.services.get(name).port or 40000
        self.status = ServiceStatus("running", scoring_uri=f"http://localhost:{port}", port=port)
        return self.status

    def status_of(self, workspace: LocalWorkspace, name: str) -> ServiceStatus:
        workspace.services.get(name)
        return self.status

    def logs(self, workspace: LocalWorkspace, name: str, *, num_lines: int) -> str:
        workspace.services.get(name)
        return f"the last {num_lines} lines"

    def run(self, workspace: LocalWorkspace, name: str, data: bytes, *, model: str | None) -> bytes:
        self.calls.append(("run", (data, model)))
        return b'{"outputs": []}'

    def update(self, workspace: LocalWorkspace, name: str, **changes: Any) -> Service:
        given = {key: value for key, value in changes.items() if value not in (None, {}, False)}
        self.calls.append(("update", given))
        if self.failure is not None:
            raise DeploymentError(self.failure, hint="look at the log")
        return workspace.services.get(name)

    def delete(self, workspace: LocalWorkspace, name: str) -> Service | None:
        try:
            return workspace.services.delete(name)
        except NotFoundError:
            return None


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> FakeTarget:
    fake = FakeTarget()
    for name in ("deploy", "logs", "delete"):
        monkeypatch.setattr(deployment, name, getattr(fake, name))
    monkeypatch.setattr(waiting, "wait_until_ready", fake.wait_until_ready)
    monkeypatch.setattr(scoring, "run", fake.run)
    monkeypatch.setattr(update, "update", fake.update)
    monkeypatch.setattr(webservice_module, "status", fake.status_of)
    return fake
