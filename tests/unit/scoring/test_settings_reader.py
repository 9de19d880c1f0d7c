"""The host's settings: flags over variables over the file, and what is wrong with them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.errors import ConfigError, NaiadError, UsageError
from naiad.scoring.settings import SOURCES
from naiad.scoring.settings_reader import flags_help, read_settings

SCRIPT = ("--entry_script", "score.py")


def test_defaults_are_azmlinfsrvs_but_for_the_address() -> None:
    settings = read_settings(SCRIPT, {}).settings
    assert (settings.port, settings.worker_count, settings.worker_timeout) == (5001, 1, 300)
    assert (settings.scoring_timeout_ms, settings.worker_preload) == (3_600_000, False)
    assert settings.host == "127.0.0.1"
    assert settings.script_path == Path.cwd() / "score.py"
    assert settings.root == Path.cwd()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--worker_count", "3", "--model_dir", "m"),
        ("--worker-count=3", "--model-dir=m"),
        ("--rest", "--worker_count=3", "--model-dir", "m"),
    ],
)
def test_flags_have_dashes_or_underscores(arguments: tuple[str, ...]) -> None:
    settings = read_settings((*SCRIPT, *arguments), {}).settings
    assert (settings.worker_count, settings.model_dir) == (3, str(Path.cwd() / "m"))


def test_a_boolean_flag_may_stand_alone() -> None:
    settings = read_settings(("--router-codes", "--worker-preload", "--worker_count=2", *SCRIPT), {}).settings
    assert settings.router_codes
    assert settings.worker_preload
    assert not read_settings((*SCRIPT, "--router-codes", "false"), {}).settings.router_codes


def test_flags_win_over_variables_and_variables_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "any.json"
    file.write_text(json.dumps({"WORKER_COUNT": 2, "SERVICE_NAME": "file", "SERVICE_VERSION": "file"}))
    environment = {"WORKER_COUNT": "3", "SERVICE_NAME": "variable"}
    read = read_settings((*SCRIPT, "--worker-count=4", "--config_file", str(file)), environment)
    settings = read.settings
    assert (settings.worker_count, settings.service_name, settings.service_version) == (4, "variable", "file")
    assert read.config_file == file
    assert read.warnings == ()


@pytest.mark.parametrize("folder", ["root", "script"])
def test_a_config_json_is_found(tmp_path: Path, folder: str) -> None:
    (tmp_path / "script").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / folder / "config.json").write_text('{"SERVICE_NAME": "found", "Mine": 1, "HOSTNAME": "h"}')
    environment = {"AML_APP_ROOT": str(tmp_path / "root"), "AZUREML_ENTRY_SCRIPT": "../script/score.py"}
    read = read_settings((), environment)
    assert read.settings.service_name == "found"
    assert read.warnings == (
        "Found extra keys in the config file that are not supported by the server.\nExtra keys = ['Mine']",
    )


def test_a_script_in_a_variable_is_relative_to_the_application(tmp_path: Path) -> None:
    settings = read_settings((), {"AML_APP_ROOT": str(tmp_path), "AZUREML_ENTRY_SCRIPT": "a/score.py"}).settings
    assert settings.script_path == tmp_path / "a/score.py"
    assert settings.variables()["AZUREML_ENTRY_SCRIPT"] == "a/score.py"


def test_main_py_serves_where_only_the_application_is_named(tmp_path: Path) -> None:
    settings = read_settings((), {"AML_APP_ROOT": str(tmp_path), "AZUREML_SOURCE_DIRECTORY": "src"}).settings
    assert settings.script_path is None
    assert settings.source_dirs == (tmp_path, tmp_path / "src")


def test_origins_one_by_one() -> None:
    assert read_settings(SCRIPT, {"AML_CORS_ORIGINS": " a.com , b.com,"}).settings.cors_origins == ("a.com", "b.com")
    assert read_settings(SCRIPT, {}).settings.cors_origins == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Either provide an entry_script using --entry_script or provide a path to"),
        (("score.py",), "unrecognized argument: score.py"),
        ((*SCRIPT, "--port"), "--port expects a port between 0 and 65535, and nothing follows it"),
        ((*SCRIPT, "--port=70000"), "--port must be a port between 0 and 65535, not '70000'"),
        ((*SCRIPT, "--port=x"), "--port must be a port between 0 and 65535, not 'x'"),
        ((*SCRIPT, "--worker_count", "0"), "--worker_count must be an integer above 0, not '0'"),
        ((*SCRIPT, "--router-codes=perhaps"), "--router-codes must be true or false, not 'perhaps'"),
    ],
)
def test_a_command_line_that_cannot_be_understood(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_settings(arguments, {})
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"WORKER_COUNT": "many"}', '"\\ud800'])
def test_a_config_file_that_cannot_be(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    with pytest.raises(ConfigError):
        read_settings((*SCRIPT, "--config-file", str(file)), {})


def test_a_named_config_file_must_be_there() -> None:
    with pytest.raises(ConfigError, match=r"Invalid config file!: .*/nowhere\.json is not there"):
        read_settings((*SCRIPT, "--config_file=nowhere.json"), {})


def test_a_wrong_variable_names_itself() -> None:
    with pytest.raises(ConfigError, match=r"WORKER_TIMEOUT must be .* \(environment variable: WORKER_TIMEOUT\)"):
        read_settings(SCRIPT, {"WORKER_TIMEOUT": "-1"})


def test_the_help_names_every_flag_and_variable() -> None:
    text = flags_help(width=80)
    for name, source in SOURCES.items():
        assert f"--{name.replace('_', '-')} <" in text
        assert f"[{source.variable}]" in text.replace("\n      ", " ")
    assert max(map(len, text.splitlines())) <= 80


words = st.one_of(
    st.sampled_from(["--port", "--worker_count=2", "--router-codes", "--rest", "=", "--", "-x", "--=1", *SCRIPT]),
    st.text(),
)


@given(st.lists(words, max_size=6), st.dictionaries(st.sampled_from([s.variable for s in SOURCES.values()]), st.text()))
def test_whatever_is_given_is_understood_or_refused_with_a_sentence(
    arguments: list[str], environment: dict[str, str]
) -> None:
    with contextlib.suppress(NaiadError):
        assert read_settings(arguments, environment).settings.port >= 0
