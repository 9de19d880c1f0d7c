"""The models run, the configuration agrees with them, and a request is what Triton's client sends."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from google.protobuf import text_format

from benchmarks import models, recorded_request
from benchmarks.models import Model
from naiad.messages import model_config_pb2


@pytest.mark.parametrize("model", models.MODELS, ids=lambda model: model.name)
def test_graph_and_configuration_agree(model: Model, tmp_path: Path) -> None:
    models.save_repository(tmp_path, [model])
    session = onnxruntime.InferenceSession(tmp_path / model.name / "1" / "model.onnx")
    (output,) = session.run(["y"], {"x": model.input(2)})
    config = text_format.Parse((tmp_path / model.name / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
    assert output.shape == (2, *config.output[0].dims)
    assert model.input(2).shape == (2, *config.input[0].dims)
    assert config.HasField("dynamic_batching")
    assert np.isfinite(output).all()
    assert len(np.unique(output)) > 1


def test_the_mlp_has_its_2_4_million_parameters(tmp_path: Path) -> None:
    models.save_repository(tmp_path, [models.MLP])
    assert 2.3e6 < (tmp_path / "mlp" / "1" / "model.onnx").stat().st_size / 4 < 2.5e6


def test_a_binary_request_has_its_tensor_behind_the_json() -> None:
    request = recorded_request.record(models.TINY, batch_size=3, binary=True)
    length = int(request.headers["Inference-Header-Content-Length"])
    header = json.loads(request.body[:length])
    assert header["inputs"][0]["shape"] == [3, 16]
    assert header["outputs"] == [{"name": "y", "parameters": {"binary_data": True}}]
    assert request.body[length:] == models.TINY.input(3).tobytes()


def test_a_json_request_holds_all_its_floats() -> None:
    request = recorded_request.record(models.TINY, batch_size=16, binary=False)
    assert "Inference-Header-Content-Length" not in request.headers
    assert np.ravel(json.loads(request.body)["inputs"][0]["data"]).size == 256
