from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from naiad.errors import AlreadyExistsError, ConfigError, NotFoundError
from naiad.targets.environment_file import (
    load_directory,
    read_conda_file,
    read_environment,
    read_requirements_file,
    save_directory,
)
from naiad.workspace.conda import CondaDependencies
from naiad.workspace.environment import Environment, PythonSection

ENVIRONMENT = Environment(
    "My-Triton",
    "3",
    PythonSection(conda_dependencies=CondaDependencies("p", ("conda-forge",), ("python=3.11",), ("nltk", "numpy"))),
    {"WORKER_COUNT": "1"},
    {"baseImage": None, "baseDockerfile": "FROM x\n", "shmSize": "2g"},
    {"spark": {"repositories": []}},
)


def test_a_folder_that_is_saved_is_loaded(tmp_path: Path) -> None:
    save_directory(ENVIRONMENT, tmp_path / "new" / "folder")
    assert load_directory(tmp_path / "new" / "folder") == ENVIRONMENT
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["BaseDockerfile", "azureml_environment.json", "conda_dependencies.yml"]


def test_the_definition_has_azures_keys(tmp_path: Path) -> None:
    save_directory(ENVIRONMENT, tmp_path)
    document = json.loads((tmp_path / "azureml_environment.json").read_text())
    assert set(document) == {"name", "version", "environmentVariables", "python", "docker", "spark"}
    assert document["environmentVariables"] == {"WORKER_COUNT": "1"}
    assert document["python"]["userManagedDependencies"] is False


def test_an_edited_conda_file_is_what_counts(tmp_path: Path) -> None:
    save_directory(ENVIRONMENT, tmp_path)
    (tmp_path / "conda_dependencies.yml").write_text("dependencies: [{pip: [six]}]")
    assert load_directory(tmp_path).python.conda_dependencies.pip == ("six",)


def test_without_a_conda_file_the_definition_counts(tmp_path: Path) -> None:
    document = {"name": "e", "python": {"condaDependencies": {"dependencies": [{"pip": ["six"]}]}}}
    (tmp_path / "azureml_environment.json").write_text(json.dumps(document))
    assert load_directory(tmp_path).python.conda_dependencies.pip == ("six",)


def test_files_are_not_written_over_unasked(tmp_path: Path) -> None:
    save_directory(ENVIRONMENT, tmp_path)
    bare = Environment("other")
    with pytest.raises(AlreadyExistsError, match=r"azureml_environment\.json already exists"):
        save_directory(bare, tmp_path)
    assert load_directory(tmp_path) == ENVIRONMENT
    save_directory(bare, tmp_path, overwrite=True)
    assert load_directory(tmp_path) == bare


def test_a_folder_without_a_definition_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"holds no azureml_environment\.json") as caught:
        load_directory(tmp_path)
    assert "naiad environment scaffold" in str(caught.value.hint)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="file cannot be written: "):
        save_directory(ENVIRONMENT, tmp_path / "file")


def test_numbers_are_texts_in_variables_and_version() -> None:
    document = {"name": "e", "version": 4, "environmentVariables": {"WORKER_COUNT": 1, "RATE": 0.5}}
    environment = read_environment(document, source="e.json")
    assert environment.version == "4"
    assert environment.environment_variables == {"WORKER_COUNT": "1", "RATE": "0.5"}


def test_nulls_are_what_is_left_out() -> None:
    keys = ("version", "environmentVariables", "python", "docker", "spark", "databricks", "r", "assetId")
    environment = read_environment({"name": "e", **dict.fromkeys(keys)}, source="e.json")
    assert environment.python == PythonSection()
    assert environment.environment_variables == {}
    assert environment.docker == {}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "e.json: name: Field required"),
        ({"name": "e", "pyton": {}}, "e.json: unknown key pyton; did you mean python?"),
        (
            {"name": "e", "python": {"condaDependancies": {}}},
            "e.json: unknown key python.condaDependancies; did you mean condaDependencies?",
        ),
        ({"name": "e", "python": []}, "e.json: python: Input should be"),
        ({"name": 3}, "e.json: name: Input should be a valid string, got 3"),
        ({"name": "e", "environmentVariables": {"A": True}}, "environmentVariables.A: Input should be a valid string"),
        ({"name": "e", "environmentVariables": {"A": ["b"]}}, "environmentVariables.A: Input should be a valid string"),
        ({"name": "e", "docker": "image"}, "e.json: docker: Input should be a valid dictionary"),
        (
            {"name": "e", "python": {"condaDependencies": {"pip": []}}},
            "e.json: python.condaDependencies: unknown key pip",
        ),
    ],
)
def test_what_is_wrong_is_named(document: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_environment(document, source="e.json")
    assert message in caught.value.message


def test_a_conda_file(tmp_path: Path) -> None:
    file = tmp_path / "conda.yml"
    file.write_text("name: p\nchannels: [conda-forge]\ndependencies:\n  - python=3.11\n  - pip:\n    - nltk\n")
    assert read_conda_file(file) == CondaDependencies("p", ("conda-forge",), ("python=3.11",), ("nltk",))
    file.write_text("dependencies: [")
    with pytest.raises(ConfigError, match=r"conda\.yml: line 1"):
        read_conda_file(file)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_conda_file(tmp_path / "gone.yml")


def test_a_requirements_file(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "base.txt").write_text("# base\nsix  # small\n")
    (tmp_path / "requirements.txt").write_text(
        "--index-url https://example.org/simple\n"
        "-r more/base.txt\n"
        "\n"
        "numpy >= 1, \\\n  < 3\n"
        "thing @ https://example.org/thing.whl#sha256=0\n"
        "--requirement=more/base.txt\n"
    )
    assert read_requirements_file(tmp_path / "requirements.txt") == (
        "--index-url https://example.org/simple",
        "six",
        "numpy >= 1, < 3",
        "thing @ https://example.org/thing.whl#sha256=0",
        "six",
    )


def test_requirements_files_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("-r requirements.txt")
    with pytest.raises(ConfigError, match="includes itself"):
        read_requirements_file(file)
    file.write_text("-r gone.txt")
    with pytest.raises(ConfigError, match=r"gone\.txt cannot be read"):
        read_requirements_file(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_requirements_file(file)
