"""What the entry-script host is told: the settings of azmlinfsrv, and ours (azure-ml.md §4.1).

A field is a setting. Its flag has the field's name, `--worker-count` or `--worker_count`; its environment variable,
which is also its key in the configuration file, is Azure's where Azure has one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from naiad.config.setting import BOOLEAN, COUNT, PORT, POSITIVE, SECONDS, TEXT, Kind, choice

LEVEL: Final = choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a setting comes from.

    Attributes:
        variable: its environment variable, and its key in the configuration file.
        kind: of its value.
        default: its value when nobody gives it.
        help: what it does.
    """

    variable: str
    kind: Kind
    default: Any
    help: str


def _setting(variable: str, kind: Kind, default: Any, help: str) -> Any:
    return field(default=default, metadata={"source": Source(variable, kind, default, help)})


@dataclass(frozen=True, slots=True)
class ScoringSettings:
    """The value of every setting; what each is, says `SOURCES`."""

    entry_script: str | None = _setting(
        "AZUREML_ENTRY_SCRIPT", TEXT, None, "The script; as a variable relative to AML_APP_ROOT. Else its main.py."
    )
    model_dir: str | None = _setting("AZUREML_MODEL_DIR", TEXT, None, "The model folder, for the script to read.")
    app_root: str | None = _setting("AML_APP_ROOT", TEXT, None, "The folder that the script is part of.")
    source_directory: str | None = _setting(
        "AZUREML_SOURCE_DIRECTORY", TEXT, None, "A folder inside AML_APP_ROOT whose modules can be imported."
    )
    config_file: str | None = _setting(
        "AZUREML_CONFIG_FILE", TEXT, None, "JSON with settings by the names of their variables. Else a config.json."
    )
    host: str = _setting("NAIAD_SCORE_HOST", TEXT, "127.0.0.1", "The address to listen on; 0.0.0.0 for all.")
    port: int = _setting("NAIAD_SCORE_PORT", PORT, 5001, "The port to listen on; 0 for any that is free.")
    health_port: int = _setting("HEALTH_PORT", PORT, 5000, "A second port, with SEPERATE_HEALTH_ENDPOINT=true only.")
    seperate_health_endpoint: bool = _setting(
        "SEPERATE_HEALTH_ENDPOINT", BOOLEAN, False, "Listen on the health port, too."
    )
    fd: int | None = _setting("NAIAD_SCORE_FD", COUNT, None, "An inherited socket to listen on instead of a port.")
    ready_file: str | None = _setting(
        "NAIAD_SCORE_READY_FILE", TEXT, None, 'Written when every worker is ready: {"pid": …, "port": …}.'
    )
    worker_count: int = _setting("WORKER_COUNT", POSITIVE, 1, "How many processes run the script.")
    worker_timeout: int = _setting(
        "WORKER_TIMEOUT", COUNT, 300, "Seconds after which a worker that hangs is replaced; 0 for never."
    )
    worker_preload: bool = _setting(
        "WORKER_PRELOAD", BOOLEAN, False, "Load the script once, before the workers are forked from it."
    )
    scoring_timeout_ms: int = _setting(
        "SCORING_TIMEOUT_MS", COUNT, 3_600_000, "Milliseconds that run() may take; 0 for as long as it likes."
    )
    graceful_timeout: float = _setting(
        "NAIAD_SCORE_GRACEFUL_TIMEOUT", SECONDS, 30.0, "Seconds for accepted requests to be answered at the end."
    )
    access_control_allow_origins: str | None = _setting(
        "AML_CORS_ORIGINS", TEXT, None, "Origins that browsers may call from, separated by commas; * for all."
    )
    auth_keys: str | None = _setting(
        "NAIAD_SCORE_AUTH_KEYS", TEXT, None, "A file of keys, one of which every request but GET / must have."
    )
    max_concurrent_requests: int | None = _setting(
        "NAIAD_SCORE_MAX_CONCURRENT_REQUESTS", POSITIVE, None, "Requests, in all workers, that do not count as waiting."
    )
    max_queue_wait_ms: int | None = _setting(
        "NAIAD_SCORE_MAX_QUEUE_WAIT_MS", COUNT, None, "Milliseconds that a request may wait before it is refused: 503."
    )
    max_queued_requests: int = _setting(
        "NAIAD_SCORE_MAX_QUEUED_REQUESTS", POSITIVE, 10_000, "Requests that may wait; one more is refused: 429."
    )
    max_body_size: int = _setting(
        "NAIAD_SCORE_MAX_BODY_SIZE", POSITIVE, 100 << 20, "Bytes that a request's body may have."
    )
    max_header_size: int = _setting(
        "NAIAD_SCORE_MAX_HEADER_SIZE", POSITIVE, 1 << 14, "Bytes that a request's head may have."
    )
    max_connections: int = _setting(
        "NAIAD_SCORE_MAX_CONNECTIONS", POSITIVE, 10_000, "Connections that a worker may have open."
    )
    router_codes: bool = _setting(
        "NAIAD_SCORE_ROUTER_CODES",
        BOOLEAN,
        False,
        "Answer as Azure's router: 502 where run() failed, 504 where it is late.",
    )
    service_name: str = _setting("SERVICE_NAME", TEXT, "ML service", "The title of the swagger documents.")
    service_version: str = _setting("SERVICE_VERSION", TEXT, "1.0", "The version in the swagger documents.")
    service_path_prefix: str = _setting("SERVICE_PATH_PREFIX", TEXT, "", "The base path in the swagger documents.")
    workspace_name: str = _setting("WORKSPACE_NAME", TEXT, "", "Accepted for compatibility.")
    debug_port: int | None = _setting(
        "AZUREML_DEBUG_PORT", PORT, None, "Where a debugger waits for this process: debugpy must be installed."
    )
    log_level: str = _setting("AZUREML_LOG_LEVEL", LEVEL, "INFO", "What is logged.")
    server_version_log_response_enabled: bool = _setting(
        "SERVER_VERSION_LOG_RESPONSE_ENABLED", BOOLEAN, True, "Send the header x-ms-server-version."
    )
    appinsights_instrumentation_key: str | None = _setting(
        "AML_APP_INSIGHTS_KEY", TEXT, None, "Accepted for compatibility; nothing is sent anywhere."
    )

    @property
    def script_path(self) -> Path | None:
        """The script's place; None for the module `main` of the application's folder."""
        return None if self.entry_script is None else self.root / self.entry_script

    @property
    def root(self) -> Path:
        """The application's folder."""
        return Path(self.app_root or ".").absolute()

    @property
    def source_dirs(self) -> tuple[Path, ...]:
        """What the script may import from."""
        return (self.root,) if self.source_directory is None else (self.root, self.root / self.source_directory)

    @property
    def cors_origins(self) -> tuple[str, ...]:
        """The origins one by one."""
        given = (self.access_control_allow_origins or "").split(",")
        return tuple(origin.strip() for origin in given if origin.strip())

    def variables(self) -> dict[str, str]:
        """The environment in which the script finds what azmlinfsrv tells it."""
        told = {
            "AML_APP_ROOT": str(self.root),
            "AZUREML_ENTRY_SCRIPT": self.entry_script,
            "AZUREML_MODEL_DIR": self.model_dir,
            "WORKER_COUNT": str(self.worker_count),
            "AML_CORS_ORIGINS": self.access_control_allow_origins,
        }
        return {name: value for name, value in told.items() if value is not None}


SOURCES: Final[Mapping[str, Source]] = {one.name: one.metadata["source"] for one in dataclasses.fields(ScoringSettings)}
"""Every setting's source, by the field's name."""
