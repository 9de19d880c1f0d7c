from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.config.restricted_api import CATEGORIES, RestrictedApi
from naiad.config.settings_file import read_settings_file
from naiad.errors import ConfigError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "serve.yaml"


def test_values_are_read_as_those_of_flags(path: Path) -> None:
    path.write_text(
        """
# a comment
model_repository:
  - models
  - s3://bucket/models
http-port: 8010
id: 2024-01-01
exit-on-error: Off
disable-auto-complete-config: true
repository-poll-secs: 0.5
load-model: "*"
http-restricted-api: health:key=value
backend-config: ["onnxruntime,a=1", b=2]
log-file: "null"
"""
    )
    given_settings = read_settings_file(path)
    assert given_settings.values == {
        "model_repository": ("models", "s3://bucket/models"),
        "http_port": 8010,
        "id": "2024-01-01",
        "exit_on_error": False,
        "disable_auto_complete_config": True,
        "repository_poll_secs": 0.5,
        "load_model": ("*",),
        "http_restricted_api": (RestrictedApi(("health",), "key", "value"),),
        "backend_config": (("onnxruntime", "a", "1"), ("", "b", "2")),
        "log_file": "null",
    }
    assert given_settings.warnings == []


def test_json_is_yaml(path: Path) -> None:
    path.write_text('{"http-port": 1, "load-model": ["a"]}')
    assert read_settings_file(path).values == {"http_port": 1, "load_model": ("a",)}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_an_empty_file(path: Path, text: str) -> None:
    path.write_text(text)
    assert read_settings_file(path).values == {}


def test_a_flag_without_effect(path: Path) -> None:
    path.write_text("sagemaker_port: 8080\nmetrics-config: [summary_latencies=true]\nallow-sagemaker: false\n")
    assert read_settings_file(path).warnings == [
        "--sagemaker-port has no effect: naiad does not speak SageMaker's protocol",
        "--metrics-config has no effect: latencies are served as counters, neither as histograms nor as summaries",
    ]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("id: x\nhttp-prot: 1\n", "serve.yaml:2: there is no setting 'http-prot'", "did you mean http-port?"),
        ("http_prot: 1\n", "serve.yaml:1: there is no setting 'http_prot'", "did you mean http-port?"),
        ("xyzzy: 1\n", "serve.yaml:1: there is no setting 'xyzzy'", None),
        ("--id: 1\n", "serve.yaml:1: there is no setting '--id'", "did you mean id?"),
        ("id: x\n\nhttp-port: many\n", "serve.yaml:3: http-port is 'many', expected a port between 0 and 65535", None),
        ("http-port:\n", "serve.yaml:1: http-port has no value", None),
        ("http-port: ~\n", "serve.yaml:1: http-port has no value", None),
        ("http-port: [1]\n", "serve.yaml:1: http-port must have one value", None),
        ("http-port: {a: 1}\n", "serve.yaml:1: http-port must have one value", None),
        ("load-model: {a: 1}\n", "serve.yaml:1: load-model must have one value or a list of them", None),
        ("load-model: [[a]]\n", "serve.yaml:1: load-model must have one value", None),
        ("load-model: &a [*a]\n", "serve.yaml:1: load-model must have one value", None),
        ("id: a\nid: b\n", "serve.yaml:2: id is given a second time", None),
        ("http-port: 1\nhttp_port: 2\n", "serve.yaml:2: http_port is given a second time", None),
        ("model-store: a\nmodel-repository: b\n", "serve.yaml:2: model-repository is given a second time", None),
        ("config: x\n", "serve.yaml:1: a settings file cannot name another one", None),
        ("[a]: 1\n", "serve.yaml:1: a key is expected to be the name of a setting", None),
        ("- id\n", "serve.yaml: a mapping of settings to values is expected, such as http-port: 8000", None),
        ("id\n", "serve.yaml: a mapping of settings to values is expected, such as http-port: 8000", None),
        (
            "http-restricted-api: health:s3cret\n",
            "serve.yaml:1: http-restricted-api is not <categories>:<header>=<value>",
            None,
        ),
        (
            "http-restricted-api: heath:a=b\n",
            "serve.yaml:1: http-restricted-api: unknown restricted api 'heath'",
            f"there are {', '.join(CATEGORIES)}",
        ),
    ],
)
def test_faults(path: Path, text: str, message: str, hint: str | None) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_settings_file(path)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_not_yaml(path: Path) -> None:
    path.write_text("id: x\nhttp-port: [1\n")
    with pytest.raises(ConfigError, match=r"^serve\.yaml:3: not YAML: expected ',' or ']'"):
        read_settings_file(path)


def test_not_text(path: Path) -> None:
    path.write_bytes(b"id: \xff\xfe\n")
    with pytest.raises(ConfigError, match=r"^serve\.yaml: not YAML: it is no text$"):
        read_settings_file(path)


def test_nested_too_deeply(path: Path) -> None:
    path.write_text("[" * 100_000)
    with pytest.raises(ConfigError, match=r"^serve\.yaml: not YAML: nested too deeply$"):
        read_settings_file(path)


def test_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"^unable to read the settings file '{tmp_path}': Is a directory$"):
        read_settings_file(tmp_path)


@given(st.text())
def test_any_text_is_settings_or_a_fault(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode())
    fault = ""
    try:
        read_settings_file(path)
    except ConfigError as error:
        fault = error.message
    assert fault == "" or fault.startswith("any.yaml")
