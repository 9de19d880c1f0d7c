from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import naiad
from naiad.errors import ConfigError
from naiad.targets.requirements import (
    HOST_PACKAGES,
    Requirements,
    describe,
    find_requirements,
    is_satisfied,
    own_folders,
)
from naiad.workspace.conda import CondaDependencies
from naiad.workspace.curated import CURATED
from naiad.workspace.environment import Environment, PythonSection

NUMPY = importlib.metadata.version("numpy")
NOTHING = Requirements(None, (), (), ())
OWN = platform.python_version_tuple()


def environment(*pip: str, packages: tuple[str, ...] = ()) -> Environment:
    return Environment("e", python=PythonSection(conda_dependencies=CondaDependencies(packages=packages, pip=pip)))


@pytest.mark.parametrize("curated", CURATED.values(), ids=CURATED)
def test_curated_environments_need_nothing(curated: Environment) -> None:
    assert find_requirements(curated) == NOTHING


@pytest.mark.parametrize(
    "requirement",
    [
        "numpy",
        "NumPy>=1",
        f"numpy=={NUMPY}",
        "tritonclient[http]",
        "tritonclient[HTTP,grpc] > 2",
        "numpy<1; python_version < '3'",
        "not-there; sys_platform == 'mars'",
        "azureml-defaults",
        "azureml_defaults == 1.2",
        "azureml-inference-server-http[x]",
        "inference-schema[numpy-support]",
        "naiad",
        "gunicorn==20.1.0",
    ],
)
def test_what_naiad_has_or_plays_itself_is_not_installed(requirement: str) -> None:
    assert find_requirements(environment(requirement)) == NOTHING


@pytest.mark.parametrize(
    "requirement",
    [
        "numpy<1",
        f"numpy!={NUMPY}",
        "not-there-at-all",
        "tritonclient[nothing]",
        "numpy @ https://example.org/numpy.whl",
        "not-there; python_version > '3'",
        "git+https://example.org/numpy.git",
        f"numpy=={NUMPY} --hash=sha256:00",
    ],
)
def test_what_naiad_has_not_is_installed(requirement: str) -> None:
    lines = find_requirements(environment("azureml-defaults", requirement, "numpy")).lines
    assert [line.replace(" ", "").replace('"', "'") for line in lines] == [requirement.replace(" ", "")]


def test_an_extra_counts_what_it_needs() -> None:
    assert is_satisfied(Requirement("tritonclient[http]"))
    assert not is_satisfied(Requirement("sqlalchemy[oracle]"))


def test_order_and_repetition_mean_nothing() -> None:
    one = environment("aa-x>=1, <2", "bb-x", "--pre-index", "numpy")
    with pytest.raises(ConfigError, match="option --pre-index is not available"):
        find_requirements(one)
    first = find_requirements(environment("aa-x<2,>=1", "--index-url https://a", "bb-x"))
    second = find_requirements(environment("bb-x", "--index-url=https://a", "aa-x >=1,<2", "bb-x"))
    assert first == second
    assert first.lines == ("--index-url https://a", "aa-x<2,>=1", "bb-x")


def test_the_order_of_options_is_kept() -> None:
    options = ("--extra-index-url https://b", "--extra-index-url https://a")
    assert find_requirements(environment(*options, "bb-x", options[0])).lines == (*options, "bb-x")


def test_what_naiad_has_still_counts_for_what_is_installed() -> None:
    found = find_requirements(environment("numpy >= 1", "tritonclient[http]", "azureml-defaults", "gunicorn", "bb-x"))
    assert (found.lines, found.constraints) == (("bb-x",), ("numpy>=1", "tritonclient"))


def test_options_alone_need_nothing() -> None:
    assert find_requirements(environment("--index-url https://example.org/simple", "numpy")) == NOTHING


def test_options_are_not_described() -> None:
    assert describe(("--index-url https://user:secret@example.org", "six", "nltk")) == "six, nltk"


@pytest.mark.parametrize("line", ["./own.whl", "own.whl", "/srv/own", "own @ file:///croot/own/work", "..\\own"])
def test_files_are_refused(line: str) -> None:
    with pytest.raises(ConfigError, match="names a file") as caught:
        find_requirements(environment(line))
    assert "--find-links" in str(caught.value.hint)


@pytest.mark.parametrize("line", ["a b", "numpy=1.16", "==1", "numpy>=x y"])
def test_what_is_no_requirement_is_told(line: str) -> None:
    with pytest.raises(ConfigError, match=f"environment e: '{line}' is no requirement: "):
        find_requirements(environment(line))


@pytest.mark.parametrize("line", ["-r more.txt", "-e .", "--pre", "-c constraints.txt", "-"])
def test_options_that_cannot_be_had_are_refused(line: str) -> None:
    with pytest.raises(ConfigError, match="is not available among requirements; these are: --extra-index-url"):
        find_requirements(environment(line))


def test_conda_packages_are_refused_with_what_pip_calls_them() -> None:
    packages = ("python", "pip=21", "conda-forge::numpy=1.16=py37_0", "scipy >=1", "cudatoolkit", "zlib=1.2.*")
    with pytest.raises(ConfigError) as caught:
        find_requirements(environment(packages=packages))
    assert caught.value.message == (
        "environment e asks for conda packages, which naiad does not use: "
        "conda-forge::numpy=1.16=py37_0, scipy >=1, cudatoolkit, zlib=1.2.*"
    )
    assert "numpy==1.16.*, scipy>=1, cudatoolkit, zlib==1.2.*" in str(caught.value.hint)


@pytest.mark.parametrize(
    "python",
    ["python", f"python={OWN[0]}.{OWN[1]}", f"python={OWN[0]}", f"python=={OWN[0]}.{OWN[1]}.99", "python>=3.9"],
)
def test_naiads_own_python_will_do(python: str) -> None:
    assert find_requirements(environment(packages=(python,))) == NOTHING


@pytest.mark.parametrize(
    ("python", "wanted"), [("python=3.77", "3.77"), ("python==3.77.1", "3.77"), ("python>=4", ">=4")]
)
def test_another_python_gets_naiads_packages_too(python: str, wanted: str) -> None:
    found = find_requirements(environment("numpy", packages=(python,)))
    assert found.python == wanted
    names = {Requirement(line).name for line in found.lines}
    assert {"numpy", "httptools", "uvloop", "gunicorn"} <= names
    assert "s3fs" not in names
    assert {Requirement(line).name for line in found.overrides} == set(HOST_PACKAGES)
    assert set(found.overrides) <= set(found.lines)


@pytest.mark.parametrize("python", ["python=3.8.13", "python=3.6", "python=2.7"])
def test_a_python_that_is_too_old_is_refused(python: str) -> None:
    with pytest.raises(ConfigError, match=r"asks for Python \d\.\d+.*, and naiad needs 3\.11 or newer"):
        find_requirements(environment(packages=(python,)))


@pytest.mark.parametrize("python", ["python=x", "python>=", "python=3.11|3.12"])
def test_what_is_no_version_is_told(python: str) -> None:
    with pytest.raises(ConfigError, match="is no version of Python"):
        find_requirements(environment(packages=(python,)))


def test_packages_of_the_user_are_those_of_naiads_python() -> None:
    section = PythonSection(user_managed_dependencies=True, conda_dependencies=CondaDependencies(pip=("not-there",)))
    assert find_requirements(Environment("e", python=section)) == NOTHING
    other = PythonSection(user_managed_dependencies=True, interpreter_path="/usr/bin/python3")
    with pytest.raises(ConfigError, match="interpreterPath /usr/bin/python3 is not available"):
        find_requirements(Environment("e", python=other))


def test_naiad_and_its_packages_are_in_the_own_folders() -> None:
    folders = [Path(folder) for folder in own_folders()]
    assert Path(naiad.__file__).parents[1] in folders
    assert any((folder / "numpy").is_dir() for folder in folders)
