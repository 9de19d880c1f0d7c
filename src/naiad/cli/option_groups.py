"""Options that several commands have, as one value each: what a service is made of, and how it is deployed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from naiad.cli.common import parse_labels
from naiad.cli.report import note
from naiad.errors import UsageError

if TYPE_CHECKING:
    from naiad.targets.deployment_config import LocalConfig
    from naiad.targets.inference_file import InferenceOptions


@dataclass(frozen=True, slots=True)
class ScriptOptions:
    """Which entry script, and what it runs with; see `InferenceOptions`."""

    inference_config_file: Annotated[
        Path | None, typer.Option("--inference-config-file", "--ic", help="Inference configuration, JSON or YAML")
    ] = None
    environment_name: Annotated[
        str | None, typer.Option("--environment-name", "-e", help="Registered environment of the entry script")
    ] = None
    environment_version: Annotated[
        str | None, typer.Option("--environment-version", "--ev", help="Its version; the latest if left out")
    ] = None
    environment_directory: Annotated[
        Path | None, typer.Option("--environment-directory", "--ed", help="Folder with the definition of one")
    ] = None
    entry_script: Annotated[
        str | None, typer.Option("--entry-script", "--es", help="The entry script, relative to the source directory")
    ] = None
    source_directory: Annotated[
        Path | None, typer.Option("--source-directory", "--sd", help="Folder that goes along with the entry script")
    ] = None
    conda_file: Annotated[
        Path | None, typer.Option("--conda-file", "--cf", help="Conda file with the packages of the entry script")
    ] = None

    @property
    def names_an_environment_only(self) -> bool:
        """Whether nothing but a registered environment is given, for the entry script that there is."""
        only = ScriptOptions(environment_name=self.environment_name, environment_version=self.environment_version)
        return self.environment_name is not None and self == only

    def inference_options(self) -> InferenceOptions:
        """The same for the life cycle."""
        from naiad.targets.inference_file import InferenceOptions

        return InferenceOptions(
            file=self.inference_config_file,
            environment_name=self.environment_name,
            environment_version=self.environment_version,
            environment_directory=self.environment_directory,
            entry_script=self.entry_script,
            source_directory=self.source_directory,
            conda_file=self.conda_file,
        )


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """How a service is deployed (azure-ml.md §3.1); they win over the configuration file."""

    port: Annotated[
        int | None, typer.Option("--port", "--po", help="Port of the service; any free one if left out")
    ] = None
    auth_enabled: Annotated[
        str | None, typer.Option("--auth-enabled", "--ae", metavar="true|false", help="Whether requests need a key")
    ] = None
    token_auth_enabled: Annotated[
        str | None,
        typer.Option("--token-auth-enabled", metavar="true|false", help="Whether requests need an access token"),
    ] = None
    primary_key: Annotated[
        str | None, typer.Option("--primary-key", "--kp", help="First key; a random one if left out")
    ] = None
    secondary_key: Annotated[
        str | None, typer.Option("--secondary-key", "--ks", help="Second key; a random one if left out")
    ] = None
    cpu_cores: Annotated[
        float | None, typer.Option("--cpu-cores", "--cc", help="Processors that each process may use")
    ] = None
    memory_gb: Annotated[
        float | None, typer.Option("--memory-gb", "--gb", help="Memory that all processes may use together")
    ] = None
    scoring_timeout_ms: Annotated[
        int | None, typer.Option("--scoring-timeout-ms", "--tm", help="How long the entry script may take")
    ] = None
    max_request_wait_time: Annotated[
        int | None, typer.Option("--max-request-wait-time", "--mr", help="Milliseconds that a request may wait")
    ] = None
    replica_max_concurrent_requests: Annotated[
        int | None,
        typer.Option("--replica-max-concurrent-requests", "--rm", help="Requests in the entry script at a time"),
    ] = None
    period_seconds: Annotated[
        int | None, typer.Option("--period-seconds", "--ps", help="Seconds between two questions for health")
    ] = None
    initial_delay_seconds: Annotated[
        int | None, typer.Option("--initial-delay-seconds", "--id", help="How long a process may take to start")
    ] = None
    timeout_seconds: Annotated[
        int | None, typer.Option("--timeout-seconds", "--ts", help="How long an answer about health may take")
    ] = None
    failure_threshold: Annotated[
        int | None, typer.Option("--failure-threshold", "--ft", help="Questions without an answer before a restart")
    ] = None
    gpu_cores: Annotated[int | None, typer.Option("--gpu-cores", "--gc", hidden=True)] = None
    num_replicas: Annotated[int | None, typer.Option("--num-replicas", "--nr", hidden=True)] = None
    namespace: Annotated[str | None, typer.Option("--namespace", hidden=True)] = None
    enable_app_insights: Annotated[str | None, typer.Option("--enable-app-insights", "--ai", hidden=True)] = None
    collect_model_data: Annotated[str | None, typer.Option("--collect-model-data", "--md", hidden=True)] = None
    environment_variable: Annotated[
        list[str] | None,
        typer.Option("--environment-variable", metavar="NAME=VALUE", help="For the entry script; may be repeated"),
    ] = None

    def applied_to(self, config: LocalConfig) -> LocalConfig:
        """A configuration with what is given here over what it says.

        Raises:
            UsageError, ConfigError: when a value is not valid.
        """
        about_clusters = ("gpu_cores", "num_replicas", "namespace", "enable_app_insights", "collect_model_data")
        if given := [name for name in about_clusters if getattr(self, name) is not None]:
            note(f"Not applied on compute target local: {', '.join('--' + name.replace('_', '-') for name in given)}")
        variables = parse_labels(self.environment_variable, option="--environment-variable")
        return config.replace(
            port=self.port,
            auth_enabled=_truth(self.auth_enabled, "--auth-enabled"),
            token_auth_enabled=_truth(self.token_auth_enabled, "--token-auth-enabled"),
            primary_key=self.primary_key,
            secondary_key=self.secondary_key,
            cpu_cores=self.cpu_cores,
            memory_gb=self.memory_gb,
            scoring_timeout_ms=self.scoring_timeout_ms,
            max_request_wait_time=self.max_request_wait_time,
            replica_max_concurrent_requests=self.replica_max_concurrent_requests,
            period_seconds=self.period_seconds,
            initial_delay_seconds=self.initial_delay_seconds,
            timeout_seconds=self.timeout_seconds,
            failure_threshold=self.failure_threshold,
            environment_variables=variables or None,
        )


def grouped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take option groups: each parameter of such a type stands for the options in it."""
    signature = inspect.signature(function, eval_str=True)
    groups = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if parameter.annotation in (ScriptOptions, ServiceOptions)
    }
    options = {
        name: list(inspect.signature(group, eval_str=True).parameters.values()) for name, group in groups.items()
    }

    @functools.wraps(function)
    def call(**values: Any) -> Any:
        for name, group in groups.items():
            values[name] = group(**{option.name: values.pop(option.name) for option in options[name]})
        return function(**values)

    spread = [
        option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.parameters.items()
        for option in options.get(name, [parameter])
    ]
    call.__signature__ = signature.replace(parameters=spread)  # type: ignore[attr-defined]
    return call


def _truth(text: str | None, option: str) -> bool | None:
    if text is None:
        return None
    if text.lower() not in ("true", "false"):
        raise UsageError(f"{option} must be true or false, not '{text}'")
    return text.lower() == "true"
