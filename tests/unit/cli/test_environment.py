from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Naiad


@pytest.fixture
def own(naiad: Naiad, tmp_path: Path) -> Path:
    """A folder with the files of `My-Triton`, as `download` writes them, with one package more."""
    naiad("environment", "download", "-n", "AzureML-Triton", "-d", "own")
    definition = tmp_path / "own" / "azureml_environment.json"
    document = json.loads(definition.read_text()) | {"name": "My-Triton", "version": None}
    definition.write_text(json.dumps(document))
    conda = tmp_path / "own" / "conda_dependencies.yml"
    conda.write_text(conda.read_text() + "  - nltk\n")
    return tmp_path / "own"


def test_curated_environments_are_listed(naiad: Naiad) -> None:
    listed = naiad("ml", "environment", "list").document
    assert [(one["name"], one["version"]) for one in listed] == [("AzureML-Minimal", "1"), ("AzureML-Triton", "1")]


def test_register_show_and_list(naiad: Naiad, own: Path) -> None:
    registered = naiad("environment", "register", "-d", "own").document
    assert (registered["name"], registered["version"]) == ("My-Triton", "1")
    assert registered["environmentVariables"]["WORKER_COUNT"] == "4"
    assert "nltk" in registered["python"]["condaDependencies"]["dependencies"][-1]["pip"]
    assert naiad("environment", "register", "--directory", "own").document["version"] == "1"
    (own / "conda_dependencies.yml").write_text("dependencies: [{pip: [six]}]")
    second = naiad("environment", "register", "-d", "own").document
    assert naiad("environment", "show", "-n", "My-Triton").document == second
    assert naiad("environment", "show", "--name=My-Triton", "-v", "1").document == registered
    assert [one["name"] for one in naiad("environment", "list").document][-1] == "My-Triton"


def test_tables(naiad: Naiad) -> None:
    lines = naiad("environment", "list", "-o", "table").out.splitlines()
    assert lines[0].split() == ["Name", "Version", "Pip", "Variables"]
    assert lines[2].split() == ["AzureML-Minimal", "1", "azureml-defaults"]
    assert "azureml-defaults, numpy, tritonclient[http]" in lines[3]


def test_download(naiad: Naiad, tmp_path: Path) -> None:
    arguments = ("environment", "download", "-n", "AzureML-Triton", "-d", "there")
    assert naiad(*arguments).document == str(tmp_path / "there")
    again = naiad(*arguments)
    assert again.status == 1
    assert "azureml_environment.json already exists" in again.err
    assert naiad(*arguments, "--overwrite").status == 0


def test_scaffold_is_registered(naiad: Naiad, tmp_path: Path) -> None:
    assert naiad("environment", "scaffold", "-n", "e", "-d", "new").document == str(tmp_path / "new")
    assert naiad("environment", "register", "-d", "new").document["name"] == "e"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("environment show -n gone", "error: environment 'gone' is not registered"),
        ("environment show -n AzureML-Triton -v 2", "error: environment 'AzureML-Triton' with version 2 is not"),
        ("environment register -d gone", "error: gone holds no azureml_environment.json"),
        ("environment scaffold -n AzureML-Mine -d new", "error: environment name 'AzureML-Mine' is reserved"),
    ],
)
def test_what_fails_is_told(naiad: Naiad, arguments: str, message: str) -> None:
    outcome = naiad(*arguments.split())
    assert outcome.status == 1
    assert outcome.err.startswith(message)
    assert "hint: " in outcome.err
