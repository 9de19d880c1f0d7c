"""`azureml.core.webservice.AksWebservice`: how a service on a cluster is deployed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from naiad.azureml.core.webservice.webservice import Webservice
from naiad.azureml.exceptions import WebserviceException
from naiad.azureml.printing import accept_unused
from naiad.errors import ConfigError
from naiad.targets.deployment_config import DeploymentConfig


class AksWebservice(Webservice):
    """A service that was deployed with a cluster's configuration (azure-ml.md §2.8)."""

    @staticmethod
    def deploy_configuration(
        autoscale_enabled: bool | None = None,
        autoscale_min_replicas: int | None = None,
        autoscale_max_replicas: int | None = None,
        autoscale_refresh_seconds: int | None = None,
        autoscale_target_utilization: int | None = None,
        collect_model_data: bool | None = None,
        auth_enabled: bool | None = None,
        cpu_cores: float | None = None,
        memory_gb: float | None = None,
        enable_app_insights: bool | None = None,
        scoring_timeout_ms: int | None = None,
        replica_max_concurrent_requests: int | None = None,
        max_request_wait_time: int | None = None,
        num_replicas: int | None = None,
        primary_key: str | None = None,
        secondary_key: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        gpu_cores: int | None = None,
        period_seconds: int | None = None,
        initial_delay_seconds: int | None = None,
        timeout_seconds: int | None = None,
        success_threshold: int | None = None,
        failure_threshold: int | None = None,
        namespace: str | None = None,
        token_auth_enabled: bool | None = None,
        compute_target_name: str | None = None,
        cpu_cores_limit: float | None = None,
        memory_gb_limit: float | None = None,
        blobfuse_enabled: bool | None = None,
    ) -> DeploymentConfig:
        """How to deploy on a cluster; on compute target `local` what can apply there does.

        Args:
            autoscale_enabled: whether replicas follow load, with the five values after it.
            collect_model_data: whether requests and responses are kept.
            auth_enabled: whether requests need a key; they do when left out.
            cpu_cores: processors of a replica.
            memory_gb: its memory.
            enable_app_insights: accepted.
            scoring_timeout_ms: how long a request may take; a minute when left out.
            replica_max_concurrent_requests: requests that a replica works on at a time.
            max_request_wait_time: milliseconds that a request may wait for its turn.
            num_replicas: replicas, when they do not follow load.
            primary_key: the first key; a random one when left out, as the secondary_key.
            tags: of the service, as properties and description.
            gpu_cores: GPUs of a replica.
            period_seconds: between two questions for the service's health, with the four values after it.
            namespace: of the cluster.
            token_auth_enabled: whether requests need an access token.
            compute_target_name: where it runs.
            cpu_cores_limit: processors that a replica may use at most.
            memory_gb_limit: memory that it may use at most.
            blobfuse_enabled: accepted and not used.

        Raises:
            WebserviceException: when values cannot be used; each has a line.
        """
        accept_unused("AksWebservice.deploy_configuration()", blobfuse_enabled=blobfuse_enabled)
        return configuration(
            {
                "computeType": "aks",
                "autoScaler": {
                    "autoscaleEnabled": autoscale_enabled,
                    "minReplicas": autoscale_min_replicas,
                    "maxReplicas": autoscale_max_replicas,
                    "refreshPeriodInSeconds": autoscale_refresh_seconds,
                    "targetUtilization": autoscale_target_utilization,
                },
                "dataCollection": {"storageEnabled": collect_model_data},
                "authEnabled": auth_enabled,
                "tokenAuthEnabled": token_auth_enabled,
                "containerResourceRequirements": {
                    "cpu": cpu_cores,
                    "memoryInGB": memory_gb,
                    "cpuLimit": cpu_cores_limit,
                    "memoryInGBLimit": memory_gb_limit,
                },
                "appInsightsEnabled": enable_app_insights,
                "scoringTimeoutMs": scoring_timeout_ms,
                "maxConcurrentRequestsPerContainer": replica_max_concurrent_requests,
                "maxQueueWaitMs": max_request_wait_time,
                "numReplicas": num_replicas,
                "keys": {"primaryKey": primary_key, "secondaryKey": secondary_key},
                "tags": tags,
                "properties": properties,
                "description": description,
                "gpuCores": gpu_cores,
                "livenessProbeRequirements": {
                    "periodSeconds": period_seconds,
                    "initialDelaySeconds": initial_delay_seconds,
                    "timeoutSeconds": timeout_seconds,
                    "successThreshold": success_threshold,
                    "failureThreshold": failure_threshold,
                },
                "namespace": namespace,
                "computeTargetName": compute_target_name,
            }
        )


def configuration(values: Mapping[str, Any]) -> DeploymentConfig:
    """A deployment configuration from a file's keys, of which None are left out.

    Raises:
        WebserviceException: when values cannot be used; each has a line.
    """
    given = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            value = {name: inner for name, inner in value.items() if inner is not None}
        if value not in (None, {}):
            given[key] = value
    try:
        return DeploymentConfig.from_dict(given, source="Invalid configuration")
    except ConfigError as error:
        faults = error.message.replace("Invalid configuration: ", "Invalid configuration, ")
        raise WebserviceException(faults, error) from error
