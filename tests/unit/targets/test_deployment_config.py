from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.errors import ConfigError, UnsupportedError
from naiad.targets.deployment_config import (
    AciConfig,
    AksConfig,
    AksEndpointConfig,
    DeploymentConfig,
    LocalConfig,
)

SEED = {"computeType": "aks", "containerResourceRequirements": {"cpu": 1, "memoryInGB": 4}, "gpuCores": 1}


def read(folder: Path, text: str, *, name: str = "dc.json") -> DeploymentConfig:
    path = folder / name
    path.write_text(text)
    return DeploymentConfig.from_file(path)


def check(**values: Any) -> DeploymentConfig:
    return DeploymentConfig.from_dict(values, source="dc.json")


def test_the_seeds_file_runs_here_when_told_to(tmp_path: Path) -> None:
    config = read(tmp_path, json.dumps(SEED))
    assert isinstance(config, AksConfig)
    local, ignored = config.on_target("local")
    assert (local.port, local.requires_key) == (None, True)
    assert ignored == ("gpuCores",)
    assert (local.container_resource_requirements.cpu, local.container_resource_requirements.memory_in_gb) == (1, 4)
    assert local.router_codes


def test_the_seeds_file_needs_a_target(tmp_path: Path) -> None:
    config = read(tmp_path, json.dumps(SEED))
    with pytest.raises(UnsupportedError, match="computeType aks needs a compute target; available: local") as raised:
        config.on_target(None)
    assert raised.value.hint is not None
    assert "--compute-target local" in raised.value.hint
    with pytest.raises(UnsupportedError, match="Compute target 'aks-gpu' does not exist; available: local"):
        config.on_target("aks-gpu")


def test_the_files_own_target_wins() -> None:
    config = check(computeType="aks", computeTargetName="aks-gpu")
    with pytest.raises(UnsupportedError, match="'aks-gpu' does not exist"):
        config.on_target("local")
    local, ignored = check(computeType="aks", computeTargetName="local").on_target("aks-gpu")
    assert isinstance(local, LocalConfig)
    assert ignored == ()


@pytest.mark.parametrize(
    ("values", "requires_key"),
    [
        ({"computeType": "local"}, False),
        ({"computeType": "local", "authEnabled": True}, True),
        ({"computeType": "local", "keys": {"primaryKey": "one-key-of-ours"}}, True),
        ({"computeType": "aci"}, False),
        ({"computeType": "aks"}, True),
        ({"computeType": "aks", "authEnabled": False}, False),
        ({"computeType": "aksendpoint"}, True),
    ],
)
def test_whether_requests_need_a_key(values: dict[str, Any], requires_key: bool) -> None:
    assert check(**values).on_target("local")[0].requires_key is requires_key


@pytest.mark.parametrize("key", ["tokenAuthEnabled", "aadAuthEnabled"])
def test_tokens_take_the_place_of_keys(key: str) -> None:
    local, ignored = check(computeType="aks", **{key: True}).on_target("local")
    assert (local.requires_token, local.requires_key, ignored) == (True, False, ())
    local, ignored = check(computeType="aks", **{key: False}).on_target("local")
    assert (local.requires_token, local.requires_key, ignored) == (False, True, ())


def test_limits_of_requests_apply_here() -> None:
    limits = {"scoringTimeoutMs": 5, "maxConcurrentRequestsPerContainer": 6, "maxQueueWaitMs": 7}
    local, ignored = check(computeType="aks", **limits).on_target("local")
    assert (local.scoring_timeout_ms, local.max_concurrent_requests_per_container, local.max_queue_wait_ms) == (5, 6, 7)
    assert ignored == ()


def test_changes_are_merged_key_by_key() -> None:
    local = DeploymentConfig.local(cpu_cores=2, memory_gb=1, auth_enabled=True, environment_variables={"A": "1"})
    changed = local.merged({"containerResourceRequirements": {"cpu": 1}, "tokenAuthEnabled": True})
    assert changed.container_resource_requirements.memory_in_gb == 1
    assert changed.container_resource_requirements.cpu == 1
    assert (changed.requires_key, changed.requires_token) == (False, True)
    back = changed.merged({"authEnabled": True, "environmentVariables": {"B": "2"}})
    assert (back.requires_key, back.requires_token) == (True, False)
    assert back.environment_variables == {"A": "1", "B": "2"}
    with pytest.raises(ConfigError, match="authEnabled and tokenAuthEnabled cannot both be true"):
        local.merged({"authEnabled": True, "tokenAuthEnabled": True})


def test_tls_is_refused_rather_than_left_out() -> None:
    with pytest.raises(UnsupportedError, match="sslEnabled is not available"):
        check(computeType="aci", sslEnabled=True).on_target("local")


def test_yaml_is_read_too(tmp_path: Path) -> None:
    config = read(tmp_path, "computeType: Local\nport: 6789\n", name="dc.yml")
    assert isinstance(config, LocalConfig)
    assert config.port == 6789
    assert read(tmp_path, "computeType: LOCAL\n", name="dc") == DeploymentConfig.local()


def test_the_probe_applies_here() -> None:
    probe = {"periodSeconds": 1, "timeoutSeconds": 4, "failureThreshold": 5}
    local, ignored = check(computeType="aks", livenessProbeRequirements=probe).on_target("local")
    requirements = local.liveness_probe_requirements
    assert (requirements.period_seconds, requirements.timeout_seconds, requirements.failure_threshold) == (1, 4, 5)
    assert ignored == ()


def test_every_known_key_is_accepted() -> None:
    aks = {
        "autoScaler": {
            "autoscaleEnabled": True,
            "minReplicas": 1,
            "maxReplicas": 10,
            "refreshPeriodInSeconds": 1,
            "targetUtilization": 70,
        },
        "dataCollection": {"storageEnabled": False},
        "authEnabled": True,
        "tokenAuthEnabled": False,
        "aadAuthEnabled": False,
        "containerResourceRequirements": {"cpu": 0.1, "memoryInGB": 0.5, "cpuLimit": 1, "memoryInGBLimit": 2},
        "appInsightsEnabled": False,
        "scoringTimeoutMs": 60000,
        "maxConcurrentRequestsPerContainer": 1,
        "maxQueueWaitMs": 500,
        "keys": {"primaryKey": "primary-key", "secondaryKey": "secondary-key"},
        "gpuCores": 0,
        "livenessProbeRequirements": {
            "periodSeconds": 10,
            "initialDelaySeconds": 310,
            "timeoutSeconds": 2,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
        "namespace": "a-namespace",
        "computeTargetName": "local",
    }
    assert isinstance(check(computeType="aks", **aks), AksConfig)
    assert isinstance(check(computeType="AksEndpoint", **aks, versionName="v1", trafficPercentile=5), AksEndpointConfig)
    aci = ["location", "sslCertificate", "sslKey", "cname", "dnsNameLabel", "vaultBaseUrl", "keyName", "keyVersion"]
    aci_values = dict.fromkeys([*aci, "vnetName", "subnetName"], "text")
    assert isinstance(check(computeType="aci", **aci_values, appInsightsEnabled=True, sslEnabled=True), AciConfig)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "dc.json: computeType is missing; it must be one of local, aci, aks, aksendpoint"),
        ({"computeType": "vm"}, "dc.json: computeType 'vm' is unknown; it must be one of local, aci, aks, aksendpoint"),
        ({"computeType": 1}, "dc.json: computeType 1 is unknown; it must be one of local, aci, aks, aksendpoint"),
        ({"computeType": "local", "prot": 1}, "dc.json: unknown key prot; did you mean port?"),
        ({"computeType": "local", "gpuCores": 1}, "dc.json: unknown key gpuCores"),
        (
            {"computeType": "aks", "containerResourceRequirements": {"memoryInGb": 4}},
            "dc.json: unknown key containerResourceRequirements.memoryInGb; did you mean memoryInGB?",
        ),
        (
            {"computeType": "local", "port": "6789"},
            "dc.json: port: Input should be a valid integer, got '6789'",
        ),
        (
            {"computeType": "local", "port": 65536},
            "dc.json: port: Input should be less than or equal to 65535, got 65536",
        ),
        (
            {"computeType": "aks", "autoScaler": {"minReplicas": 3, "maxReplicas": 2}},
            "dc.json: autoScaler: minReplicas must not be greater than maxReplicas",
        ),
        (
            {"computeType": "aks", "authEnabled": True, "tokenAuthEnabled": True},
            "dc.json: authEnabled and tokenAuthEnabled cannot both be true",
        ),
        (
            {"computeType": "aks", "autoScaler": {"autoscaleEnabled": True}, "numReplicas": 2},
            "dc.json: autoscale is enabled and numReplicas is given: only one of them decides",
        ),
        (
            {"computeType": "aks", "autoScaler": {"autoscaleEnabled": False}},
            "dc.json: autoscale is disabled and numReplicas is not given",
        ),
        (
            {"computeType": "local", "authEnabled": False, "keys": {"primaryKey": "a-key"}},
            "dc.json: keys are given while authEnabled is false",
        ),
    ],
)
def test_faults_name_the_file_and_the_key(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check(**values)
    assert raised.value.message == message


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        check(computeType="local", port=0, prot=1)
    assert len(raised.value.message.splitlines()) == 2


def test_a_fault_in_the_keys_does_not_show_them() -> None:
    with pytest.raises(ConfigError) as raised:
        check(computeType="local", keys={"primaryKey": 271828})
    assert raised.value.message == "dc.json: keys.primaryKey: Input should be a valid string"
    assert "my-secret" not in repr(check(computeType="local", keys={"primaryKey": "my-secret"}))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("dc.json", '{"computeType": "local",\n  "port": 1,\n}', "dc.json: line 2, column 12: Trailing comma"),
        ("dc.json", '{"a": [1, 2, ]}', "dc.json: line 1, column 12: Trailing comma"),
        ("dc.json", '{"a": 1,, "b": 2}', "dc.json: line 1, column 9: "),
        ("dc.json", '{"computeType" "local"}', "dc.json: line 1, column 16: "),
        ("dc.json", "", "dc.json: line 1, column 1: "),
        ("dc.json", "[1]", "dc.json: a mapping of keys to values is expected, not list"),
        ("dc.json", "[" * 100000, "dc.json: nested too deeply"),
        ("dc.yaml", "computeType: local\nport: : 1\n", "dc.yaml: line 2, column 7: "),
        ("dc.yaml", "- local\n", "dc.yaml: a mapping of keys to values is expected, not list"),
    ],
)
def test_what_cannot_be_parsed_is_pointed_at(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, text, name=name)
    assert raised.value.message.startswith(message)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.json cannot be read: No such file or directory"):
        DeploymentConfig.from_file(tmp_path / "absent.json")
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(ConfigError, match="not UTF-8 text \\(byte 7\\)"):
        DeploymentConfig.from_file(tmp_path / "latin.json")


@given(st.text())
def test_any_text_is_a_configuration_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        DeploymentConfig.from_file(path)


def test_flags_go_over_the_file() -> None:
    local = DeploymentConfig.local(port=6000, primary_key="the-first-key")
    changed = local.replace(port=6001, secondary_key="the-second-key")
    assert changed.port == 6001
    assert (changed.keys.primary_key, changed.keys.secondary_key) == ("the-first-key", "the-second-key")
    assert changed.replace() == changed
    with pytest.raises(ConfigError, match="keys are given while authEnabled is false"):
        local.replace(auth_enabled=False)
    with pytest.raises(ConfigError, match="port: Input should be greater than or equal to 1"):
        DeploymentConfig.local(port=0)
