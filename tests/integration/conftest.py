"""One server with many models, for every test that only asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.onnx_models import (
    ONNX_TYPES,
    TINY_CONFIG,
    identity,
    picker,
    ports_config,
    spinner,
    tiny,
    write_model,
)
from tests.support.server import Server, running

IDENTITY_MODELS = {name: name.lower() for name in ONNX_TYPES}
"""Models without a batch dimension that give back what they get: their names by datatype."""


@pytest.fixture(scope="session")
def many_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of `server`.

    tiny: x FP32[16] → y FP32[4], as recorded; labelled, two_versions (1 and 3): the same.
    fp32, bytes, …: i0[-1] → o0[-1], of every datatype. two: FP32 and INT32, batched.
    auto, spin, pick: without a configuration.
    reshaped: takes [4] and gives [2, 2] to a graph of [-1, 2, 2]; scalars: a batch of scalars.
    """
    path = tmp_path_factory.mktemp("many") / "models"
    write_model(path, "tiny", tiny(), TINY_CONFIG)
    for datatype, name in IDENTITY_MODELS.items():
        write_model(path, name, identity((datatype, ["n"])), ports_config([(datatype, [-1])]))
    both = (("FP32", ["b", "n"]), ("INT32", ["b", "n"]))
    write_model(path, "two", identity(*both), ports_config([("FP32", [-1]), ("INT32", [-1])], max_batch_size=8))
    labelled = TINY_CONFIG.replace("dims: 4 }", 'dims: 4 label_filename: "labels.txt" }')
    write_model(path, "labelled", tiny(), labelled, labels=["cat", "dog", "bird"])
    versions = write_model(path, "two_versions", tiny(), TINY_CONFIG + "version_policy { all {} }\n")
    (versions / "3").mkdir()
    (versions / "3" / "model.onnx").write_bytes(tiny().SerializeToString())
    for name, made in (("auto", tiny()), ("spin", spinner()), ("pick", picker())):
        write_model(path, name, made)
    write_model(path, "reshaped", identity(("FP32", ["b", 2, 2])), RESHAPED_CONFIG)
    write_model(path, "scalars", identity(("FP32", ["b"])))
    return path


RESHAPED_CONFIG = """backend: "onnxruntime"
max_batch_size: 8
input { name: "i0" data_type: TYPE_FP32 dims: 4 reshape { shape: [ 2, 2 ] } }
output { name: "o0" data_type: TYPE_FP32 dims: 4 reshape { shape: [ 2, 2 ] } }
"""


@pytest.fixture(scope="session")
def server(many_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on `many_models`. Tests that change or stop one start their own."""
    with running(many_models, directory=tmp_path_factory.mktemp("server")) as started:
        yield started
