from __future__ import annotations

import importlib
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import platformdirs
import pytest

import naiad as naiad_package
from naiad.cli import main as main_module
from naiad.cli.main import NOUNS
from naiad.errors import ConfigError, NotFoundError, UsageError
from naiad.workspace.models import ModelRegistry

from .conftest import Naiad


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(ModelRegistry, "list", fail)


def test_alone_it_shows_its_help(naiad: Naiad) -> None:
    outcome = naiad()
    assert outcome.status == 2
    assert all(noun in outcome.out for noun in NOUNS)


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help(naiad: Naiad, flag: str) -> None:
    outcome = naiad(flag)
    assert (outcome.status, outcome.err) == (0, "")
    assert all(f"{noun}  " in outcome.out for noun in NOUNS)


@pytest.mark.parametrize("noun", ["model", "service"])
def test_a_noun_alone_shows_its_verbs(naiad: Naiad, noun: str) -> None:
    outcome = naiad(noun)
    assert outcome.status == 2
    assert "delete" in outcome.out
    assert "--output" in outcome.out
    assert naiad(noun, "--help").status == 0


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_has_an_app(noun: str) -> None:
    assert importlib.import_module(NOUNS[noun].module).app is not None


def test_version(naiad: Naiad) -> None:
    assert naiad("--version").out == f"naiad {naiad_package.__version__}\n"


def test_the_word_ml_changes_nothing(naiad: Naiad) -> None:
    assert naiad("ml", "model", "list").out == naiad("model", "list").out == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["modle"], "No such command 'modle'. Did you mean 'model'?", "see `naiad --help`"),
        (["model", "regster"], "No such command 'regster'. Did you mean 'register'?", "see `naiad model --help`"),
        (["model", "show", "--nmae", "x"], "No such option: --nmae", "see `naiad model show --help`"),
        (["model", "register", "-n", "x"], "Missing option '--model-path' / '-p'", "see `naiad model register --help`"),
        (["model", "list", "-o", "xml"], "'xml' is not one of 'json', 'jsonc'", "see `naiad model list --help`"),
        (["model", "list", "extra"], "Got unexpected extra argument(s) (extra)", "see `naiad model list --help`"),
    ],
)
def test_command_lines_that_cannot_be_understood(naiad: Naiad, arguments: list[str], message: str, hint: str) -> None:
    outcome = naiad(*arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ")
    assert message in outcome.err
    assert outcome.err.endswith(f"\n\nhint: {hint}\n")


def test_words_that_are_not_text(naiad: Naiad) -> None:
    outcome = naiad("model", "show", "-i", os.fsdecode(b"\xff"))
    assert (outcome.status, outcome.err) == (2, "error: '\\udcff' is not valid UTF-8\n")


@pytest.mark.parametrize(("error", "status"), [(ConfigError, 1), (NotFoundError, 1), (UsageError, 2)])
def test_errors_of_naiad(naiad: Naiad, monkeypatch: pytest.MonkeyPatch, error: Any, status: int) -> None:
    fail_with(monkeypatch, error("what was wrong", hint="what to do"))
    outcome = naiad("model", "list")
    assert (outcome.status, outcome.out) == (status, "")
    assert outcome.err == "error: what was wrong\n\nhint: what to do\n"


def test_an_error_without_a_hint_is_one_line(naiad: Naiad, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, ConfigError("what was wrong"))
    assert naiad("model", "list").err == "error: what was wrong\n"


def test_the_machines_errors(naiad: Naiad, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, OSError(28, "No space left on device", "/data/blob"))
    outcome = naiad("model", "list")
    assert (outcome.status, outcome.err) == (1, "error: /data/blob: No space left on device\n")


def test_interrupted(naiad: Naiad, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    outcome = naiad("model", "list")
    assert (outcome.status, outcome.err) == (130, "")


def test_a_bug_is_one_sentence_and_a_file(naiad: Naiad, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(platformdirs, "user_log_path", lambda name: tmp_path / "logs" / name)
    fail_with(monkeypatch, ZeroDivisionError("oh"))
    outcome = naiad("model", "list")
    assert outcome.status == 1
    assert outcome.err.startswith("error: naiad failed unexpectedly: ZeroDivisionError: oh\n\nhint: ")
    assert "Traceback" not in outcome.err
    (file,) = (tmp_path / "logs" / "naiad").iterdir()
    assert str(file) in outcome.err
    assert "ZeroDivisionError: oh" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_bug_with_debug_is_a_traceback(naiad: Naiad, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(platformdirs, "user_log_path", lambda name: tmp_path / "logs" / name)
    fail_with(monkeypatch, ZeroDivisionError("oh"))
    outcome = naiad("model", "list", "--debug")
    assert "Traceback (most recent call last)" in outcome.err
    assert not (tmp_path / "logs").exists()


def test_a_bug_without_a_place_for_its_file(naiad: Naiad, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(platformdirs, "user_log_path", lambda name: tmp_path / "file" / name)
    fail_with(monkeypatch, ZeroDivisionError("oh"))
    assert naiad("model", "list").err.endswith("hint: run it again with --debug to see the traceback\n")


def modules_after(*arguments: str) -> set[str]:
    """What a fresh interpreter has imported after a command."""
    script = (
        "import sys; from naiad.cli.main import run; run(sys.argv[1:]);print('\\n'.join(['<modules>', *sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.partition("<modules>\n")[2].splitlines())


HEAVY = {"sqlalchemy", "alembic", "onnxruntime", "numpy", "rich.console", "tritonclient", "asyncio"}


@pytest.mark.parametrize("arguments", [["--help"], ["model", "--help"], ["service", "show", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    assert not HEAVY & modules_after(*arguments)


def test_serve_does_not_know_the_registry() -> None:
    modules = modules_after("serve", "--help")
    assert not {"sqlalchemy", "naiad.workspace", "naiad.targets"} & modules


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    environment = {**os.environ, "NAIAD_WORKSPACE": str(tmp_path / "workspace")}
    process = subprocess.Popen(
        [sys.executable, "-m", "naiad", "model", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 1


def test_the_entry_point_exits_with_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["naiad", "--version"])
    with pytest.raises(SystemExit) as caught:
        main_module.main()
    assert caught.value.code == 0
