from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from naiad.azureml.core import Model, Workspace
from naiad.azureml.core.model import InferenceConfig
from naiad.azureml.core.webservice import LocalWebservice, Webservice
from naiad.azureml.core.workspace import local_workspace
from naiad.azureml.exceptions import UserErrorException, WebserviceException
from naiad.targets.status import ServiceStatus

from .conftest import FakeTarget


@pytest.fixture
def model(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> Model:
    model = Model.register(ws, "models", "bert", model_framework="Multi")
    capsys.readouterr()
    return model


@pytest.fixture
def service(ws: Workspace, model: Model, target: FakeTarget, capsys: pytest.CaptureFixture[str]) -> LocalWebservice:
    service = Model.deploy(ws, "qa-service", [model])
    service.wait_for_deployment()
    capsys.readouterr()
    return service


def looked_up(service: LocalWebservice) -> tuple[str, str | None, str | None]:
    return service.state, service.scoring_uri, service.port


def test_the_seeds_deployment(
    ws: Workspace, model: Model, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    local_config = LocalWebservice.deploy_configuration(port=6789)

    local_service = Model.deploy(
        workspace=ws,
        name="triton-bidaf-onnx",
        models=[model],
        deployment_config=local_config,
        overwrite=True,
    )
    assert looked_up(local_service) == ("deploying", None, None)
    local_service.wait_for_deployment(show_output=True)

    assert target.calls == [("deploy", {"models": ["bert:1"], "port": 6789, "wait": False}), ("wait", 600)]
    assert capsys.readouterr().out.splitlines() == [
        "Checking container health...",
        "Local webservice is running at http://localhost:6789",
    ]
    assert looked_up(local_service) == ("running", "http://localhost:6789", "6789")
    assert not local_service.auth_enabled
    local_service.delete()
    assert looked_up(local_service) == ("deleted", None, None)
    assert capsys.readouterr().out == "Container has been successfully cleaned up.\n"


def test_show_output(ws: Workspace, model: Model, target: FakeTarget, capsys: pytest.CaptureFixture[str]) -> None:
    Model.deploy(ws, "qa-service", [model], None, None, "local", show_output=True)
    assert capsys.readouterr().out.splitlines() == [
        "Models:",
        "\tbert:1",
        "Starting the engine",
        "Request submitted, please run wait_for_deployment(show_output=True) to get deployment status.",
    ]


@pytest.mark.parametrize("port", [0, 65536, "6789", 1.5, True])
def test_ports_that_are_none(port: Any) -> None:
    with pytest.raises(WebserviceException) as caught:
        LocalWebservice.deploy_configuration(port=port)
    assert caught.value.message == "Invalid configuration, port must be an integer in range [1, 65535]"


def test_keys_are_off_unless_asked_for(ws: Workspace, model: Model, target: FakeTarget) -> None:
    config = LocalWebservice.deploy_configuration(auth_enabled=True)
    assert Model.deploy(ws, "with-keys", [model], None, config).auth_enabled
    assert not Model.deploy(ws, "without-keys", [model]).auth_enabled


def test_models_may_be_ids_or_folders(ws: Workspace, model: Model, target: FakeTarget) -> None:
    Model.deploy(ws, "by-id", ["bert:1"])
    Model.deploy(ws, "by-name", ["bert"])
    Model.deploy(ws, "by-path", ["models/triton"])
    assert [call[1]["models"] for call in target.calls] == [["bert:1"], ["bert:1"], ["triton:1"]]
    with pytest.raises(WebserviceException, match="model 'gpt' is not registered"):
        Model.deploy(ws, "by-nothing", ["gpt"])


def test_deployments_that_are_refused_by_the_target(ws: Workspace, model: Model) -> None:
    """The real target, which checks these before it starts anything."""
    with pytest.raises(UserErrorException, match="when deploying zero or multiple models"):
        Model.deploy(ws, "qa-service", [model, model])
    custom = Model.register(ws, "models", "custom")
    with pytest.raises(UserErrorException, match="model_framework set to Custom"):
        Model.deploy(ws, "qa-service", [custom])
    with pytest.raises(UserErrorException, match="provided service name is invalid"):
        Model.deploy(ws, "QA", [model])
    with pytest.raises(WebserviceException, match="Compute target 'aks-gpu' does not exist"):
        Model.deploy(ws, "qa-service", [model], deployment_target="aks-gpu")
    assert Webservice.list(ws) == []


def test_deployments_that_cannot_be_meant(ws: Workspace, model: Model, target: FakeTarget) -> None:
    with pytest.raises(UserErrorException, match="inference_config must be an InferenceConfig, not object"):
        Model.deploy(ws, "qa-service", [model], object())  # type: ignore[arg-type]
    with pytest.raises(UserErrorException, match=re.escape("LocalWebservice.deploy_configuration(), not dict")):
        Model.deploy(ws, "qa-service", [model], None, {"port": 1})  # type: ignore[arg-type]
    assert target.calls == []


def test_a_name_that_is_taken(ws: Workspace, model: Model, service: LocalWebservice) -> None:
    with pytest.raises(WebserviceException, match="Service qa-service with the same name already exists, please use a"):
        Model.deploy(ws, "qa-service", [model])
    assert Model.deploy(ws, "qa-service", [model], overwrite=True).name == "qa-service"


def test_a_deployment_that_fails(
    ws: Workspace, model: Model, target: FakeTarget, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Model.deploy(ws, "qa-service", [model])
    target.failure = "no such operator"
    with pytest.raises(WebserviceException) as caught:
        service.wait_for_deployment(show_output=True, timeout_sec=5)
    assert target.calls[-1] == ("wait", 5)
    assert str(caught.value) == "no such operator\n\nhint: look at the log"
    assert capsys.readouterr().out == "Checking container health...\n\nContainer Logs:\nthe last 5000 lines\n"
    assert (service.state, service.error) == ("failed", "no such operator")


def test_a_service_that_is_started_again_is_deploying(service: LocalWebservice, target: FakeTarget) -> None:
    target.status = ServiceStatus("restarting")
    assert service.state == LocalWebservice.STATE_DEPLOYING


def test_found_again(ws: Workspace, service: LocalWebservice) -> None:
    found = Webservice(ws, "qa-service")
    assert isinstance(found, LocalWebservice)
    assert isinstance(LocalWebservice(ws, "qa-service"), LocalWebservice)
    assert found.scoring_uri == service.scoring_uri
    assert (found.compute_type, found.token_auth_enabled, found.swagger_uri) == ("Local", False, None)
    assert [model.id for model in found.models] == ["bert:1"]
    assert ws.webservices["qa-service"].name == "qa-service"
    assert repr(found).endswith(
        "name=qa-service, compute_type=Local, state=running, scoring_uri=http://localhost:40000)"
    )
    assert LocalWebservice(ws, "nothing", must_exist=False).state == "deleted"
    with pytest.raises(WebserviceException) as caught:
        Webservice(ws, "nothing")
    assert caught.value.message == "WebserviceNotFound: Webservice with name nothing not found in provided workspace"


def test_list(ws: Workspace, service: LocalWebservice) -> None:
    service.add_tags({"a": 1})
    for given in (
        {},
        {"compute_type": "Local"},
        {"model_name": "bert"},
        {"model_id": "bert:1"},
        {"tags": ["a"]},
        {"tags": [["a", "1"]], "image_name": "x", "image_id": "y", "image_digest": "z"},
    ):
        assert [found.name for found in Webservice.list(ws, **given)] == ["qa-service"]
    for given in ({"compute_type": "AKS"}, {"model_name": "gpt"}, {"tags": ["b"]}, {"properties": ["p"]}):
        assert Webservice.list(ws, **given) == []


def test_keys(service: LocalWebservice) -> None:
    primary, secondary = service.get_keys()
    service.regen_key("Primary")
    service.regen_key("SECONDARY", set_key="chosen-by-hand")
    new_primary, new_secondary = service.get_keys()
    assert new_primary not in (primary, secondary)
    assert new_secondary == "chosen-by-hand"
    for key in (None, ""):
        with pytest.raises(WebserviceException, match="Error, must specify which key with be regenerated: Primary"):
            service.regen_key(key)
    with pytest.raises(WebserviceException, match=r"invalid value provided for key: both.\nValid options are: Primary"):
        service.regen_key("both")
    with pytest.raises(WebserviceException, match="a key must consist of"):
        service.regen_key("Primary", set_key="x")
    with pytest.raises(WebserviceException, match="takes no access tokens"):
        service.get_token()


def test_run_and_logs(service: LocalWebservice, target: FakeTarget) -> None:
    assert service.run('{"inputs": []}') == {"outputs": []}
    assert service.run(b"{}", model="bert:1") == {"outputs": []}
    assert target.calls[-2:] == [("run", (b'{"inputs": []}', None)), ("run", (b"{}", "bert:1"))]
    with pytest.raises(UserErrorException, match="input_data must be str or bytes, not dict"):
        service.run({})  # type: ignore[arg-type]
    assert service.get_logs() == "the last 5000 lines"
    assert service.get_logs(num_lines=3, init=True) == "the last 3 lines"


def test_tags_and_properties(ws: Workspace, service: LocalWebservice, capsys: pytest.CaptureFixture[str]) -> None:
    service.add_tags({"a": 1, "b": "2"})
    service.remove_tags("a")
    service.add_properties({"p": "q"})
    assert capsys.readouterr().out.splitlines() == [
        "Webservice tag add operation complete.",
        "Webservice tag remove operation complete.",
        "Webservice add properties operation complete.",
    ]
    other = Webservice(ws, "qa-service")
    assert (other.tags, other.properties) == ({"b": "2"}, {"p": "q"})
    with pytest.raises(WebserviceException, match="properties are immutable"):
        service.add_properties({"p": "r"})
    other.remove_tags(["b"])
    assert service.tags == {"b": "2"}
    service.update_deployment_state()
    assert service.tags == {}


def test_serialize_has_azures_keys(service: LocalWebservice) -> None:
    azure = (
        "name tags properties state createdTime updatedTime error computeType workspaceName imageId scoringUri "
        "swaggerUri port description createdBy"
    )
    document = service.serialize()
    assert set(azure.split()) <= set(document)
    assert (document["name"], document["computeType"], document["workspaceName"]) == ("qa-service", "Local", "project")


def test_a_service_that_is_gone(service: LocalWebservice, capsys: pytest.CaptureFixture[str]) -> None:
    service.delete()
    capsys.readouterr()
    service.delete()
    assert capsys.readouterr().out == "No service with name qa-service found to delete.\n"
    assert (service.state, service.port, service.scoring_uri, service.error) == ("deleted", None, None, None)
    assert service.serialize()["state"] == "deleted"
    for call in (service.update_deployment_state, service.get_keys, service.get_logs):
        with pytest.raises(WebserviceException, match="service 'qa-service' does not exist"):
            call()


class TestUpdate:
    def test_models_and_script(self, ws: Workspace, service: LocalWebservice, target: FakeTarget) -> None:
        (Path("score.py")).write_text("def init(): ...\ndef run(data): ...\n")
        service.update([Model(ws, "bert"), "bert"], inference_config=InferenceConfig("score.py"), wait=True)
        (name, changes) = target.calls[-1]
        assert (name, changes["models"], changes["wait"]) == ("update", ["bert:1", "bert"], True)
        assert changes["inference"].script == Path("score.py").resolve()

    def test_how_it_is_deployed(self, service: LocalWebservice, target: FakeTarget) -> None:
        service.update(deployment_config=LocalWebservice.deploy_configuration(port=6789))
        assert target.calls[-1] == ("update", {"config": {"port": 6789}})
        # By the names that AksWebservice.update has; what is about a cluster only is accepted.
        service.update(auth_enabled=True, scoring_timeout_ms=5, autoscale_enabled=True, num_replicas=3)
        assert target.calls[-1] == ("update", {"config": {"authEnabled": True, "scoringTimeoutMs": 5}})
        with pytest.raises(TypeError, match="has no speed"):
            service.update(speed=1)
        with pytest.raises(UserErrorException, match=r"must come from LocalWebservice\.deploy_configuration"):
            service.update(deployment_config={"port": 1})  # type: ignore[arg-type]

    def test_labels(self, service: LocalWebservice, target: FakeTarget) -> None:
        service.add_tags({"a": 1})
        service.update(tags={"b": 2}, properties={"p": "q"}, description="of words")
        expected = {"description": "of words", "tags": {"a": "1", "b": "2"}, "properties": {"p": "q"}}
        assert target.calls[-1] == ("update", expected)

    def test_one_that_fails(self, service: LocalWebservice, target: FakeTarget) -> None:
        target.failure = "no such operator"
        with pytest.raises(WebserviceException, match="no such operator\n\nhint: look at the log"):
            service.update(["bert"], wait=True)

    def test_a_script_to_reload(self, service: LocalWebservice) -> None:
        with pytest.raises(WebserviceException, match="Service qa-service has no entry script to read again"):
            service.reload()


def test_tokens(ws: Workspace, model: Model, target: FakeTarget) -> None:
    service = Model.deploy(ws, "with-tokens", [model])
    local_workspace(ws).services.update("with-tokens", token_auth_enabled=True)
    token, refresh_by = service.get_token()
    assert token.count(".") == 2
    access = service.get_access_token()
    assert (access.token_type, access.expiry_on > refresh_by) == ("Bearer", True)
    assert Webservice(ws, "with-tokens").token_auth_enabled
