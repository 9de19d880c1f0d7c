"""Instance groups: devices and profiles (triton.md §3.5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from naiad.config import pbtxt
from naiad.config.validate import validate
from naiad.errors import InternalError

_TENSORRT = 'backend: "tensorrt" platform: "tensorrt_plan"'


@pytest.mark.parametrize(
    "text",
    [
        "instance_group { count: 3 } instance_group { kind: KIND_MODEL }",
        f'{_TENSORRT} instance_group {{ profile: ["0", "12", "+3", " 4", "5th"] }}',
    ],
)
def test_accepted(text: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "instance_group { kind: KIND_GPU }",
            "instance group m_0 of model m has kind KIND_GPU but no GPUs are available",
        ),
        (
            'instance_group { } instance_group { name: "g" kind: KIND_GPU gpus: [2, 1] }',
            (
                "instance group g of model m specifies invalid or unsupported gpu id 2. GPUs with at least the minimum "
                "required CUDA compute compatibility of 6.000000 are: "
            ),
        ),
        (
            "instance_group { kind: KIND_CPU gpus: 0 }",
            "instance group m_0 of model m has kind KIND_CPU but specifies one or more GPUs",
        ),
        (
            "instance_group { gpus: 0 }",
            "instance group m_0 of model m has kind KIND_CPU but specifies one or more GPUs",
        ),
        (
            "instance_group { kind: KIND_MODEL gpus: 0 }",
            "instance group m_0 of model m has kind KIND_MODEL but specifies one or more GPUs",
        ),
        (
            'backend: "onnxruntime" platform: "onnxruntime_onnx" instance_group { profile: "1" }',
            (
                "instance group m_0 of model m and platform onnxruntime_onnxspecifies profile field which is only "
                "supported for TensorRT models"
            ),
        ),
        (f'{_TENSORRT} instance_group {{ profile: "" }}', "profile name must not be empty"),
        (f'{_TENSORRT} instance_group {{ profile: "fast" }}', "unable to parse 'fast': stoi"),
        (
            f'{_TENSORRT} instance_group {{ profile: "-1" }}',
            (
                "instance group m_0 of model m and platform tensorrt_plan specifies invalid profile -1. The field "
                "should contain the string representation of a non-negative integer."
            ),
        ),
    ],
)
def test_refused(text: str, sentence: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) == sentence


def test_an_automatic_kind_must_be_resolved_first() -> None:
    text = 'name: "m" backend: "python" version_policy { all { } } instance_group { name: "g" }'
    with pytest.raises(InternalError, match=r"^instance group g of model m has unexpected kind KIND_AUTO$"):
        validate(pbtxt.parse(text, source="config.pbtxt"))
