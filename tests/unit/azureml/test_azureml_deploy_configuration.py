from __future__ import annotations

import inspect
from typing import Any

import pytest

from naiad.azureml.core.webservice import AciWebservice, AksWebservice, LocalWebservice
from naiad.azureml.exceptions import WebserviceException
from naiad.targets.deployment_config import AciConfig, AksConfig


def test_the_seeds_configuration() -> None:
    config = AksWebservice.deploy_configuration(
        compute_target_name="aks-gpu", gpu_cores=1, cpu_cores=1, memory_gb=4, auth_enabled=True
    )
    assert isinstance(config, AksConfig)
    assert (config.compute_target_name, config.gpu_cores, config.requires_key) == ("aks-gpu", 1, True)
    resources = config.container_resource_requirements
    assert (resources.cpu, resources.memory_in_gb) == (1, 4)


def test_every_value_has_its_place() -> None:
    values: dict[str, Any] = {
        "autoscale_min_replicas": 2,
        "autoscale_max_replicas": 3,
        "autoscale_refresh_seconds": 4,
        "autoscale_target_utilization": 5,
        "collect_model_data": True,
        "cpu_cores": 0.5,
        "memory_gb": 6,
        "enable_app_insights": True,
        "scoring_timeout_ms": 7,
        "replica_max_concurrent_requests": 8,
        "max_request_wait_time": 9,
        "num_replicas": 10,
        "primary_key": "the-first-key",
        "secondary_key": "the-second-key",
        "tags": {"a": "b"},
        "properties": {"c": "d"},
        "description": "of words",
        "gpu_cores": 11,
        "period_seconds": 12,
        "initial_delay_seconds": 13,
        "timeout_seconds": 14,
        "success_threshold": 15,
        "failure_threshold": 16,
        "namespace": "qa",
        "compute_target_name": "local",
        "cpu_cores_limit": 17,
        "memory_gb_limit": 18,
        "blobfuse_enabled": True,
    }
    rest: dict[str, Any] = {"autoscale_enabled": None, "auth_enabled": True, "token_auth_enabled": None}
    assert {*values, *rest} == set(inspect.signature(AksWebservice.deploy_configuration).parameters)
    config = AksWebservice.deploy_configuration(**values, **rest)
    assert config.model_dump(by_alias=True, exclude_unset=True) == {
        "computeType": "aks",
        "autoScaler": {"minReplicas": 2, "maxReplicas": 3, "refreshPeriodInSeconds": 4, "targetUtilization": 5},
        "dataCollection": {"storageEnabled": True},
        "authEnabled": True,
        "containerResourceRequirements": {"cpu": 0.5, "memoryInGB": 6, "cpuLimit": 17, "memoryInGBLimit": 18},
        "appInsightsEnabled": True,
        "scoringTimeoutMs": 7,
        "maxConcurrentRequestsPerContainer": 8,
        "maxQueueWaitMs": 9,
        "numReplicas": 10,
        "keys": {"primaryKey": "the-first-key", "secondaryKey": "the-second-key"},
        "tags": {"a": "b"},
        "properties": {"c": "d"},
        "description": "of words",
        "gpuCores": 11,
        "livenessProbeRequirements": {
            "periodSeconds": 12,
            "initialDelaySeconds": 13,
            "timeoutSeconds": 14,
            "successThreshold": 15,
            "failureThreshold": 16,
        },
        "namespace": "qa",
        "computeTargetName": "local",
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"auth_enabled": True, "token_auth_enabled": True}, "authEnabled and tokenAuthEnabled cannot both be true"),
        ({"autoscale_enabled": False}, "autoscale is disabled and numReplicas is not given"),
        ({"cpu_cores": 0}, "containerResourceRequirements.cpu: Input should be greater than 0, got 0"),
        ({"namespace": "No Name"}, "namespace: String should match pattern"),
    ],
)
def test_values_that_cannot_be_meant(values: dict[str, Any], message: str) -> None:
    with pytest.raises(WebserviceException) as caught:
        AksWebservice.deploy_configuration(**values)
    assert caught.value.message.startswith(f"Invalid configuration, {message}")


def test_all_faults_are_told_each_on_a_line() -> None:
    with pytest.raises(WebserviceException) as caught:
        AksWebservice.deploy_configuration(cpu_cores=-1, scoring_timeout_ms=0)
    assert [line.partition(":")[0] for line in caught.value.message.splitlines()] == [
        "Invalid configuration, containerResourceRequirements.cpu",
        "Invalid configuration, scoringTimeoutMs",
    ]


def test_a_containers_configuration() -> None:
    config = AciWebservice.deploy_configuration(
        cpu_cores=1, memory_gb=1, auth_enabled=True, vnet_name="v", tags={"a": "b"}
    )
    assert isinstance(config, AciConfig)
    assert (config.requires_key, config.tags) == (True, {"a": "b"})
    local, ignored = config.on_target("local")
    assert (local.requires_key, local.tags, ignored) == (True, {"a": "b"}, ())
    with pytest.raises(WebserviceException, match="sslEnabled: Input should be a valid boolean"):
        AciWebservice.deploy_configuration(ssl_enabled="yes")  # type: ignore[arg-type]


def test_this_machines_configuration_takes_their_values_too() -> None:
    config = LocalWebservice.deploy_configuration(6789, auth_enabled=True, scoring_timeout_ms=5)
    assert config.model_dump(by_alias=True, exclude_unset=True) == {
        "computeType": "local",
        "port": 6789,
        "authEnabled": True,
        "scoringTimeoutMs": 5,
    }
    with pytest.raises(TypeError, match="has no speed"):
        LocalWebservice.deploy_configuration(speed=1)  # type: ignore[call-arg]
