from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from naiad.azureml.core import Environment, Model, Workspace
from naiad.azureml.core.model import InferenceConfig
from naiad.azureml.core.webservice import LocalWebservice
from naiad.azureml.exceptions import UserErrorException
from naiad.workspace.curated import CURATED
from naiad.workspace.environment import Environment as EnvironmentValue

from .conftest import FakeTarget


@pytest.fixture
def scripts(project: Path) -> Path:
    folder = project / "scripts"
    folder.mkdir()
    (folder / "score_bidaf.py").write_text("def init(): pass\ndef run(data): return data\n")
    return folder


@pytest.fixture
def model(ws: Workspace) -> Model:
    return Model.register(ws, "models", "bert", model_framework="Multi")


def test_the_seeds_deployment(ws: Workspace, model: Model, scripts: Path, target: FakeTarget) -> None:
    env = Environment.get(ws, "AzureML-Triton").clone("My-Triton")
    env.python.conda_dependencies.add_pip_package("nltk")
    env.environment_variables["WORKER_COUNT"] = "1"

    inference_config = InferenceConfig(
        entry_script="score_bidaf.py",  # This entry script is where we dispatch a call to the Triton server
        source_directory="scripts",
        environment=env,
    )
    local_config = LocalWebservice.deploy_configuration(port=6789)
    Model.deploy(
        workspace=ws,
        name="triton-webservice",
        models=[model],
        inference_config=inference_config,
        deployment_config=local_config,
        overwrite=True,
    )

    assert target.inference is not None
    assert target.inference.script == scripts / "score_bidaf.py"
    assert target.inference.source_directory == scripts
    environment = target.inference.environment
    assert (environment.name, environment.version) == ("My-Triton", None)
    assert environment.python.conda_dependencies.pip[-1] == "nltk"
    assert environment.environment_variables["WORKER_COUNT"] == "1"


def test_show_output(ws: Workspace, scripts: Path, target: FakeTarget, capsys: pytest.CaptureFixture[str]) -> None:
    env = Environment("e")
    env.environment_variables["SECRET"] = "secret"
    env.python.conda_dependencies.set_pip_option("--index-url https://me:secret@example.org")
    config = InferenceConfig("score_bidaf.py", source_directory=scripts, environment=env)
    Model.deploy(ws, "qa-service", [], config, show_output=True)
    out = capsys.readouterr().out
    assert "Entry script:\n\tscore_bidaf.py\nEnvironment variables:\n\tSECRET\n" in out
    assert "Environment dependencies:\n\tazureml-defaults\n" in out
    assert "secret" not in out


def deployed(ws: Workspace, target: FakeTarget, config: InferenceConfig) -> EnvironmentValue:
    Model.deploy(ws, "qa-service", [], config, overwrite=True)
    assert target.inference is not None
    return target.inference.environment


def test_which_environment_is_deployed(ws: Workspace, scripts: Path, target: FakeTarget, project: Path) -> None:
    (scripts / "conda.yml").write_text("dependencies: [{pip: [six]}]")
    script = "score_bidaf.py"
    assert deployed(ws, target, InferenceConfig(script, source_directory=scripts)) == EnvironmentValue("qa-service-env")
    of_file = deployed(ws, target, InferenceConfig(script, "python", "conda.yml", source_directory=scripts))
    assert (of_file.name, of_file.python.conda_dependencies.pip) == ("qa-service-env", ("six",))
    curated = Environment.get(ws, "AzureML-Triton")
    config = InferenceConfig(script, source_directory=scripts, environment=curated)
    assert deployed(ws, target, config) == CURATED["AzureML-Triton"]


def test_a_registered_environment_keeps_its_version_until_it_is_changed(
    ws: Workspace, scripts: Path, target: FakeTarget
) -> None:
    env = Environment("e")
    first = env.register(ws)
    env.environment_variables["A"] = "1"
    second = env.register(ws)
    for registered, version in ((first, "1"), (second, "2")):
        config = InferenceConfig("score_bidaf.py", source_directory=scripts, environment=registered)
        assert deployed(ws, target, config).version == version
        registered.environment_variables["B"] = "1"
        assert deployed(ws, target, config).version is None


def test_the_working_directory_is_that_of_the_configuration(
    ws: Workspace, scripts: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    alone = InferenceConfig("scripts/score_bidaf.py")
    in_folder = InferenceConfig("score_bidaf.py", source_directory="../project/scripts", description="answers")
    monkeypatch.chdir(tmp_path)
    deployed(ws, target, alone)
    assert target.inference is not None
    assert (target.inference.script, target.inference.source_directory) == (scripts / "score_bidaf.py", None)
    deployed(ws, target, in_folder)
    assert target.inference.source_directory == scripts
    assert target.inference.description == "answers"


def test_what_is_about_images_is_accepted(scripts: Path) -> None:
    config = InferenceConfig(
        "score_bidaf.py", "python", None, "steps", scripts, True, "text", "image", {"address": "a"}, "11"
    )
    assert (config.source_directory, config.description, config.environment) == (str(scripts), "text", None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"entry_script": "gone.py"}, "entry_script gone.py doesn't exist. entry_script should be path relative to"),
        ({"source_directory": "gone"}, "gone doesn't exist."),
        ({"conda_file": "gone.yml"}, "gone.yml cannot be read"),
        ({"runtime": "spark-py"}, "runtime must be 'python', not 'spark-py'"),
        ({"environment": "AzureML-Triton"}, "environment must be a naiad.azureml.core.Environment, not str"),
        ({"environment": Environment("e"), "conda_file": "c.yml"}, "give environment or conda_file"),
    ],
)
def test_what_cannot_be_used_is_told_at_once(scripts: Path, arguments: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"entry_script": "score_bidaf.py", "source_directory": scripts, **arguments}
    with pytest.raises(UserErrorException) as caught:
        InferenceConfig(**given)
    assert message in caught.value.message


def test_a_script_that_is_gone_by_then(ws: Workspace, scripts: Path, target: FakeTarget) -> None:
    config = InferenceConfig("score_bidaf.py", source_directory=scripts)
    (scripts / "score_bidaf.py").unlink()
    with pytest.raises(UserErrorException, match=r"entry_script score_bidaf\.py doesn't exist"):
        Model.deploy(ws, "qa-service", [], config)
    assert target.calls == []


def test_folders_of_models_beside_a_script(ws: Workspace, scripts: Path, project: Path, target: FakeTarget) -> None:
    (project / "weights").mkdir()
    (project / "weights" / "weights.bin").write_bytes(b"w")
    config = InferenceConfig("score_bidaf.py", source_directory=scripts)
    Model.deploy(ws, "qa-service", ["models", "weights"], config)
    frameworks = {name: model.model_framework for name, model in ws.models.items()}
    assert frameworks == {"models": "Multi", "weights": "Custom"}
    assert target.calls[-1][1]["models"] == ["models:1", "weights:1"]
