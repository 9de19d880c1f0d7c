"""What the supervisor is to run: `launch.json`, written by a deployment, read by the supervisor."""

from __future__ import annotations

import dataclasses
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from naiad.errors import ConfigError
from naiad.targets.service_state import write_private

LAUNCH_NAME: Final = "launch.json"
HTTP_ADDRESS: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """When an engine that runs and does not answer is replaced (azure-ml.md §3.3, livenessProbeRequirements).

    Attributes:
        period_s: seconds between two questions.
        timeout_s: how long an answer may take.
        failure_threshold: questions in a row without any answer, after which the engine is killed.
    """

    period_s: float = 10
    timeout_s: float = 2
    failure_threshold: int = 3


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When an engine that died is started again.

    Attributes:
        first_delay_s: wait before the first restart; doubled for each further one.
        max_delay_s: the longest wait.
        stable_s: an engine that was ready this long was well: its death counts as the first.
        max_failures: deaths in a row, none of them after `stable_s`, after which the service has failed.
    """

    first_delay_s: float = 0.25
    max_delay_s: float = 30
    stable_s: float = 60
    max_failures: int = 6

    def delay_s(self, failures: int) -> float:
        """How long to wait after this many deaths in a row."""
        return min(self.max_delay_s, self.first_delay_s * 2.0 ** (failures - 1))


@dataclass(frozen=True, slots=True)
class Launch:
    """One engine process, however often it is started.

    Attributes:
        name: the service's.
        command: the engine's command line, without ports and ready file, which the supervisor adds.
        port: where the service must answer; None lets the first engine choose.
        keys_file: the file of the keys that requests need; None when they need none.
        exit_timeout_s: how long the engine may drain.
        start_timeout_s: how long it may take to become ready.
        health: when an engine that hangs is replaced.
        restart: when an engine that died is started again.
    """

    name: str
    command: tuple[str, ...]
    port: int | None = None
    keys_file: str | None = None
    exit_timeout_s: int = 30
    start_timeout_s: float = 600
    health: HealthPolicy = HealthPolicy()
    restart: RestartPolicy = RestartPolicy()

    def write(self, directory: Path) -> None:
        """Write `launch.json`, readable for its owner only."""
        write_private(directory / LAUNCH_NAME, dataclasses.asdict(self))

    @classmethod
    def read(cls, directory: Path) -> Launch:
        """The launch that `write` wrote.

        Raises:
            ConfigError: when there is none or it is damaged.
        """
        path = directory / LAUNCH_NAME
        try:
            values = json.loads(path.read_bytes())
            nested = {"health": HealthPolicy(**values["health"]), "restart": RestartPolicy(**values["restart"])}
            return cls(**{**values, **nested, "command": tuple(values["command"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"{path} cannot be read: {error}") from None


def engine_command(
    name: str, *, model_repository: Path, keys_file: Path | None, exit_timeout_s: int
) -> tuple[str, ...]:
    """The command line of the engine that serves a model repository on this machine.

    Args:
        name: the server's id, as its metadata tells it.
        model_repository: the folder of model folders.
        keys_file: the keys that requests need; None for none.
        exit_timeout_s: how long it may drain.
    """
    command = [sys.executable, "-m", "naiad", "serve", "--model-repository", str(model_repository)]
    command += ["--id", name, "--http-address", HTTP_ADDRESS, "--allow-metrics=true"]
    command += ["--exit-timeout-secs", str(exit_timeout_s)]
    return (*command, *(("--auth-keys", str(keys_file)) if keys_file is not None else ()))
