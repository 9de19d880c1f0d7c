"""Environments with a package that is really installed, from Azure ML's names and from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from naiad.azureml.core import Environment, Model, Workspace
from naiad.azureml.core.model import InferenceConfig
from naiad.azureml.core.webservice import LocalWebservice
from naiad.cli.main import run
from naiad.errors import DeploymentError
from naiad.targets import venv
from naiad.targets.local_target import stop
from naiad.workspace.conda import CondaDependencies
from naiad.workspace.environment import Environment as EnvironmentValue
from naiad.workspace.environment import PythonSection
from naiad.workspace.workspace import Workspace as LocalWorkspace

SCRIPT = """
import json, os

def init():
    global tokenize
    import nltk.tokenize
    tokenize = nltk.tokenize.wordpunct_tokenize

def run(data):
    import tritonhttpclient
    return {"words": tokenize(json.loads(data)["text"]), "workers": os.environ["WORKER_COUNT"]}
"""
REQUEST = '{"text": "Good muffins cost $3.88"}'
WORDS = ["Good", "muffins", "cost", "$", "3", ".", "88"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with an entry script that needs nltk, which is the working directory; nltk is installed."""
    folder = tmp_path_factory.mktemp("project")
    (folder / ".naiad").mkdir()
    (folder / "scripts").mkdir()
    (folder / "scripts" / "score.py").write_text(SCRIPT)
    workspace = LocalWorkspace(folder / ".naiad")
    conda = CondaDependencies(pip=("nltk",))
    try:
        venv.build(
            EnvironmentValue("nltk", python=PythonSection(conda_dependencies=conda)),
            folder=workspace.root / venv.FOLDER_NAME,
            report=lambda line: None,
        )
    except DeploymentError as error:
        if "cannot be reached" in str(error.hint):
            pytest.skip("nltk cannot be installed: the package index cannot be reached")
        raise
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("NAIAD_WORKSPACE", raising=False)
        patch.chdir(folder)
        yield folder
    for service in workspace.services.list():
        stop(workspace.services.directory(service.name), report=lambda line: None)


@pytest.fixture(scope="module")
def service(project: Path) -> LocalWebservice:
    """The seed's environment, deployed with the seed's lines."""
    ws = Workspace.from_config()
    env = Environment.get(ws, "AzureML-Triton").clone("My-Triton")
    env.python.conda_dependencies.add_pip_package("nltk")
    env.environment_variables["WORKER_COUNT"] = "1"
    inference_config = InferenceConfig(entry_script="score.py", source_directory="scripts", environment=env)
    service = Model.deploy(ws, "words", [], inference_config, LocalWebservice.deploy_configuration(), overwrite=True)
    service.wait_for_deployment()
    return service


def test_the_entry_script_has_its_packages_and_variables(service: LocalWebservice) -> None:
    assert service.run(REQUEST) == {"words": WORDS, "workers": "1"}


def test_the_command_line_finds_the_environment_that_was_deployed(
    service: LocalWebservice, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "inference-config.json").write_text('{"entryScript": "score.py", "sourceDirectory": "scripts"}')
    command = "model deploy -n words-cli --ic inference-config.json -e My-Triton --compute-target=local"
    status = run(command.split())
    deployed = capsys.readouterr()
    assert status == 0, deployed.err
    assert "Environment My-Triton: built before" in deployed.err
    assert run(["service", "run", "-n", "words-cli", "-d", REQUEST]) == 0
    assert json.loads(capsys.readouterr().out)["words"] == WORDS
    assert run(["service", "delete", "-n", "words-cli"]) == 0


def test_a_package_that_does_not_exist_fails_the_deployment(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "conda.yml").write_text("dependencies: [{pip: [--no-index, nltk-of-nobody]}]")
    command = "model deploy -n words-bad --es score.py --sd scripts --cf conda.yml"
    assert run(command.split()) == 1
    told = capsys.readouterr().err
    assert "error: Environment words-bad-env cannot be built: No solution found" in told
    assert "nltk-of-nobody" in told
    assert run(["service", "show", "-n", "words-bad"]) == 1
