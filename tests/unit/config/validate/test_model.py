"""Identity, limits and policies of a whole configuration (triton.md §3.5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from naiad.config import pbtxt
from naiad.config.model_config import ModelConfig
from naiad.config.validate import validate
from naiad.errors import ConfigError


@pytest.mark.parametrize(
    "text",
    [
        "",
        'backend: "custom" platform: "anything"',
        'backend: "onnxruntime" platform: "onnxruntime_onnx"',
        'backend: "tensorflow" platform: "tensorflow_graphdef"',
        'backend: "tensorflow" platform: "tensorflow_savedmodel"',
        'backend: "pytorch" platform: "pytorch_libtorch"',
        'backend: "pytorch" platform: "torch_aoti"',
        'backend: "tensorrt" platform: "tensorrt_plan"',
        "version_policy { all { } }",
        'default_model_filename: "sub/model..py"',
        "response_cache { enable: true }",
        "model_transaction_policy { decoupled: true }",
        'model_metrics { metric_control { metric_identifier { family: "f" } histogram_options { buckets: 1 } } }',
    ],
)
def test_accepted(text: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('platform: "caffe"', "unexpected platform type 'caffe' for m"),
        (
            'backend: "onnxruntime" platform: "tensorrt_plan"',
            "unexpected 'platform' and 'backend' pair, got:tensorrt_plan, onnxruntime",
        ),
        ('backend: "onnxruntime"', "unexpected 'platform' and 'backend' pair, got:, onnxruntime"),
        ('backend: "pytorch" platform: "libtorch"', "unexpected 'platform' and 'backend' pair, got:libtorch, pytorch"),
        *(
            (
                f'default_model_filename: "{name}"',
                f"default_model_filename '{name}' of model m is outside the version folder",
            )
            for name in ("/etc/passwd", "../2/model.onnx", "a/../../b", "..")
        ),
        ("max_batch_size: -1", "'max_batch_size' must be non-negative value for m"),
        (
            "model_transaction_policy { decoupled: true } response_cache { enable: true }",
            (
                "Response Cache does not currently support model m with 'decoupled' transaction policy. "
                "Please disable the response cache."
            ),
        ),
        ("model_metrics { metric_control { } }", "metric control must specify 'metric_identifier'"),
        (
            "model_metrics { metric_control { metric_identifier { } } }",
            "metric identifier must specify non-empty 'family'",
        ),
        (
            'model_metrics { metric_control { metric_identifier { family: "f" } } }',
            "metric control must specify 'histogram_options'",
        ),
        (
            'model_metrics { metric_control { metric_identifier { family: "f" } histogram_options { } } }',
            "histogram options must specify non-empty 'buckets'",
        ),
    ],
)
def test_refused(text: str, sentence: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "model configuration must specify 'name'"),
        ('name: "m"', "unexpected platform type '' for m"),
        ('name: "m" backend: "python"', "must specify 'version policy' for m"),
        ('name: "m" backend: "python" version_policy { }', "must specify one or more 'instance group's for m"),
    ],
)
def test_what_completing_and_normalising_leave_out_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(pbtxt.parse(text, source="config.pbtxt"))
    assert caught.value.message == sentence


def test_a_wrong_pair_has_a_hint() -> None:
    with pytest.raises(ConfigError) as caught:
        validate(ModelConfig(name="m", backend="tensorflow", platform="tf"))
    assert caught.value.hint == "expected platform tensorflow_graphdef or tensorflow_savedmodel"
