"""From what is deployed to the processes that serve it: architectures A, B and C (azure-ml.md §1a).

- A: an entry script calls its models itself. One process group: the entry-script host with its workers.
- B: a Triton model repository without an entry script. One process: the engine, which clients speak to.
- C: an entry script and a Triton model repository. The engine on a port of its own, then the host, whose workers
  find it at `localhost:8000`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from naiad.targets.app_folder import AppFolder, lay_out
from naiad.targets.deployable import Deployable
from naiad.targets.deployment_config import LocalConfig
from naiad.targets.launch import EXIT_TIMEOUT_S, HTTP_ADDRESS, START_TIMEOUT_S, HealthPolicy, Launch, ProcessPlan
from naiad.targets.service_script import ServiceScript
from naiad.workspace.services import Service
from naiad.workspace.workspace import Workspace

SCORING_PATH: Final = "/score"

_ROUTER_SCORING_TIMEOUT_MS: Final = 60_000


def make_launch(
    workspace: Workspace,
    service: Service,
    deployable: Deployable,
    *,
    generation: int,
    port: int | None,
    record: Mapping[str, Any],
) -> Launch:
    """The launch of a recorded service; lays out the folder of its entry script.

    Args:
        workspace: where everything is.
        service: as it will be recorded.
        deployable: what it is made of.
        generation: the launch's number.
        port: where the service is to answer; None to have one chosen.
        record: what the registry is to say while this launch serves.

    Raises:
        ConfigError: when a folder cannot be written.
        NotFoundError: when something is not stored any more.
    """
    config, script = deployable.config, deployable.script
    directory = workspace.services.directory(service.name)
    keys_file = workspace.services.access_file(service)
    processes: list[ProcessPlan] = []
    if deployable.repositories:
        own_keys = keys_file if script is None else None
        command = engine_command(
            service.name, model_repositories=deployable.repositories, keys_file=own_keys, exit_timeout_s=EXIT_TIMEOUT_S
        )
        processes.append(ProcessPlan("engine", command, needs_key=own_keys is not None))
    if script is not None:
        assert deployable.source is not None
        app = lay_out(
            workspace, directory, generation, script=script, source=deployable.source, models=deployable.models
        )
        processes.append(
            ProcessPlan(
                "workers",
                host_command(deployable.python, config=config, keys_file=keys_file, exit_timeout_s=EXIT_TIMEOUT_S),
                environment=_variables(service.name, app, script, config),
                cwd=str(app.root),
            )
        )
    probe, limits = config.liveness_probe_requirements, config.container_resource_requirements
    has_delay = "initial_delay_seconds" in probe.model_fields_set
    cpu, memory_gb = limits.cpu_limit or limits.cpu, limits.memory_in_gb_limit or limits.memory_in_gb
    return Launch(
        name=service.name,
        processes=tuple(processes),
        generation=generation,
        port=port,
        keys_file=str(keys_file) if keys_file is not None else None,
        scoring_path=SCORING_PATH if script is not None else "",
        cores=math.ceil(cpu) if cpu is not None else None,
        max_memory_bytes=int(memory_gb * (1 << 30)) if memory_gb is not None else None,
        start_timeout_s=probe.initial_delay_seconds if has_delay else START_TIMEOUT_S,
        health=HealthPolicy(probe.period_seconds, probe.timeout_seconds, probe.failure_threshold),
        record=record,
    )


def engine_command(
    name: str, *, model_repositories: Sequence[Path], keys_file: Path | None, exit_timeout_s: int
) -> tuple[str, ...]:
    """The command line of the engine that serves model repositories on this machine.

    Args:
        name: the server's id, as its metadata tells it.
        model_repositories: folders of model folders.
        keys_file: the keys or the token secret that requests need; None for none.
        exit_timeout_s: how long it may drain.
    """
    command = [sys.executable, "-m", "naiad", "serve"]
    for repository in model_repositories:
        command += ["--model-repository", str(repository)]
    command += ["--id", name, "--http-address", HTTP_ADDRESS, "--allow-metrics=true"]
    command += ["--exit-timeout-secs", str(exit_timeout_s)]
    return (*command, *(("--auth-keys", str(keys_file)) if keys_file is not None else ()))


def host_command(python: Path, *, config: LocalConfig, keys_file: Path | None, exit_timeout_s: int) -> tuple[str, ...]:
    """The command line of an entry script's host.

    Args:
        python: the interpreter of the script's environment.
        config: how the service is deployed.
        keys_file: the keys or the token secret that requests need; None for none.
        exit_timeout_s: how long it may drain.
    """
    # -P: what lies in the working directory is the script's, not the host's.
    command = [str(python), "-P", "-m", "naiad.scoring", "--graceful-timeout", str(exit_timeout_s)]
    options = {
        "--auth-keys": keys_file,
        "--max-concurrent-requests": config.max_concurrent_requests_per_container,
        "--max-queue-wait-ms": config.max_queue_wait_ms,
        "--router-codes": "true" if config.router_codes else None,
    }
    for option, value in options.items():
        command += [option, str(value)] if value is not None else []
    return tuple(command)


def _variables(name: str, app: AppFolder, script: ServiceScript, config: LocalConfig) -> dict[str, str]:
    """The environment of an entry script (azure-ml.md §4.1): its own variables, and what only the service knows."""
    timeout_ms = config.scoring_timeout_ms or (_ROUTER_SCORING_TIMEOUT_MS if config.router_codes else None)
    return {
        **script.environment.environment_variables,
        **({"SCORING_TIMEOUT_MS": str(timeout_ms)} if timeout_ms is not None else {}),
        **config.environment_variables,
        "AML_APP_ROOT": str(app.root),
        "AZUREML_ENTRY_SCRIPT": script.path,
        "AZUREML_MODEL_DIR": str(app.model_dir),
        "SERVICE_NAME": name,
        **({"AZUREML_SOURCE_DIRECTORY": script.folder} if script.folder is not None else {}),
    }
