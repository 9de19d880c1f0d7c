"""Whatever stands in a file: an environment comes of it, or an error that says why not."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naiad.errors import NaiadError
from naiad.targets.environment_file import load_directory, read_environment, save_directory
from naiad.targets.inference_file import InferenceOptions, read_inference_config
from naiad.targets.requirements import find_requirements
from naiad.workspace.conda import CondaDependencies
from naiad.workspace.environment import Environment, PythonSection
from naiad.workspace.environments import EnvironmentRegistry
from naiad.workspace.workspace import Workspace

_KEYS = [
    "name",
    "version",
    "environmentVariables",
    "python",
    "docker",
    "spark",
    "r",
    "userManagedDependencies",
    "interpreterPath",
    "condaDependencies",
    "channels",
    "dependencies",
    "pip",
    "baseImage",
    "entryScript",
    "sourceDirectory",
    "environment",
    "condaFile",
    "runtime",
]
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=5) | st.sampled_from(_KEYS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=3), inner),
    max_leaves=12,
)
_words = st.sampled_from(
    [
        "numpy",
        "python",
        "=",
        "==",
        ">=",
        "<",
        "3.11",
        "3.99",
        "[http]",
        "@",
        ";",
        "file:///x",
        "-r",
        "--index-url",
        " ",
        "#",
    ]
)
_lines = st.text(max_size=12) | st.lists(_words, max_size=5).map("".join)


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> EnvironmentRegistry:
    return Workspace(tmp_path_factory.mktemp("workspace")).environments


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(_KEYS), _json))
def test_documents(document: dict[str, Any]) -> None:
    with suppress(NaiadError):
        environment = read_environment({"name": "e", **document}, source="e.json")
        assert Environment.from_dict(environment.to_dict()) == environment


@settings(deadline=None)
@given(st.lists(_lines, max_size=3), st.lists(_lines, max_size=3))
def test_requirements(pip: list[str], packages: list[str]) -> None:
    conda = CondaDependencies(packages=tuple(packages), pip=tuple(pip))
    with suppress(NaiadError):
        find_requirements(Environment("e", python=PythonSection(conda_dependencies=conda)))


@settings(deadline=None)
@given(document=st.dictionaries(st.sampled_from(_KEYS), _json) | _json)
def test_files(tmp_path_factory: pytest.TempPathFactory, environments: EnvironmentRegistry, document: Any) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    file = folder / "azureml_environment.json"
    file.write_text(json.dumps(document))
    with suppress(NaiadError):
        environment = load_directory(folder)
        save_directory(environment, folder / "saved", overwrite=True)
        assert load_directory(folder / "saved") == environment
    with suppress(NaiadError):
        read_inference_config(InferenceOptions(file=Path(file)), service="qa", environments=environments)
