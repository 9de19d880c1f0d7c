from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from naiad.errors import InvalidArgumentError, NotFoundError
from naiad.workspace.conda import CondaDependencies
from naiad.workspace.curated import CURATED
from naiad.workspace.environment import Environment, PythonSection
from naiad.workspace.workspace import Workspace


def environment(name: str = "My-Triton", *pip: str) -> Environment:
    return Environment(
        name,
        python=PythonSection(conda_dependencies=CondaDependencies(packages=("python=3.11",), pip=pip or ("numpy",))),
        environment_variables={"WORKER_COUNT": "1"},
        docker={"enabled": True, "shmSize": "2g"},
        other={"spark": {"repositories": []}, "r": None},
    )


def test_the_first_registration_is_version_1(workspace: Workspace) -> None:
    registered = workspace.environments.register(environment())
    assert registered == replace(environment(), version="1")
    assert workspace.environments.get("My-Triton") == registered


def test_the_same_definition_gives_no_new_version(workspace: Workspace) -> None:
    for given in (environment(), environment(), replace(environment(), version="7")):
        assert workspace.environments.register(given).version == "1"


def test_a_change_gives_the_next_version_and_the_old_one_stays(workspace: Workspace) -> None:
    workspace.environments.register(environment())
    second = workspace.environments.register(environment("My-Triton", "nltk"))
    assert second.version == "2"
    assert workspace.environments.get("My-Triton") == second
    assert workspace.environments.get("My-Triton", "1").definition == environment()


def test_going_back_to_an_earlier_definition_makes_it_the_latest(workspace: Workspace) -> None:
    for pip in ("numpy", "nltk", "numpy"):
        workspace.environments.register(environment("My-Triton", pip))
    assert workspace.environments.get("My-Triton") == replace(environment(), version="3")


def test_registrations_at_once_each_get_a_version(workspace: Workspace) -> None:
    versions: list[str | None] = []

    def register(number: int) -> None:
        versions.append(workspace.environments.register(environment("e", f"numpy=={number}")).version)

    threads = [threading.Thread(target=register, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, versions)) == list("123456")


def test_list_has_the_latest_of_each_and_the_curated(workspace: Workspace) -> None:
    workspace.environments.register(environment("b"))
    workspace.environments.register(environment("b", "nltk"))
    workspace.environments.register(environment("a"))
    listed = [(one.name, one.version) for one in workspace.environments.list()]
    assert listed == [("AzureML-Minimal", "1"), ("AzureML-Triton", "1"), ("a", "1"), ("b", "2")]


@pytest.mark.parametrize("name", ["AzureML-Mine", "azureml", "Microsoft-Mine", "AzureML-Triton"])
def test_reserved_names_are_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="reserved") as caught:
        workspace.environments.register(environment(name))
    assert "clone" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["", "-a", "a b", "../a", "a" * 256, "ä"])
def test_bad_names_are_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="an environment's name must consist of"):
        workspace.environments.register(environment(name))


def test_a_curated_environment_is_itself_when_registered_unchanged(workspace: Workspace) -> None:
    assert workspace.environments.register(CURATED["AzureML-Triton"]) == CURATED["AzureML-Triton"]


@pytest.mark.parametrize("version", ["3", "x", "-1", "1.0", "9" * 30])
def test_what_is_not_there_is_told_with_what_is(workspace: Workspace, version: str) -> None:
    workspace.environments.register(environment())
    with pytest.raises(NotFoundError, match=f"'My-Triton' with version {version} is not registered") as caught:
        workspace.environments.get("My-Triton", version)
    assert caught.value.hint == "registered versions of 'My-Triton': 1"
    with pytest.raises(NotFoundError) as caught:
        workspace.environments.get("other")
    assert caught.value.hint == "environments of this workspace: AzureML-Minimal, AzureML-Triton, My-Triton"
