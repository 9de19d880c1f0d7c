from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from naiad.azureml.core import ContainerRegistry, Environment, Workspace
from naiad.azureml.core.conda_dependencies import CondaDependencies
from naiad.azureml.core.environment import CondaDependencies as Reexported
from naiad.azureml.core.environment import environment_value
from naiad.azureml.exceptions import UserErrorException
from naiad.workspace.environment import Environment as EnvironmentValue


def test_the_seeds_environment(ws: Workspace) -> None:
    env = Environment.get(ws, "AzureML-Triton").clone("My-Triton")
    env.python.conda_dependencies.add_pip_package("nltk")
    env.environment_variables["WORKER_COUNT"] = "1"
    registered = env.register(ws)

    assert (registered.name, registered.version) == ("My-Triton", "1")
    found = Environment.get(ws, name="My-Triton")
    assert found.python.conda_dependencies.pip_packages == [
        "azureml-defaults",
        "numpy",
        "tritonclient[http]",
        "nltk",
    ]
    assert found.environment_variables["WORKER_COUNT"] == "1"
    assert ws.environments["My-Triton"].version == "1"


def test_a_new_environment_is_empty() -> None:
    env = Environment("e")
    assert (env.name, env.version, env.environment_variables) == ("e", None, {})
    assert env.python.conda_dependencies.pip_packages == ["azureml-defaults"]
    assert env.python.conda_dependencies.conda_packages == []
    assert (env.python.user_managed_dependencies, env.python.interpreter_path) == (False, "python")
    assert str(env) == "Environment(Name: e,\nVersion: None)"
    assert json.loads(repr(env))["name"] == "e"


@pytest.mark.parametrize("make", [Environment, lambda name: Environment("e").clone(name)])
def test_a_name_is_needed(make: Any) -> None:
    with pytest.raises(UserErrorException, match="Name is required to instantiate an Environment object"):
        make("")


def test_versions(ws: Workspace) -> None:
    env = Environment("e")
    assert [env.register(ws).version for _ in range(2)] == ["1", "1"]
    env.environment_variables["A"] = 1
    second = env.register(ws)
    assert (second.version, second.environment_variables, env.version) == ("2", {"A": "1"}, None)
    assert Environment.get(ws, "e", "1").environment_variables == {}
    assert Environment.get(ws, "e", label="latest").version == "2"
    second.environment_variables.clear()
    assert second.register(ws).version == "3"
    assert second.clone("f").version is None


def test_what_is_not_there_is_told(ws: Workspace) -> None:
    with pytest.raises(UserErrorException, match="environment 'e' is not registered"):
        Environment.get(ws, "e")
    with pytest.raises(UserErrorException, match="no label 'stable'"):
        Environment.get(ws, "e", label="stable")
    with pytest.raises(UserErrorException, match="a version or a label"):
        Environment.get(ws, "e", "1", "latest")


def test_curated_environments_are_read_only(ws: Workspace) -> None:
    env = Environment.list(ws)["AzureML-Triton"]
    assert env.register(ws).version == "1"
    env.environment_variables["WORKER_COUNT"] = "9"
    with pytest.raises(UserErrorException, match="name 'AzureML-Triton' is reserved"):
        env.register(ws)
    assert Environment.get(ws, "AzureML-Triton").environment_variables["WORKER_COUNT"] == "4"


def test_what_is_not_changed_stays_as_it_was_registered(ws: Workspace) -> None:
    document: dict[str, Any] = {
        "name": "e",
        "docker": {"baseImage": None, "shmSize": "4g", "unknown": [1], "baseImageRegistry": {"address": None}},
        "spark": {"packages": []},
        "r": None,
        "inferencingStackVersion": "latest",
    }
    registered = ws._local.environments.register(EnvironmentValue.from_dict(document))
    assert environment_value(Environment.get(ws, "e")) == registered


def test_docker_sections() -> None:
    env = Environment("e")
    assert (env.docker.enabled, env.docker.shm_size, env.docker.base_image) == (False, "2g", None)
    env.docker.enabled = True
    env.docker.base_image = "image"
    env.docker.base_image_registry.address = "registry.example.org"
    document = environment_value(env).docker
    assert document["enabled"] is True
    assert document["baseImage"] == "image"
    assert document["baseImageRegistry"]["address"] == "registry.example.org"
    with pytest.warns(UserWarning, match="baseImage is taken away"):
        env.docker.base_dockerfile = "FROM other"
    assert environment_value(env).docker["baseImage"] is None
    assert environment_value(env).docker["baseDockerfile"] == "FROM other"
    with pytest.warns(UserWarning, match="baseDockerfile is taken away"):
        env.docker.base_image = "image"


def test_environments_from_files(project: Path, ws: Workspace) -> None:
    (project / "requirements.txt").write_text("nltk>=3  # words\nnumpy\n")
    (project / "conda.yml").write_text("dependencies: [python=3.11, {pip: [six]}]")
    (project / "Dockerfile").write_text("FROM file\n")
    env = Environment.from_pip_requirements("e", "requirements.txt")
    assert env.python.conda_dependencies.pip_packages == ["nltk>=3", "numpy"]
    env = Environment.from_conda_specification(name="e", file_path=project / "conda.yml")
    assert env.python.conda_dependencies.get_python_version() == "3.11"
    env = Environment.from_docker_image("e", "image", ContainerRegistry("a"), pip_requirements="requirements.txt")
    assert (env.docker.base_image, env.docker.base_image_registry.address) == ("image", "a")
    assert env.python.conda_dependencies.pip_packages == ["nltk>=3", "numpy"]
    env = Environment.from_dockerfile("e", "Dockerfile", conda_specification="conda.yml")
    assert (env.docker.base_dockerfile, env.python.conda_dependencies.pip_packages) == ("FROM file\n", ["six"])
    with (project / "Dockerfile").open() as file:
        assert Environment.from_dockerfile("e", file).docker.base_dockerfile == "FROM file\n"
    makers: tuple[Callable[[str, str], Environment], ...] = (
        Environment.from_conda_specification,
        Environment.from_pip_requirements,
        Environment.from_dockerfile,
    )
    for make in makers:
        with pytest.raises(UserErrorException, match="cannot be read"):
            make("e", "gone")
    with pytest.raises(UserErrorException, match="give conda_specification or pip_requirements"):
        Environment.from_docker_image("e", "image", None, "conda.yml", "requirements.txt")


def test_folders(project: Path, ws: Workspace) -> None:
    env = Environment.get(ws, "AzureML-Triton").clone("e")
    env.save_to_directory("saved")
    loaded = Environment.load_from_directory("saved")
    assert environment_value(loaded) == environment_value(env)
    with pytest.raises(UserErrorException, match="already exists"):
        env.save_to_directory("saved")
    env.save_to_directory("saved", overwrite=True)
    with pytest.raises(UserErrorException, match=r"holds no azureml_environment\.json"):
        Environment.load_from_directory("gone")


def test_build_local_registers_and_builds(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    env = Environment.get(ws, "AzureML-Triton").clone("e")
    env.build_local(ws, useDocker=False)
    assert capsys.readouterr().out == "Environment e: nothing to install\n"
    assert Environment.get(ws, "e").version == "1"
    env.python.conda_dependencies.add_conda_package("scipy")
    with pytest.raises(UserErrorException, match="conda packages, which naiad does not use: scipy"):
        env.build_local(ws)


def test_build_tells_when_it_is_asked(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    built = Environment("e").build(ws, image_build_compute="cluster")
    assert (built.status, Environment.get(ws, "e").version) == ("Succeeded", "1")
    built.wait_for_completion()
    assert capsys.readouterr().out == ""
    built.wait_for_completion(show_output=True)
    assert capsys.readouterr().out == "Environment e: nothing to install\n"


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("environment_variables", [], "environment_variables must be a dict"),
        ("environment_variables", {"A=B": "1"}, "'A=B' cannot be an environment variable"),
        ("environment_variables", {"A": "\0"}, "'A' cannot be an environment variable"),
        ("docker", {}, "docker must be a DockerSection, not dict"),
        ("name", "a b", "an environment's name must consist of"),
    ],
)
def test_what_cannot_be_registered(ws: Workspace, attribute: str, value: Any, message: str) -> None:
    env = Environment("e")
    setattr(env, attribute, value)
    with pytest.raises(UserErrorException) as caught:
        env.register(ws)
    assert message in caught.value.message


def test_conda_dependencies_are_the_same_class() -> None:
    assert Reexported is CondaDependencies


def test_create_conda_dependencies() -> None:
    dependencies = CondaDependencies.create(
        pip_indexurl="https://example.org/simple",
        pip_packages=["nltk", "azureml-defaults==1.2"],
        conda_packages=["scipy"],
        python_version="3.11",
        pin_sdk_version=False,
    )
    assert dependencies.pip_packages == ["nltk", "azureml-defaults==1.2"]
    assert dependencies.pip_options == ["--index-url https://example.org/simple"]
    assert dependencies.conda_packages == ["python=3.11", "scipy"]
    assert dependencies.get_python_version() == "3.11"
    assert CondaDependencies.create().get_python_version() is None


def test_a_package_of_the_same_name_is_replaced() -> None:
    dependencies = CondaDependencies()
    for package in ("NumPy", "numpy>=1", "numpy[x]==2 ", "six"):
        dependencies.add_pip_package(package)
        dependencies.add_conda_package(package)
    assert dependencies.pip_packages == ["azureml-defaults", "numpy[x]==2", "six"]
    assert dependencies.conda_packages == ["numpy[x]==2", "six"]
    dependencies.remove_pip_package("numpy")
    dependencies.remove_conda_package("Six==1")
    dependencies.remove_pip_package("gone")
    assert dependencies.pip_packages == ["azureml-defaults", "six"]
    assert dependencies.conda_packages == ["numpy[x]==2"]


def test_options_and_channels() -> None:
    dependencies = CondaDependencies()
    dependencies.set_pip_option("--index-url https://a")
    dependencies.set_pip_option("--index-url=https://b")
    dependencies.set_pip_option("--no-index")
    assert dependencies.pip_options == ["--no-index", "--index-url=https://b"]
    dependencies.set_pip_requirements(["nltk"])
    assert (dependencies.pip_options, dependencies.pip_packages) == ([], ["nltk"])
    dependencies.add_channel("own")
    dependencies.add_channel("own")
    dependencies.remove_channel("anaconda")
    assert dependencies.conda_channels == ["conda-forge", "own"]


@pytest.mark.parametrize("package", ["", "-e .", "--index-url x", " ", "==1"])
def test_options_are_no_packages(package: str) -> None:
    with pytest.raises(UserErrorException, match=f"Invalid package name {package}"):
        CondaDependencies().add_pip_package(package)
    with pytest.raises(UserErrorException, match=f"Invalid package name {package}"):
        CondaDependencies.create(conda_packages=[package])


def test_packages_are_no_options() -> None:
    with pytest.raises(UserErrorException, match="must be an option"):
        CondaDependencies().set_pip_option("nltk")
    with pytest.raises(UserErrorException, match="must be a list"):
        CondaDependencies().set_pip_requirements("nltk")


def test_conda_files(project: Path) -> None:
    dependencies = CondaDependencies.create(pip_packages=["nltk"], python_version="3.11")
    path = dependencies.save()
    assert path == "conda_dependencies.yml"
    assert CondaDependencies(path).as_dict() == dependencies.as_dict()
    assert dependencies.save_to_file(project, "own.yml") == "own.yml"
    assert (project / "own.yml").read_text() == dependencies.serialize_to_string()
    with pytest.raises(UserErrorException, match="cannot be read"):
        CondaDependencies(conda_dependencies_file_path="gone.yml")
