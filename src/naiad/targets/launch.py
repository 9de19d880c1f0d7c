"""What the supervisor is to run: `launch.json`, written by a deployment, read by the supervisor.

An update writes its launch as `update.json`; the supervisor renames it when the new processes have taken over, so that
`launch.json` always describes what serves.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from naiad.errors import ConfigError
from naiad.targets.service_state import write_private

LAUNCH_NAME: Final = "launch.json"
UPDATE_NAME: Final = "update.json"
HTTP_ADDRESS: Final = "127.0.0.1"
EXIT_TIMEOUT_S: Final = 30
START_TIMEOUT_S: Final = 600

Role = Literal["engine", "workers"]
"""The inference server, or the host of an entry script with its workers."""

TITLES: Final[Mapping[str, str]] = {"engine": "engine", "workers": "entry-script host"}
"""What messages call the processes of a service."""


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """When a process that runs and does not answer is replaced (azure-ml.md §3.3, livenessProbeRequirements).

    Attributes:
        period_s: seconds between two questions.
        timeout_s: how long an answer may take.
        failure_threshold: questions in a row without any answer, after which the process is killed.
    """

    period_s: float = 10
    timeout_s: float = 2
    failure_threshold: int = 3


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a process that died is started again.

    Attributes:
        first_delay_s: wait before the first restart; doubled for each further one.
        max_delay_s: the longest wait.
        stable_s: a process that was ready this long was well: its death counts as the first.
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
class ProcessPlan:
    """One process, however often it is started.

    Attributes:
        role: what it is.
        command: its command line, without listening socket and ready file, which the supervisor adds.
        environment: variables that it gets beside the supervisor's own.
        cwd: its working directory.
        needs_key: whether its health route is behind the service's keys.
    """

    role: Role
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    needs_key: bool = False


@dataclass(frozen=True, slots=True)
class Launch:
    """One generation of a service's processes.

    Attributes:
        name: the service's.
        processes: in the order of their start, each when the one before is ready. The last one answers the service's
            port, the others ports of their own.
        generation: counts launches of the service; an update has a higher one than what it replaces.
        port: where the service must answer; None to have one chosen.
        keys_file: the file of the keys that requests need; None when they need none.
        scoring_path: what follows host and port in the scoring URI.
        cores: processors that each process may use; None for all.
        max_memory_bytes: of all processes together; None for no bound.
        exit_timeout_s: how long a process may drain.
        start_timeout_s: how long a process may take to become ready.
        health: when a process that hangs is replaced.
        restart: when a process that died is started again.
        record: what the registry is to say of the service while this generation serves.
    """

    name: str
    processes: tuple[ProcessPlan, ...]
    generation: int = 1
    port: int | None = None
    keys_file: str | None = None
    scoring_path: str = ""
    cores: int | None = None
    max_memory_bytes: int | None = None
    exit_timeout_s: int = EXIT_TIMEOUT_S
    start_timeout_s: float = START_TIMEOUT_S
    health: HealthPolicy = HealthPolicy()
    restart: RestartPolicy = RestartPolicy()
    record: Mapping[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the launch as JSON, readable for its owner only."""
        write_private(path, dataclasses.asdict(self))

    @classmethod
    def read(cls, path: Path) -> Launch:
        """The launch that `write` wrote.

        Raises:
            ConfigError: when there is none or it is damaged.
        """
        try:
            values = json.loads(path.read_bytes())
            plans = values["processes"]
            processes = tuple(ProcessPlan(**{**plan, "command": tuple(plan["command"])}) for plan in plans)
            nested = {"health": HealthPolicy(**values["health"]), "restart": RestartPolicy(**values["restart"])}
            return cls(**{**values, **nested, "processes": processes})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"{path} cannot be read: {error}") from None
