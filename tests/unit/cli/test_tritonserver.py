from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from naiad.cli.tritonserver import run
from naiad.config.settings import Settings
from naiad.config.settings_table import SETTINGS
from naiad.config.unserved_flags import UNSERVED_FLAGS
from naiad.errors import InternalError, NaiadError, UnavailableError
from naiad.server import server


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that a server was to be started with, instead of a server."""
    started: list[Settings] = []
    monkeypatch.setattr(server, "serve", started.append)
    return started


def failing(error: Exception) -> Callable[[Settings], None]:
    def serve(_: Settings) -> None:
        raise error

    return serve


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(flag: str, served: list[Settings], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--model-repository=x", flag]) == 0
    captured = capsys.readouterr()
    assert (captured.err, served) == ("", [])
    assert captured.out.startswith("Usage: naiad-tritonserver --model-repository=DIR")
    words = captured.out.split()
    names = [setting.name for setting in SETTINGS] + [flag.name for flag in UNSERVED_FLAGS]
    assert [name for name in names if f"--{name}" not in words] == []
    assert "Default: 0.0.0.0." in " ".join(words)


def test_a_server_is_started(served: list[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAIAD_METRICS_PORT", "9002")
    assert (
        run(["--model-repository", "a", "--model-repository=b", "--http-port=1", "--http-port=2", "--nothing=1"]) == 0
    )
    (settings,) = served
    assert settings.model_repository == ("a", "b")
    assert (settings.http_port, settings.metrics_port, settings.http_address) == (2, 9002, "0.0.0.0")
    assert len(settings.warnings) == 1


def test_bad_arguments(served: list[Settings], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--model-repository=a", "b"]) == 1
    captured = capsys.readouterr()
    assert (captured.out, served) == ("", [])
    assert captured.err.startswith("Usage: naiad-tritonserver")
    assert captured.err.splitlines()[-2:] == [
        "hint: naiad-tritonserver --help lists what there is",
        "Unexpected argument: b",
    ]


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (UnavailableError("no port"), ["error: creating server: Unavailable - no port"]),
        (InternalError("no model", hint="look"), ["hint: look", "error: creating server: Internal - no model"]),
    ],
)
def test_a_server_that_does_not_start(
    error: NaiadError, lines: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "serve", failing(error))
    assert run(["--model-repository=a"]) == 1
    assert capsys.readouterr().err.splitlines() == lines


def test_a_bug_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(server, "serve", failing(RuntimeError("oh")))
    assert run(["--model-repository=a"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: naiad failed unexpectedly: RuntimeError: oh"
    assert "Traceback" not in " ".join(lines)
