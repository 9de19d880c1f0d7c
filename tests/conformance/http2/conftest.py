"""One server for everything that speaks HTTP/2 by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.onnx_models import TINY_CONFIG, identity, ports_config, spinner, tiny, write_model
from tests.support.server import Server, running

SPIN_CONFIG = """backend: "onnxruntime"
max_batch_size: 4
input { name: "steps" data_type: TYPE_INT64 dims: 1 }
output { name: "done" data_type: TYPE_INT64 dims: 1 }
instance_group { kind: KIND_CPU count: 1 }
parameters { key: "execution" value { string_value: "thread" } }
"""


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model, one that gives back what it gets, and a slow one."""
    path = tmp_path_factory.mktemp("http2") / "models"
    write_model(path, "tiny", tiny(), TINY_CONFIG)
    write_model(path, "fp32", identity(("FP32", ["n"])), ports_config([("FP32", [-1])]))
    write_model(path, "spin", spinner(), SPIN_CONFIG)
    return path


@pytest.fixture(scope="session")
def server(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the usual limits, but that it may be pinged as often as anybody likes."""
    pings = "--grpc-http2-max-ping-strikes=0"
    with running(models, pings, directory=tmp_path_factory.mktemp("server")) as started:
        yield started
        assert "Traceback" not in started.log
