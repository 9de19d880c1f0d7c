from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naiad.errors import ConfigError
from naiad.workspace.conda import CondaDependencies, base_name
from naiad.workspace.environment import Environment, PythonSection

_texts = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)
_tuples = st.lists(_texts, max_size=4).map(tuple)
_conda = st.builds(CondaDependencies, _texts, _tuples, _tuples, _tuples)


@settings(deadline=None)
@given(_conda)
def test_what_is_written_is_read_back(dependencies: CondaDependencies) -> None:
    assert CondaDependencies.from_dict(dependencies.to_dict(), source="test") == dependencies


@settings(deadline=None)
@given(
    st.builds(
        Environment,
        name=_texts,
        version=st.none() | _texts,
        python=st.builds(
            PythonSection, st.booleans(), _texts, st.none() | _texts, st.none() | _texts, conda_dependencies=_conda
        ),
        environment_variables=st.dictionaries(_texts, _texts, max_size=3),
        docker=st.dictionaries(_texts, _texts | st.booleans() | st.none(), max_size=3),
        other=st.dictionaries(st.sampled_from(("spark", "databricks", "r")), _texts, max_size=3),
    )
)
def test_environments_are_read_back(environment: Environment) -> None:
    assert Environment.from_dict(environment.to_dict()) == environment


def test_the_document_of_a_conda_file() -> None:
    document = {
        "name": "project_environment",
        "dependencies": ["python=3.11", "numpy>=1", {"pip": ["azureml-defaults", "nltk == 3.9"]}],
        "channels": ["conda-forge"],
        "prefix": "/opt/conda",
    }
    dependencies = CondaDependencies.from_dict(document, source="conda.yml")
    assert dependencies.packages == ("python=3.11", "numpy>=1")
    assert dependencies.pip == ("azureml-defaults", "nltk == 3.9")
    assert dependencies.channels == ("conda-forge",)


@pytest.mark.parametrize(
    ("package", "version"),
    [("python=3.11", "3.11"), ("python==3.11.2", "3.11.2"), ("Python 3.11", "3.11"), ("python", None), ("numpy", None)],
)
def test_the_version_of_python(package: str, version: str | None) -> None:
    assert CondaDependencies(packages=("pythonx=1", package)).python_version == version


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"dependecies": []}, "conda.yml: unknown key dependecies"),
        ({"dependencies": "numpy"}, "dependencies must be a list, not 'numpy'"),
        ({"dependencies": [3]}, "not 3"),
        ({"dependencies": [{"pip": ["a"], "conda": []}]}, "must hold packages"),
        ({"dependencies": [{"pip": "numpy"}]}, "dependencies.pip must be a list of texts, not 'numpy'"),
        ({"dependencies": [{"pip": [1.5]}]}, "dependencies.pip must be a list of texts"),
        ({"dependencies": [""]}, "not ''"),
        ({"channels": {"a": 1}}, "channels must be a list of texts"),
        ({"name": ["a"]}, "name must be a text"),
    ],
)
def test_what_is_wrong_is_named(document: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        CondaDependencies.from_dict(document, source="conda.yml")
    assert caught.value.message.startswith("conda.yml: ")
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("NumPy", "numpy"),
        ("numpy[x]>=2", "numpy"),
        (" numpy == 2", "numpy"),
        ("numpy~=2", "numpy"),
        ("numpy!=2", "numpy"),
        ("numpy<2", "numpy"),
        ("numpy;python_version<'3'", "numpy"),
        ("numpy@file:x", "numpy"),
        ("", ""),
    ],
)
def test_base_names(requirement: str, name: str) -> None:
    assert base_name(requirement) == name
