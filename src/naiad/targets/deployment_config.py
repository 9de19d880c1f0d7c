"""The deployment configuration file (`--dc`): Azure ML's keys, read strictly, answered readably.

Names, types, defaults and limits: azure-ml.md §2.8, §3.3. One class a `computeType`; a key of another type, a key that
nobody knows and a value of the wrong type are errors that name the file and the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self, TypedDict, Unpack

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from naiad.errors import ConfigError, UnsupportedError
from naiad.targets.config_file import faults, read_mapping

LOCAL_TARGET = "local"
"""The name of the compute target that is this machine."""


class _Section(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True, populate_by_name=True)


class Keys(_Section):
    """The service's keys, given instead of generated."""

    primary_key: str | None = Field(default=None, min_length=1, repr=False)
    secondary_key: str | None = Field(default=None, min_length=1, repr=False)


class ContainerResourceRequirements(_Section):
    """What one replica asks for and may use; cores and GB."""

    cpu: float | None = Field(default=None, gt=0)
    memory_in_gb: float | None = Field(default=None, gt=0, alias="memoryInGB")
    cpu_limit: float | None = Field(default=None, gt=0)
    memory_in_gb_limit: float | None = Field(default=None, gt=0, alias="memoryInGBLimit")


class AutoScaler(_Section):
    """How replicas follow load."""

    autoscale_enabled: bool | None = None
    min_replicas: int = Field(default=1, gt=0)
    max_replicas: int = Field(default=10, gt=0)
    refresh_period_in_seconds: int = Field(default=1, gt=0)
    target_utilization: int = Field(default=70, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("minReplicas must not be greater than maxReplicas")
        return self


class DataCollection(_Section):
    """Whether requests and responses are kept."""

    storage_enabled: bool = False


class LivenessProbeRequirements(_Section):
    """When a service that does not answer is restarted; seconds and counts."""

    period_seconds: int = Field(default=10, gt=0)
    initial_delay_seconds: int = Field(default=310, gt=0)
    timeout_seconds: int = Field(default=2, gt=0)
    success_threshold: int = Field(default=1, gt=0)
    failure_threshold: int = Field(default=3, gt=0)


class DeploymentConfig(_Section):
    """What every `computeType` has; `from_file` and `local` make the class of the right one."""

    compute_type: str
    auth_enabled: bool | None = None
    keys: Keys = Keys()
    description: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    properties: dict[str, str] = Field(default_factory=dict)

    @property
    def requires_key(self) -> bool:
        """Whether requests need a key: as given, else on for aks and wherever a key is given (azure-ml.md §3.3)."""
        if self.auth_enabled is not None:
            return self.auth_enabled
        return self.keys != Keys() and not self.requires_token

    @property
    def requires_token(self) -> bool:
        """Whether requests need an access token."""
        return False

    @model_validator(mode="after")
    def _keys_need_authentication(self) -> Self:
        if self.auth_enabled and self.requires_token:
            raise ValueError("authEnabled and tokenAuthEnabled cannot both be true")
        if self.auth_enabled is False and self.keys != Keys():
            raise ValueError("keys are given while authEnabled is false")
        return self

    @staticmethod
    def from_file(path: Path) -> DeploymentConfig:
        """Read a JSON or YAML file.

        Raises:
            ConfigError: when the file cannot be read or parsed, or a key or value in it is not valid; the message
                holds one line for each fault.
        """
        return DeploymentConfig.from_dict(read_mapping(path), source=path.name)

    @staticmethod
    def from_dict(values: Mapping[str, Any], *, source: str) -> DeploymentConfig:
        """Check values that are already parsed.

        Args:
            values: camelCase keys of azure-ml.md §3.3; `computeType` is case-insensitive.
            source: how error messages name where the values come from.

        Raises:
            ConfigError: as for `from_file`.
        """
        given = values.get("computeType")
        if given is None:
            raise ConfigError(
                f"{source}: computeType is missing; it must be one of {', '.join(_CLASSES)}",
                hint='a service on this machine: {"computeType": "local"}',
            )
        kind = _CLASSES.get(given.lower()) if isinstance(given, str) else None
        if kind is None:
            raise ConfigError(f"{source}: computeType {given!r} is unknown; it must be one of {', '.join(_CLASSES)}")
        try:
            return kind.model_validate({**values, "computeType": given.lower()})
        except ValidationError as error:
            raise ConfigError("\n".join(f"{source}: {line}" for line in faults(error, kind))) from None

    @staticmethod
    def local(**values: Unpack[LocalValues]) -> LocalConfig:
        """A configuration for this machine; what is left out has its default (see `LocalConfig`).

        Raises:
            ConfigError: when a value is not valid.
        """
        return LocalConfig(compute_type="local").replace(**values)

    def on_target(self, compute_target: str | None) -> tuple[LocalConfig, tuple[str, ...]]:
        """This configuration for the named compute target.

        Args:
            compute_target: what `--compute-target` says; the file's own `computeTargetName` wins over it
                (azure-ml.md §2.4), None leaves it to the file.

        Returns:
            The local configuration, and the keys that were given and cannot apply on this machine.

        Raises:
            UnsupportedError: when the target is not this machine, or the file asks for protection that it lacks.
        """
        target = getattr(self, "compute_target_name", None) or compute_target
        if target is None and self.compute_type != LOCAL_TARGET:
            raise UnsupportedError(
                f"A deployment of computeType {self.compute_type} needs a compute target; available: {LOCAL_TARGET}",
                hint=f"--compute-target {LOCAL_TARGET} runs the service on this machine with the same file",
            )
        if target is not None and target != LOCAL_TARGET:
            raise UnsupportedError(
                f"Compute target {target!r} does not exist; available: {LOCAL_TARGET}",
                hint=f"--compute-target {LOCAL_TARGET} runs the service on this machine",
            )
        if getattr(self, "ssl_enabled", False):
            raise UnsupportedError(
                f"sslEnabled is not available on compute target {LOCAL_TARGET}: it listens on this machine only",
                hint='use "authEnabled": true',
            )
        given = self.model_dump(by_alias=True, exclude_unset=True)
        common = {field.alias for field in LocalConfig.model_fields.values()}
        values = {key: value for key, value in given.items() if key in common}
        values["computeType"] = LOCAL_TARGET
        if self.requires_token:
            values["tokenAuthEnabled"] = True
        elif self.requires_key:
            values["authEnabled"] = True
        if isinstance(self, ClusterConfig):
            values["routerCodes"] = True
        config = _local(values, source="the deployment configuration")
        # What `false` and a target's own name would switch on is not there anyway: nothing to report.
        silent = common | {"computeTargetName", "aadAuthEnabled", "sslEnabled"}
        return config, tuple(key for key in given if key not in silent)


class ServiceValues(TypedDict, total=False):
    """What can be said of a service, by Azure ML's names of `AksWebservice.deploy_configuration` (azure-ml.md §2.8).

    None and what is left out say nothing.
    """

    auth_enabled: bool | None
    token_auth_enabled: bool | None
    primary_key: str | None
    secondary_key: str | None
    cpu_cores: float | None
    memory_gb: float | None
    cpu_cores_limit: float | None
    memory_gb_limit: float | None
    scoring_timeout_ms: int | None
    replica_max_concurrent_requests: int | None
    max_request_wait_time: int | None
    period_seconds: int | None
    initial_delay_seconds: int | None
    timeout_seconds: int | None
    failure_threshold: int | None
    environment_variables: Mapping[str, str] | None


class LocalValues(ServiceValues, total=False):
    """What can be said of a service on this machine."""

    port: int | None


_PATHS: Final = {
    "port": ("port",),
    "auth_enabled": ("authEnabled",),
    "token_auth_enabled": ("tokenAuthEnabled",),
    "primary_key": ("keys", "primaryKey"),
    "secondary_key": ("keys", "secondaryKey"),
    "cpu_cores": ("containerResourceRequirements", "cpu"),
    "memory_gb": ("containerResourceRequirements", "memoryInGB"),
    "cpu_cores_limit": ("containerResourceRequirements", "cpuLimit"),
    "memory_gb_limit": ("containerResourceRequirements", "memoryInGBLimit"),
    "scoring_timeout_ms": ("scoringTimeoutMs",),
    "replica_max_concurrent_requests": ("maxConcurrentRequestsPerContainer",),
    "max_request_wait_time": ("maxQueueWaitMs",),
    "period_seconds": ("livenessProbeRequirements", "periodSeconds"),
    "initial_delay_seconds": ("livenessProbeRequirements", "initialDelaySeconds"),
    "timeout_seconds": ("livenessProbeRequirements", "timeoutSeconds"),
    "failure_threshold": ("livenessProbeRequirements", "failureThreshold"),
    "environment_variables": ("environmentVariables",),
}
"""Where each of `LocalValues` stands in a configuration file."""


class LocalConfig(DeploymentConfig):
    """A service on this machine. Azure's local type has only `port`; the rest is as in its other types, or ours.

    Attributes:
        port: TCP port of the service; None takes any free one.
        token_auth_enabled: whether requests need an access token instead of a key.
        container_resource_requirements: processors that each process may use, and memory that all may use together.
        scoring_timeout_ms: how long the entry script may take for a request.
        max_concurrent_requests_per_container: requests that are in the entry script at a time; None for one a worker.
        max_queue_wait_ms: how long a request may wait for its turn.
        environment_variables: for the entry script, over those of its environment.
        router_codes: whether failures have the status codes of Azure ML's router (azure-ml.md §5.4).
    """

    compute_type: Literal["local"]
    port: int | None = Field(default=None, ge=1, le=65535)
    token_auth_enabled: bool = False
    container_resource_requirements: ContainerResourceRequirements = ContainerResourceRequirements()
    liveness_probe_requirements: LivenessProbeRequirements = LivenessProbeRequirements()
    scoring_timeout_ms: int | None = Field(default=None, gt=0)
    max_concurrent_requests_per_container: int | None = Field(default=None, gt=0)
    max_queue_wait_ms: int | None = Field(default=None, gt=0)
    environment_variables: dict[str, str] = Field(default_factory=dict)
    router_codes: bool = False

    @property
    def requires_token(self) -> bool:
        """Whether requests need an access token."""
        return self.token_auth_enabled

    @property
    def changes(self) -> dict[str, Any]:
        """The keys that are given, for `merged`."""
        given = self.model_dump(by_alias=True, exclude_unset=True)
        return {key: value for key, value in given.items() if key != "computeType"}

    def replace(self, **values: Unpack[LocalValues]) -> LocalConfig:
        """A copy with what is given in place of what was; see `local`.

        Raises:
            ConfigError: when a value is not valid.
            TypeError: when there is no value of that name.
        """
        if unknown := [name for name in values if name not in _PATHS]:
            raise TypeError(f"a deployment configuration has no {', '.join(unknown)}")
        given: dict[str, Any] = {}
        for name, value in values.items():
            if value is not None:
                *sections, key = _PATHS[name]
                place = given
                for section in sections:
                    place = place.setdefault(section, {})
                place[key] = value
        return self.merged(given)

    def merged(self, changes: Mapping[str, Any]) -> LocalConfig:
        """A copy with some keys of a configuration file in place of what was; a section's other keys stay.

        Switching to keys switches tokens off, and the other way round.

        Raises:
            ConfigError: when a value is not valid.
        """
        values = self.model_dump(by_alias=True, exclude_unset=True)
        if changes.get("authEnabled"):
            values.pop("tokenAuthEnabled", None)
        if changes.get("tokenAuthEnabled"):
            values.pop("authEnabled", None)
        for key, value in changes.items():
            present = values.get(key)
            values[key] = {**present, **value} if isinstance(present, dict) and isinstance(value, dict) else value
        return _local(values, source="the deployment configuration")


class AciConfig(DeploymentConfig):
    """A single container."""

    compute_type: Literal["aci"]
    container_resource_requirements: ContainerResourceRequirements = ContainerResourceRequirements()
    location: str | None = None
    ssl_enabled: bool = False
    app_insights_enabled: bool = False
    ssl_certificate: str | None = None
    ssl_key: str | None = None
    cname: str | None = None
    dns_name_label: str | None = None
    vault_base_url: str | None = None
    key_name: str | None = None
    key_version: str | None = None
    vnet_name: str | None = None
    subnet_name: str | None = None


class ClusterConfig(DeploymentConfig):
    """Replicas on a cluster: what `aks` and `aksendpoint` share."""

    auto_scaler: AutoScaler = AutoScaler()
    data_collection: DataCollection = DataCollection()
    token_auth_enabled: bool = False
    aad_auth_enabled: bool = False
    container_resource_requirements: ContainerResourceRequirements = ContainerResourceRequirements()
    app_insights_enabled: bool = False
    scoring_timeout_ms: int = Field(default=60000, gt=0)
    max_concurrent_requests_per_container: int | None = Field(default=None, gt=0)
    max_queue_wait_ms: int = Field(default=500, gt=0)
    num_replicas: int | None = Field(default=None, gt=0)
    gpu_cores: int | None = Field(default=None, ge=0)
    liveness_probe_requirements: LivenessProbeRequirements = LivenessProbeRequirements()
    namespace: str | None = Field(default=None, pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    compute_target_name: str | None = None

    @property
    def requires_key(self) -> bool:
        """On unless switched off or replaced by tokens."""
        return not self.requires_token if self.auth_enabled is None else self.auth_enabled

    @property
    def requires_token(self) -> bool:
        """Whether requests need an access token; `aadAuthEnabled` is the REST name (azure-ml.md §3.3)."""
        return self.token_auth_enabled or self.aad_auth_enabled

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.auto_scaler.autoscale_enabled and self.num_replicas is not None:
            raise ValueError("autoscale is enabled and numReplicas is given: only one of them decides")
        if self.auto_scaler.autoscale_enabled is False and self.num_replicas is None:
            raise ValueError("autoscale is disabled and numReplicas is not given")
        return self


class AksConfig(ClusterConfig):
    """One service on a cluster."""

    compute_type: Literal["aks"]


class AksEndpointConfig(ClusterConfig):
    """One version behind a traffic split."""

    compute_type: Literal["aksendpoint"]
    version_name: str | None = None
    traffic_percentile: int | None = Field(default=None, ge=0, le=100)


_CLASSES: dict[str, type[DeploymentConfig]] = {
    "local": LocalConfig,
    "aci": AciConfig,
    "aks": AksConfig,
    "aksendpoint": AksEndpointConfig,
}


def _local(values: dict[str, Any], *, source: str) -> LocalConfig:
    config = DeploymentConfig.from_dict(values, source=source)
    assert isinstance(config, LocalConfig)
    return config
