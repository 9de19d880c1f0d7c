from __future__ import annotations

import json
from pathlib import Path

import pytest

from naiad.errors import ConfigError, NotFoundError, UsageError
from naiad.targets.environment_file import save_directory
from naiad.targets.inference_config import InferenceConfig
from naiad.targets.inference_file import InferenceOptions, read_inference_config
from naiad.workspace.conda import CondaDependencies
from naiad.workspace.curated import CURATED
from naiad.workspace.environment import Environment, PythonSection
from naiad.workspace.environments import EnvironmentRegistry
from naiad.workspace.workspace import Workspace


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`scripts/score.py` in the working directory."""
    folder = tmp_path / "project" / "scripts"
    folder.mkdir(parents=True)
    (folder / "score.py").write_text("def init(): pass\ndef run(data): return data\n")
    monkeypatch.chdir(folder.parent)
    return folder


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> EnvironmentRegistry:
    registry = Workspace(tmp_path_factory.mktemp("workspace")).environments
    for pip in ("nltk", "six"):
        registry.register(named("My-Triton", pip))
    return registry


def named(name: str, *pip: str) -> Environment:
    return Environment(name, python=PythonSection(conda_dependencies=CondaDependencies(pip=pip)))


def config(entry_script: str = "score.py", source_directory: str | None = "scripts") -> InferenceConfig:
    return InferenceConfig(entry_script, None if source_directory is None else Path(source_directory), Environment("e"))


def test_a_script_in_a_folder(scripts: Path) -> None:
    made = config()
    assert (made.script, made.source) == (Path("scripts/score.py"), Path("scripts"))


def test_a_script_alone(scripts: Path) -> None:
    made = config("scripts/score.py", None)
    assert made.source == made.script == Path("scripts/score.py")
    assert config(str(scripts / "score.py"), None).script == scripts / "score.py"


@pytest.mark.parametrize(
    ("entry_script", "source_directory", "message"),
    [
        ("score.py", "gone", "source directory gone doesn't exist."),
        ("gone.py", "scripts", "entry_script gone.py doesn't exist. entry_script should be path relative to source"),
        ("gone.py", None, "entry_script should be path relative to current working directory"),
        ("../scripts/score.py", "scripts", "must be a path inside the source directory"),
        ("/etc/hosts", "scripts", "must be a path inside the source directory"),
        ("score.sh", "scripts", "Currently only Python drivers are supported."),
        ("my-score.py", "scripts", 'Error, invalid name "my-score" for provided entry script.'),
        ("broken.py", "scripts", "broken.py, line 2: "),
        ("latin.py", "scripts", "latin.py, line 1: "),
        ("zero.py", "scripts", "the entry script is not valid Python"),
    ],
)
def test_what_cannot_be_an_entry_script_is_told(
    scripts: Path, entry_script: str, source_directory: str | None, message: str
) -> None:
    for name in ("score.sh", "my-score.py"):
        (scripts / name).write_bytes(b"")
    (scripts / "broken.py").write_text("def init(): pass\ndef run(data) return data\n")
    (scripts / "latin.py").write_bytes(b"name = '\xff'")
    (scripts / "zero.py").write_bytes(b"a = 1\0")
    with pytest.raises(ConfigError) as caught:
        config(entry_script, source_directory)
    assert message in caught.value.message


def test_odd_but_valid_scripts_are_taken_without_a_warning(scripts: Path) -> None:
    (scripts / "odd.py").write_text('"\\d"\nassert (1, "always")\n')
    assert config("odd.py").entry_script == "odd.py"


def read(environments: EnvironmentRegistry, **options: object) -> tuple[InferenceConfig | None, tuple[str, ...]]:
    given = InferenceOptions(**options)  # type: ignore[arg-type]
    return read_inference_config(given, service="qa", environments=environments)


def found(environments: EnvironmentRegistry, **options: object) -> InferenceConfig:
    made, _ = read(environments, **options)
    assert made is not None
    return made


def write(document: object, name: str = "inference-config.json") -> Path:
    Path(name).write_text(document if isinstance(document, str) else json.dumps(document))
    return Path(name)


def test_no_option_is_no_configuration(environments: EnvironmentRegistry) -> None:
    assert read(environments) == (None, ())


@pytest.mark.parametrize("suffix", ["json", "yml"])
def test_the_seeds_file(scripts: Path, environments: EnvironmentRegistry, suffix: str) -> None:
    text = {
        "json": '{"entryScript": "score.py", "sourceDirectory": "scripts", "description": "answers"}',
        "yml": "entryScript: score.py\nsourceDirectory: scripts\ndescription: answers\n",
    }[suffix]
    file = write(text, f"inference-config.{suffix}")
    made = found(environments, file=file, environment_name="My-Triton")
    assert (made.entry_script, made.source_directory, made.description) == ("score.py", Path("scripts"), "answers")
    assert made.environment == environments.get("My-Triton", "2")
    made = found(environments, file=file, environment_name="My-Triton", environment_version="1")
    assert made.environment == environments.get("My-Triton", "1")


def test_options_say_the_same_and_win(scripts: Path, environments: EnvironmentRegistry) -> None:
    made = found(environments, entry_script="score.py", source_directory=Path("scripts"))
    assert (made.script, made.environment) == (Path("scripts/score.py"), Environment("qa-env"))
    file = write({"entryScript": "gone.py", "sourceDirectory": "gone", "environment": "gone"})
    made = found(
        environments,
        file=file,
        entry_script="score.py",
        source_directory=Path("scripts"),
        environment_name="AzureML-Triton",
    )
    assert made.environment == CURATED["AzureML-Triton"]


def test_where_an_environment_may_come_from(scripts: Path, environments: EnvironmentRegistry) -> None:
    Path("scripts/conda.yml").write_text("dependencies: [{pip: [six]}]")
    save_directory(named("saved", "attrs"), Path("environment"))
    script = {"entryScript": "score.py", "sourceDirectory": "scripts"}
    inline = {"environmentVariables": {"WORKER_COUNT": 1}}
    cases: tuple[tuple[dict[str, object], dict[str, object], Environment], ...] = (
        ({}, {}, Environment("qa-env")),
        ({"environment": "My-Triton"}, {}, environments.get("My-Triton")),
        ({"environment": inline}, {}, Environment("qa-env", environment_variables={"WORKER_COUNT": "1"})),
        ({"environment": {"name": "own"}}, {}, Environment("own")),
        ({"condaFile": "conda.yml"}, {}, named("qa-env", "six")),
        ({}, {"conda_file": Path("scripts/conda.yml")}, named("qa-env", "six")),
        ({"environment": "gone"}, {"environment_directory": Path("environment")}, named("saved", "attrs")),
    )
    for more, options, expected in cases:
        made = found(environments, file=write(script | more), **options).environment
        assert (made.name, made.version, made.environment_variables) == (
            expected.name,
            expected.version,
            expected.environment_variables,
        )
        assert made.python.conda_dependencies.pip == expected.python.conda_dependencies.pip


def test_what_is_about_images_is_noted(scripts: Path, environments: EnvironmentRegistry) -> None:
    document = {
        "entryScript": "scripts/score.py",
        "sourceDirectory": None,
        "runtime": "python",
        "extraDockerfileSteps": "steps",
        "enableGpu": True,
        "cudaVersion": "11",
        "baseImage": "image",
        "baseImageRegistry": {"address": "a", "username": "u", "password": "p"},
    }
    _, unused = read(environments, file=write(document))
    assert unused == ("extraDockerfileSteps", "enableGpu", "cudaVersion", "baseImage", "baseImageRegistry")
    _, unused = read(environments, file=write(document | dict.fromkeys(unused)))
    assert unused == ()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"sourceDirectory": "scripts"}, "inference-config.json: entryScript is missing"),
        ({"entryscript": "score.py"}, "inference-config.json: unknown key entryscript; did you mean entryScript?"),
        ({"entryScript": 3}, "inference-config.json: entryScript: Input should be a valid string, got 3"),
        ({"entryScript": "s.py", "runtime": "spark-py"}, "runtime: Input should be 'python', got 'spark-py'"),
        (
            {"entryScript": "s.py", "environment": 3},
            "environment: must be the definition of an environment, or the name",
        ),
        (
            {"entryScript": "s.py", "environment": {"docker": 1}},
            "inference-config.json: environment: docker: Input should be a valid dictionary",
        ),
        ('{"entryScript": "score.py",}', "inference-config.json: line 1, column 27: Trailing comma"),
        ("[]", "a mapping of keys to values is expected"),
    ],
)
def test_files_that_are_wrong(scripts: Path, environments: EnvironmentRegistry, document: object, message: str) -> None:
    with pytest.raises((ConfigError, UsageError)) as caught:
        read(environments, file=write(document))
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"environment_name": "My-Triton"}, "an environment needs an entry script"),
        ({"entry_script": "s.py", "environment_version": "1"}, "--environment-version goes with --environment-name"),
        (
            {"entry_script": "s.py", "environment_name": "a", "conda_file": Path("b")},
            "--environment-name and --conda-file each name an environment",
        ),
    ],
)
def test_options_that_contradict_each_other(
    environments: EnvironmentRegistry, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read(environments, **options)
    assert message in caught.value.message


def test_an_environment_that_is_not_registered(scripts: Path, environments: EnvironmentRegistry) -> None:
    with pytest.raises(NotFoundError, match="environment 'gone' is not registered"):
        read(environments, entry_script="scripts/score.py", environment_name="gone")
