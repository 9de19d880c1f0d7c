from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from naiad.azureml.core import Workspace
from naiad.azureml.core.model import Model
from naiad.azureml.core.resource_configuration import ResourceConfiguration
from naiad.azureml.exceptions import UserErrorException, WebserviceException
from naiad.workspace.models import FRAMEWORKS

from .conftest import FakeTarget


@pytest.fixture
def model(ws: Workspace) -> Model:
    return Model.register(ws, "models", "bert", tags={"a": "1"}, properties={"p": "1"}, model_framework="Multi")


def test_the_seeds_registration(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    model_path = "models"

    model = Model.register(
        model_path=model_path,
        model_name="bidaf-9-tutorial",
        tags={"area": "Natural language processing", "type": "Question-answering"},
        description="Question answering from ONNX model zoo",
        workspace=ws,
        model_framework=Model.Framework.MULTI,  # This line tells us you are registering a Triton model
    )

    assert capsys.readouterr().out == "Registering model bidaf-9-tutorial\n"
    assert (model.id, model.name, model.version) == ("bidaf-9-tutorial:1", "bidaf-9-tutorial", 1)
    assert model.tags == {"area": "Natural language processing", "type": "Question-answering"}
    assert (model.model_framework, model.model_framework_version) == ("Multi", None)
    assert model.description == "Question answering from ONNX model zoo"
    assert model.url.startswith("aml://asset/")
    assert model.created_by
    assert model.created_time.tzinfo is not None
    assert model.workspace is ws


def test_frameworks_are_the_registrys() -> None:
    names = {name: value for name, value in vars(Model.Framework).items() if name.isupper()}
    assert sorted(names.values()) == sorted(FRAMEWORKS)
    assert names["MULTI"] == "Multi"


def test_arguments_of_the_original_are_accepted_and_shown(ws: Workspace) -> None:
    model = Model.register(
        ws,
        Path("models"),
        "bert",
        {"accuracy": 0.93},
        {"run": 7},
        "text",
        [("training", "data")],
        "Onnx",
        "1.19",
        ["triton"],
        "input",
        "output",
        ResourceConfiguration(cpu=1, memory_in_gb=0.5),
    )
    assert (model.tags, model.properties) == ({"accuracy": "0.93"}, {"run": "7"})
    assert model.resource_configuration == ResourceConfiguration(1, 0.5, None)
    document = model.serialize()
    assert document["sampleInputDatasetId"] == "input"
    assert document["datasets"] == "[('training', 'data')]"
    assert document["resourceConfiguration"] == {"cpu": 1.0, "memoryInGB": 0.5, "gpu": None}


def test_serialize_has_azures_keys(model: Model) -> None:
    azure = (
        "createdTime createdBy description id mimeType name framework frameworkVersion tags properties unpack url "
        "version experimentName runId runDetails datasets resourceConfiguration sampleInputDatasetId "
        "sampleOutputDatasetId"
    )
    document = model.serialize()
    assert set(azure.split()) <= set(document)
    assert (document["id"], document["tags"], document["mimeType"]) == ("bert:1", {"a": "1"}, None)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"model_path": "nothing"}, FileNotFoundError, "Path does not exist: nothing"),
        ({"model_name": "bad name"}, WebserviceException, "provided model name is invalid"),
        ({"tags": ["a"]}, UserErrorException, "Tags must be a dict"),
        ({"model_framework_version": "1"}, WebserviceException, "cannot be provided without a valid framework"),
        ({"model_framework": "Caffe"}, WebserviceException, "model framework 'Caffe' is not known"),
        ({"model_path": "models/triton/bert", "model_framework": "Multi"}, WebserviceException, "no Triton model repo"),
    ],
)
def test_registrations_that_fail(ws: Workspace, given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Model.register(ws, **{"model_path": "models", "model_name": "bert", **given})
    assert Model.list(ws) == []


def test_lookups(ws: Workspace) -> None:
    for number in (1, 2, 3):
        Model.register(ws, "models", "bert", tags={"n": number % 2}, properties={"p": "q"})
    assert Model(ws, "bert").version == 3
    assert Model(ws, name="bert", version=1).version == 1
    assert Model(ws, id="bert:2").version == 2
    assert Model(ws, "bert", tags=[["n", 0]]).version == 2  # type: ignore[list-item]
    assert Model(ws, "bert", properties=["p"], tags=["n"], model_framework="Custom").version == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Error, one of id or name must be provided."),
        ({"name": "gpt"}, "ModelNotFound: Model with name gpt not found in provided workspace"),
        (
            {"name": "bert", "version": 7},
            "ModelNotFound: Model with name bert, version 7 not found in provided workspace",
        ),
        ({"id": "bert:7"}, "ModelNotFound: Model with id bert:7"),
        ({"name": "bert", "tags": ["x"]}, "ModelNotFound: Model with name bert, tags"),
    ],
)
def test_models_that_are_not_there(ws: Workspace, model: Model, given: dict[str, Any], message: str) -> None:
    with pytest.raises(WebserviceException) as caught:
        Model(ws, **given)
    assert caught.value.message.startswith(message)


def test_list(ws: Workspace) -> None:
    for name, tag in (("a", "1"), ("a", "2"), ("b", "1")):
        Model.register(ws, "models", name, tags={"t": tag})

    def ids(**given: Any) -> list[str]:
        return [model.id for model in Model.list(ws, **given)]

    assert ids() == ["a:1", "a:2", "b:1"]
    assert ids(name="a") == ["a:1", "a:2"]
    assert ids(latest=True) == ["a:2", "b:1"]
    assert ids(tags=["t"]) == ["a:1", "a:2", "b:1"]
    assert ids(tags=[["t", "1"]]) == ["a:1", "b:1"]
    assert ids(model_framework="Custom", expand=False, page_count=1, run_id="x", dataset_id="y") == ids()
    malformed: Any
    for malformed in ("t", {"t": "1"}, [["t", "1", "2"]], [1], [[]]):
        with pytest.raises(UserErrorException, match="Expected tags must be list type"):
            ids(tags=malformed)


def test_download(model: Model, project: Path) -> None:
    assert model.download("out") == str(project / "out" / "models")
    with pytest.raises(
        WebserviceException, match=r"File already exists\. To overwrite, set exist_ok to True\. out/models"
    ):
        model.download("out")
    assert model.download("out", exist_ok=True) == model.download("out", exists_ok=True)


def test_tags_and_properties(ws: Workspace, model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    model.add_tags({"a": 2, "b": "3"})
    model.remove_tags("b")
    model.remove_tags(["zzz"])
    model.add_properties({"q": 2})
    assert capsys.readouterr().out.splitlines() == [
        "Replacing tag a -> 1 with a -> 2",
        "Model tag add operation complete.",
        "Model tag remove operation complete.",
        "Model tag remove operation complete.",
        "Model properties add operation complete.",
    ]
    for seen in (model, Model(ws, "bert")):
        assert (seen.tags, seen.properties) == ({"a": "2"}, {"p": "1", "q": "2"})
    with pytest.raises(WebserviceException, match="properties are immutable"):
        model.add_properties({"p": "2"})


def test_update(ws: Workspace, model: Model) -> None:
    model.update(
        tags={"only": "this"},
        description="new",
        sample_input_dataset="x",
        resource_configuration=ResourceConfiguration(gpu=1),
    )
    for seen in (model, Model(ws, "bert")):
        assert (seen.tags, seen.description) == ({"only": "this"}, "new")
        assert seen.resource_configuration == ResourceConfiguration(gpu=1)
    assert model.serialize()["sampleInputDatasetId"] == "x"
    model.update()
    assert model.description == "new"


def test_delete(ws: Workspace, model: Model, target: FakeTarget) -> None:
    service = Model.deploy(ws, "qa-service", [model])
    with pytest.raises(WebserviceException, match="is used by service 'qa-service'"):
        model.delete()
    service.delete()
    model.delete()
    assert Model.list(ws) == []
    with pytest.raises(WebserviceException, match="is not registered"):
        model.delete()


def test_repr(model: Model) -> None:
    assert repr(model) == (
        "Model(workspace=Workspace.create(name='project', subscription_id='None', resource_group='None'), name=bert, "
        "id=bert:1, version=1, tags={'a': '1'}, properties={'p': '1'})"
    )
