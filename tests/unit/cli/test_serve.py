from __future__ import annotations

import subprocess
import sys

import pytest

from naiad.cli.settings_help import settings_help
from naiad.config.settings import NAIAD_SERVE, Settings
from naiad.config.settings_table import SETTINGS
from naiad.server import server

from .conftest import Naiad


def help_text(width: int) -> str:
    return settings_help(("Usage: naiad serve",), dialect=NAIAD_SERVE, width=width)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that a server was to be started with, instead of a server."""
    started: list[Settings] = []
    monkeypatch.setattr(server, "serve", started.append)
    return started


@pytest.mark.parametrize("flags", [["--help"], ["-h"], ["models", "--http-port=1", "--help"], ["--help", "--nonsense"]])
def test_help_lists_every_setting(naiad: Naiad, served: list[Settings], flags: list[str]) -> None:
    outcome = naiad("serve", *flags)
    assert (outcome.status, outcome.err) == (0, "")
    assert served == []
    for setting in SETTINGS:
        assert f"\n  --{setting.name} <" in outcome.out


@pytest.mark.parametrize("width", [0, 60, 80, 120, 1000])
def test_help_fits_the_terminal(width: int) -> None:
    wrapped = [line for line in help_text(width).splitlines() if line.startswith("      ")]
    assert max(map(len, wrapped)) <= max(60, min(width, 120))


def test_help_tells_defaults_that_there_are() -> None:
    text = " ".join(help_text(120).split())
    assert "Default: 8000." in text
    assert "Default: true." in text
    assert "Default: None." not in text
    assert "Default: ()." not in text


def test_flags_words_and_variables_reach_the_server(
    naiad: Naiad, served: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAIAD_METRICS_PORT", "9002")
    monkeypatch.setenv("NAIAD_HTTP_PORT", "1")
    outcome = naiad("serve", "one", "--http-port", "9000", "--model-repository=two", "--exit-on-error=off")
    assert (outcome.status, outcome.err) == (0, "")
    (settings,) = served
    assert settings.model_repository == ("one", "two")
    assert (settings.http_port, settings.metrics_port, settings.exit_on_error) == (9000, 9002, False)
    assert settings.http_address == "127.0.0.1"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--nonsense"], "Unexpected argument: --nonsense"),
        (["--http-port"], "--http-port needs a value"),
        (["--http-port=eight"], "--http-port is 'eight', expected a port between 0 and 65535"),
        (["--http-port=1", "--http-port=2"], "--http-port is given more than once, expected once"),
        (["-x"], "Unexpected argument: -x"),
    ],
)
def test_usage_errors(naiad: Naiad, served: list[Settings], flags: list[str], sentence: str) -> None:
    outcome = naiad("serve", "models", *flags)
    assert (outcome.status, outcome.out) == (2, "")
    assert sentence in outcome.err
    assert "Traceback" not in outcome.err
    assert served == []


def test_usage_errors_come_before_anything_heavy_is_imported() -> None:
    code = (
        "import sys; from naiad.cli.main import run; status = run(['serve', '--nonsense'])\n"
        "heavy = {'onnxruntime', 'numpy', 'uvloop', 'sqlalchemy'} & set(sys.modules)\n"
        "sys.exit(f'{status} {heavy}')"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert process.stderr.splitlines()[-1] == "2 set()"
