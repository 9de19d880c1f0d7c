from __future__ import annotations

import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import gunicorn
import pytest

from naiad.errors import ConfigError, DeploymentError
from naiad.targets.venv import build
from naiad.workspace.conda import CondaDependencies
from naiad.workspace.environment import Environment, PythonSection


def make_wheel(folder: Path, name: str, version: str, module: str, code: str, *, needs: str | None = None) -> None:
    """A wheel with one module and a console script of its name."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{module}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {module}:main\n",
        f"{info}/RECORD": "",
    }
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    make_wheel(folder, "greeting", "1.0", "greeting", "def main(): print('good day')\n")
    make_wheel(folder, "jmespath", "99.0", "jmespath", "__version__ = 'the environment own'\n")
    make_wheel(folder, "gunicorn", "20.1", "gunicorn", "__version__ = 'too old'")
    make_wheel(folder, "tracker", "1.0", "tracker", "", needs="gunicorn<21")
    make_wheel(folder, "modern", "1.0", "modern", "", needs="jmespath>=99")
    make_wheel(folder, "intruder", "1.0", "naiad", "")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "environments"


@pytest.fixture
def told() -> list[str]:
    return []


def environment(wheels: Path, *pip: str, packages: tuple[str, ...] = ()) -> Environment:
    lines = ("--no-index", f"--find-links {wheels}", *pip)
    return Environment("e", python=PythonSection(conda_dependencies=CondaDependencies(packages=packages, pip=lines)))


def output(python: Path, code: str) -> str:
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_what_naiad_has_needs_no_environment(wheels: Path, folder: Path, told: list[str]) -> None:
    assert build(environment(wheels, "numpy"), folder=folder, report=told.append) == Path(sys.executable)
    assert told == ["Environment e: nothing to install"]
    assert not folder.exists()


def test_an_image_is_not_used_and_that_is_told(folder: Path, told: list[str]) -> None:
    build(Environment("e", docker={"baseImage": "image"}), folder=folder, report=told.append)
    build(Environment("e", docker={"baseImage": None, "shmSize": "2g"}), folder=folder, report=told.append)
    assert told == ["Environment e: its image is not used on this machine", *["Environment e: nothing to install"] * 2]


def test_an_environment_has_its_packages_and_behind_them_naiads(wheels: Path, folder: Path, told: list[str]) -> None:
    python = build(environment(wheels, "greeting", "jmespath==99", "numpy"), folder=folder, report=told.append)
    assert told[0] == "Environment e: installing greeting, jmespath==99"
    assert not any("warning" in line for line in told)
    assert "  + greeting==1.0" in told
    assert told[-1].startswith("Environment e: ready after ")
    code = "import greeting, jmespath, naiad, numpy; greeting.main(); print(jmespath.__version__)"
    assert output(python, code) == "good day\nthe environment own"
    script = subprocess.run([python.with_name("greeting")], capture_output=True, text=True, check=True)
    assert script.stdout == "good day\n"
    assert names(folder) == [python.parents[1].name]


def test_the_host_is_made_of_what_naiad_needs(wheels: Path, folder: Path, told: list[str]) -> None:
    python = build(environment(wheels, "tracker", "gunicorn==20.1"), folder=folder, report=told.append)
    assert output(python, "import tracker, gunicorn; print(gunicorn.__version__)") == gunicorn.__version__


def test_what_naiad_has_already_still_counts(wheels: Path, folder: Path, told: list[str]) -> None:
    python = build(environment(wheels, "modern", "jmespath"), folder=folder, report=told.append)
    assert output(python, "import jmespath; print(jmespath.__version__)") == "the environment own"
    with pytest.raises(DeploymentError, match="jmespath<99"):
        build(environment(wheels, "modern", "jmespath<99"), folder=folder, report=told.append)


def test_what_was_built_is_used_again(wheels: Path, folder: Path, told: list[str]) -> None:
    first = build(environment(wheels, "greeting", "numpy"), folder=folder, report=told.append)
    again = Environment("other", python=environment(wheels, "numpy", "azureml-defaults", "greeting").python)
    assert build(again, folder=folder, report=told.append) == first
    assert told[-1] == "Environment other: built before"
    assert build(environment(wheels, "greeting==1.0"), folder=folder, report=told.append) != first


def test_two_builds_at_once_are_one(wheels: Path, folder: Path) -> None:
    told: list[str] = []
    pythons: list[Path] = []

    def run() -> None:
        pythons.append(build(environment(wheels, "greeting"), folder=folder, report=told.append))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(pythons)) == 1
    assert len(pythons) == 4
    assert sum("installing" in line for line in told) == 1
    assert names(folder) == [pythons[0].parents[1].name]


def test_packages_that_do_not_exist_are_told_in_uvs_words(wheels: Path, folder: Path, told: list[str]) -> None:
    with pytest.raises(DeploymentError) as caught:
        build(environment(wheels, "greeting==2.0"), folder=folder, report=told.append)
    assert caught.value.message.startswith("Environment e cannot be built: No solution found when resolving")
    assert "greeting==2.0" in caught.value.message
    assert "check names and versions of the requirements: greeting==2.0" in str(caught.value.hint)
    assert names(folder) == []
    with pytest.raises(DeploymentError) as caught:
        build(environment(wheels, "not-there"), folder=folder, report=told.append)
    assert "not-there was not found in the provided package locations" in caught.value.message
    assert not any("No solution" in line for line in told)


def test_an_index_that_cannot_be_reached_is_told(
    folder: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    conda = CondaDependencies(pip=("--index-url http://user:secret@127.0.0.1:9/simple", "not-there"))
    with pytest.raises(DeploymentError) as caught:
        build(Environment("e", python=PythonSection(conda_dependencies=conda)), folder=folder, report=told.append)
    assert "127.0.0.1:9" in caught.value.message
    assert "cannot be reached" in str(caught.value.hint)
    assert not any("secret" in text for text in (caught.value.message, str(caught.value.hint), *told))


def test_a_package_in_naiads_place_is_noticed(wheels: Path, folder: Path, told: list[str]) -> None:
    with pytest.raises(DeploymentError, match=r"its Python does not run:\n(.|\n)*'naiad' is not a package"):
        build(environment(wheels, "intruder"), folder=folder, report=told.append)
    assert names(folder) == []


def test_an_interrupted_build_leaves_nothing(wheels: Path, folder: Path) -> None:
    def interrupt(line: str) -> None:
        if line.startswith("  "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(environment(wheels, "greeting"), folder=folder, report=interrupt)
    assert names(folder) == []


KILLED = """
import sys
from pathlib import Path
from naiad.targets.venv import build
from tests.unit.targets.test_venv import environment

def report(line):
    if line.startswith("  "):
        print("half way", flush=True)
        sys.stdin.read()

build(environment(Path(sys.argv[1]), "greeting"), folder=Path(sys.argv[2]), report=report)
"""


def test_what_a_killed_build_left_is_cleared_away(wheels: Path, folder: Path, told: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(wheels), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"half way\n"
        killed.kill()
    assert len(names(folder)) == 2
    python = build(environment(wheels, "greeting"), folder=folder, report=told.append)
    assert names(folder) == [python.parents[1].name]


def test_an_environment_whose_python_is_gone_is_built_again(wheels: Path, folder: Path, told: list[str]) -> None:
    python = build(environment(wheels, "greeting"), folder=folder, report=told.append)
    python.unlink()
    python.symlink_to("/gone/python")
    assert build(environment(wheels, "greeting"), folder=folder, report=told.append) == python
    assert output(python, "import greeting, naiad; greeting.main()") == "good day"
    assert names(folder) == [python.parents[1].name]


def test_variables_of_another_python_do_no_harm(
    wheels: Path, folder: Path, told: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "naiad.py").write_text("raise SystemExit('wrong')")
    (tmp_path / "uv.toml").write_text("index-url = 3")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "other"))
    assert build(environment(wheels, "greeting"), folder=folder, report=told.append).exists()


def test_a_cache_that_cannot_be_written_is_told(
    wheels: Path, folder: Path, told: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(DeploymentError, match="cannot be built: Failed to initialize cache") as caught:
        build(environment(wheels, "greeting"), folder=folder, report=told.append)
    assert caught.value.hint is None
    assert names(folder) == []


def test_a_folder_that_cannot_be_made_is_told(wheels: Path, tmp_path: Path, told: list[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DeploymentError, match=r"cannot be built in .*file/environments: Not a directory"):
        build(environment(wheels, "greeting"), folder=tmp_path / "file" / "environments", report=told.append)


def test_a_python_that_is_not_there_is_told(
    wheels: Path, folder: Path, told: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path))
    with pytest.raises(ConfigError, match=r"asks for Python 3\.77, and there is none on this machine") as caught:
        build(environment(wheels, packages=("python=3.77",)), folder=folder, report=told.append)
    assert "uv python install 3.77" in str(caught.value.hint)
