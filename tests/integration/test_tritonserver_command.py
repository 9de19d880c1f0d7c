"""`naiad-tritonserver` on command lines that were written for tritonserver."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from tests.support.http_client import ask
from tests.support.onnx_models import TINY_CONFIG, tiny, write_model
from tests.support.server import NAIAD_TRITONSERVER, fails_to_start, running

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tritonserver") / "models"
    write_model(path, "tiny", tiny(), TINY_CONFIG)
    return path


def test_a_command_line_of_tritonservers(models: Path, tmp_path: Path) -> None:
    flags = (
        f"--model-repository={models}",
        "--backend-directory=/opt/tritonserver/backends",
        "--model-control-mode",
        "explicit",
        "--load-model=*",
        "--strict-model-config=false",
        "--http-thread-count=64",
        "--grpc-infer-thread-count=8",
        "--sagemaker-port=8080",
        "--log-verbose",
        "0",
        "--cuda-memory-pool-byte-size=0:67108864",
        "--backend-config=onnxruntime,default-max-batch-size=4",
        "--tensorflow-version",
        "2",
    )
    with running(None, *flags, directory=tmp_path, program=NAIAD_TRITONSERVER) as server:
        assert server.ask("GET", "/v2").json["name"] == "triton"
        assert server.ask("GET", "/v2/models/tiny/ready").status == 200
        warnings = re.findall(r'^W.*\] "(.*)"$', server.log, re.MULTILINE)
        assert warnings == [
            "--sagemaker-port has no effect: naiad does not speak SageMaker's protocol",
            "--tensorflow-version has no effect: naiad does not know it",
        ]
        note = "tritonserver's defaults, which are not naiad's: --http-address=0.0.0.0 --id=triton"
        assert f'"{note}"' in server.log
        assert f"Started HTTPService at 0.0.0.0:{server.http_port}" in server.log
        assert f"Started Metrics Service at 0.0.0.0:{server.metrics_port}" in server.log
        assert "| tiny  | 1       | READY  |" in server.log
        assert ask(server.metrics_port, "GET", "/metrics").status == 200
    assert server.process.returncode == 0


@pytest.mark.parametrize(
    ("flags", "last"),
    [
        (("--http-port=abc",), "--http-port is 'abc', expected a port between 0 and 65535"),
        (("models",), "Unexpected argument: models"),
        (("--exit-on-error",), "--exit-on-error needs a value"),
        (("--http-restricted-api=heath:a=b",), "--http-restricted-api: unknown restricted api 'heath'"),
    ],
)
def test_bad_arguments(flags: tuple[str, ...], last: str, tmp_path: Path) -> None:
    status, output = fails_to_start(None, *flags, directory=tmp_path, program=NAIAD_TRITONSERVER)
    assert status == 1
    assert output.startswith("Usage: naiad-tritonserver --model-repository=DIR")
    assert output.splitlines()[-1] == last


@pytest.mark.parametrize(
    ("flags", "last"),
    [
        ((), "error: creating server: Invalid argument - --model-repository must be specified"),
        (
            ("--model-repository=/nowhere",),
            "error: creating server: Invalid argument - model repository '/nowhere' is not a directory",
        ),
        (
            ("--model-repository=.", "--metrics-address=192.0.2.1"),
            "error: creating server: Unavailable - unable to listen on '192.0.2.1:0': Cannot assign requested address",
        ),
    ],
)
def test_a_server_that_cannot_be(flags: tuple[str, ...], last: str, tmp_path: Path) -> None:
    status, output = fails_to_start(None, *flags, directory=tmp_path, program=NAIAD_TRITONSERVER)
    assert status == 1
    assert output.splitlines()[-1] == last
    assert "Traceback" not in output


def test_a_model_that_does_not_load(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "bad", b"nothing", TINY_CONFIG)
    flags = (f"--model-store={tmp_path / 'models'}",)
    status, output = fails_to_start(None, *flags, directory=tmp_path, program=NAIAD_TRITONSERVER)
    assert status == 1
    assert output.splitlines()[-1].startswith("error: creating server: Internal - failed to load all models: 'bad'")


def test_the_command_is_installed_with_naiad() -> None:
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, _, function = scripts["naiad-tritonserver"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))
