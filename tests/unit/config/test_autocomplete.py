"""What the folder, the name and the graph tell about a model (triton.md §3.2, §3.4)."""

from __future__ import annotations

import json

import pytest

from naiad.config import pbtxt
from naiad.config.autocomplete import complete_backend, complete_from_signature
from naiad.config.normalize import normalize
from naiad.config.render import config_json
from naiad.config.signature import ModelSignature, TensorSignature
from naiad.datatypes import BY_NAME
from naiad.errors import ConfigError


@pytest.mark.parametrize(
    ("written", "entries", "platform", "backend", "filename"),
    [
        ("", ["model.onnx"], "onnxruntime_onnx", "onnxruntime", "model.onnx"),
        ("", ["labels.txt", "model.onnx", "model.py"], "onnxruntime_onnx", "onnxruntime", "model.onnx"),
        ("", ["model.py"], "", "python", "model.py"),
        ("", ["model.xml", "model.bin"], "", "openvino", "model.xml"),
        ("", ["model.pt"], "pytorch_libtorch", "pytorch", "model.pt"),
        ("", ["model.pt2"], "torch_aoti", "pytorch", "model.pt2"),
        ("", ["model.savedmodel"], "tensorflow_savedmodel", "tensorflow", "model.savedmodel"),
        ("", ["model.graphdef"], "tensorflow_graphdef", "tensorflow", "model.graphdef"),
        ("", ["model.plan"], "tensorrt_plan", "tensorrt", "model.plan"),
        ('platform: "onnxruntime_onnx"', [], "onnxruntime_onnx", "onnxruntime", "model.onnx"),
        ('platform: "onnxruntime_onnx"', ["model.py"], "onnxruntime_onnx", "onnxruntime", "model.onnx"),
        ('backend: "onnxruntime"', [], "onnxruntime_onnx", "onnxruntime", "model.onnx"),
        ('backend: "onnxruntime" default_model_filename: "b.onnx"', [], "onnxruntime_onnx", "onnxruntime", "b.onnx"),
        ('default_model_filename: "model.onnx"', [], "onnxruntime_onnx", "onnxruntime", "model.onnx"),
        ('default_model_filename: "net.onnx"', ["model.onnx"], "", "", "net.onnx"),
        ('platform: "tensorflow_graphdef"', [], "tensorflow_graphdef", "tensorflow", "model.graphdef"),
        ('backend: "tensorflow"', ["model.graphdef"], "tensorflow_graphdef", "tensorflow", "model.graphdef"),
        ('backend: "tensorflow"', [], "", "tensorflow", ""),
        ('backend: "pytorch"', [], "pytorch_libtorch", "pytorch", "model.pt"),
        ('backend: "pytorch"', ["model.pt2"], "torch_aoti", "pytorch", "model.pt2"),
        ('backend: "python" platform: "onnxruntime_onnx"', [], "onnxruntime_onnx", "python", "model.py"),
        ('backend: "identity"', ["model.onnx"], "", "identity", ""),
        ('platform: "caffe"', ["model.onnx"], "caffe", "", ""),
        ('platform: "ensemble"', ["model.onnx"], "ensemble", "", ""),
    ],
)
def test_backend(written: str, entries: list[str], platform: str, backend: str, filename: str) -> None:
    config = pbtxt.parse(written, source="config.pbtxt")
    complete_backend(config, name="folder", entries=entries)
    assert config.name == "folder"
    assert (config.platform, config.backend, config.default_model_filename) == (platform, backend, filename)


def test_a_written_name_stays() -> None:
    config = pbtxt.parse('name: "written"', source="config.pbtxt")
    complete_backend(config, name="folder", entries=["model.onnx"])
    assert config.name == "written"


def test_the_name_tells_the_backend_when_nothing_else_does() -> None:
    config = pbtxt.parse("", source="config.pbtxt")
    complete_backend(config, name="add.identity.v2", entries=["other.bin"])
    assert (config.backend, config.default_model_filename, config.platform) == (
        "identity.v2",
        "model.identity.v2",
        "",
    )


def test_nothing_tells_the_backend() -> None:
    config = pbtxt.parse("max_batch_size: 1", source="config.pbtxt")
    with pytest.raises(ConfigError) as caught:
        complete_backend(config, name="no_version", entries=[])
    assert caught.value.message == (
        "Invalid model name: Could not determine backend for model 'no_version' with no backend in model "
        "configuration. Expected model name of the form 'model.<backend_name>'."
    )


def _tensor(name: str, *shape: int, datatype: str = "INT32") -> TensorSignature:
    return TensorSignature(name, BY_NAME[datatype], shape)


BATCHABLE = ModelSignature(
    inputs=(_tensor("INPUT0", -1, 16), _tensor("INPUT1", -1, 16)),
    outputs=(_tensor("OUTPUT0", -1, 16, datatype="INT8"), _tensor("OUTPUT1", -1, 16, datatype="INT8")),
)
FIXED = ModelSignature(
    inputs=(_tensor("INPUT0", 16), _tensor("INPUT1", 16)),
    outputs=(_tensor("OUTPUT0", 16, datatype="INT8"), _tensor("OUTPUT1", 16, datatype="INT8")),
)
_IO = """
input { name: "INPUT0" data_type: TYPE_INT32 dims: 16 } input { name: "INPUT1" data_type: TYPE_INT32 dims: 16 }
output { name: "OUTPUT0" data_type: TYPE_INT8 dims: 16 } output { name: "OUTPUT1" data_type: TYPE_INT8 dims: 16 }
"""
_COMMON = """
platform: "onnxruntime_onnx" backend: "onnxruntime" default_model_filename: "model.onnx"
version_policy { latest { num_versions: 1 } }
optimization { input_pinned_memory { enable: true } output_pinned_memory { enable: true } }
"""


@pytest.mark.parametrize(
    ("name", "written", "signature", "expected"),
    [
        pytest.param(
            "no_config",
            "",
            BATCHABLE,
            "max_batch_size: 4 dynamic_batching { preferred_batch_size: 4 }"
            'instance_group { name: "no_config" count: 2 kind: KIND_CPU }',
            id="batchable",
        ),
        pytest.param(
            "no_config_no_batch",
            "instance_group [ { kind: KIND_CPU } ]",
            FIXED,
            'instance_group { name: "no_config_no_batch_0" count: 2 kind: KIND_CPU }',
            id="not batchable",
        ),
    ],
)
def test_an_onnx_model_without_configuration(name: str, written: str, signature: ModelSignature, expected: str) -> None:
    config = pbtxt.parse(written, source="config.pbtxt")
    complete_backend(config, name=name, entries=["model.onnx"])
    complete_from_signature(config, signature)
    normalize(config)
    assert config == pbtxt.parse(f'name: "{name}" {_COMMON} {_IO} {expected}', source="expected")


def test_the_order_of_completing_and_normalising_does_not_matter() -> None:
    first, second = pbtxt.parse("", source="config.pbtxt"), pbtxt.parse("", source="config.pbtxt")
    for config in first, second:
        complete_backend(config, name="m", entries=["model.onnx"])
    normalize(first)
    for config in first, second:
        complete_from_signature(config, BATCHABLE)
        normalize(config)
    assert first == second


@pytest.mark.parametrize(
    ("written", "default", "max_batch_size", "scheduler"),
    [
        ("", 4, 4, "dynamic_batching"),
        ("", 1, 1, None),
        ("", 0, 0, None),
        ("", -3, 0, None),
        ("max_batch_size: 1", 4, 1, None),
        ("max_batch_size: 32", 4, 32, "dynamic_batching"),
        ("max_batch_size: 32 sequence_batching { }", 4, 32, "sequence_batching"),
        ("max_batch_size: 32 ensemble_scheduling { }", 4, 32, "ensemble_scheduling"),
    ],
)
def test_batching(written: str, default: int, max_batch_size: int, scheduler: str | None) -> None:
    config = pbtxt.parse(written, source="config.pbtxt")
    complete_from_signature(config, BATCHABLE, default_max_batch_size=default)
    assert config.max_batch_size == max_batch_size
    assert config.WhichOneof("scheduling_choice") == scheduler
    assert list(config.input[0].dims) == ([16] if max_batch_size else [-1, 16])


@pytest.mark.parametrize(
    ("signature", "batchable"),
    [
        (ModelSignature((_tensor("x", -1, 2),), (_tensor("y", -1),)), True),
        (ModelSignature((_tensor("x", -1, 2),), (_tensor("y", 1),)), False),
        (ModelSignature((_tensor("x", -1, 2), _tensor("z")), (_tensor("y", -1),)), False),
        (ModelSignature((_tensor("x", -1, 2),), (_tensor("y", -1),), (_tensor("weights", 2),)), True),
    ],
)
def test_every_tensor_must_have_an_open_first_dimension(signature: ModelSignature, batchable: bool) -> None:
    config = pbtxt.parse("", source="config.pbtxt")
    complete_from_signature(config, signature)
    assert config.max_batch_size == (4 if batchable else 0)


def test_a_graph_that_cannot_batch_refuses_a_batch_size() -> None:
    config = pbtxt.parse('name: "bad" max_batch_size: 1', source="config.pbtxt")
    with pytest.raises(ConfigError) as caught:
        complete_from_signature(config, FIXED)
    assert caught.value.message == (
        "autofill failed for model 'bad': model does not support batching while non-zero max_batch_size is specified"
    )


def test_a_batch_of_scalars_is_reshaped() -> None:
    config = pbtxt.parse("", source="config.pbtxt")
    complete_from_signature(config, ModelSignature((_tensor("x", -1),), (_tensor("y", -1, -1, 2),)))
    assert (
        config.input[0]
        == pbtxt.parse('input { name: "x" data_type: TYPE_INT32 dims: 1 reshape { } }', source="").input[0]
    )
    assert json.loads(config_json(config))["input"][0]["reshape"] == {"shape": []}
    assert list(config.output[0].dims) == [-1, 2]


def test_a_scalar_is_one_element_without_batching() -> None:
    config = pbtxt.parse("", source="config.pbtxt")
    complete_from_signature(config, ModelSignature((_tensor("x"),), (_tensor("y", 3),)))
    assert list(config.input[0].dims) == [1]
    assert not config.input[0].HasField("reshape")


@pytest.mark.parametrize("present", ["input", "output", "batch_input"])
def test_only_the_missing_side_is_filled(present: str) -> None:
    config = pbtxt.parse(f"{present} {{ }}", source="config.pbtxt")
    complete_from_signature(config, BATCHABLE)
    assert len(config.input) == {"input": 1, "output": 2, "batch_input": 0}[present]
    assert len(config.output) == (1 if present == "output" else 2)


def test_a_full_configuration_is_left_alone() -> None:
    config = pbtxt.parse(_IO, source="config.pbtxt")
    complete_from_signature(config, BATCHABLE)
    assert config == pbtxt.parse(_IO, source="config.pbtxt")
