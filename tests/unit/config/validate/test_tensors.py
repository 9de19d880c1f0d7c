"""Inputs, outputs, batch inputs and batch outputs (triton.md §3.5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from naiad.config.validate.tensors import element_count
from naiad.errors import ConfigError

_TENSORRT = 'backend: "tensorrt" platform: "tensorrt_plan"'
_RAGGED = """
input { name: "x" data_type: TYPE_FP32 dims: -1 allow_ragged_batch: true }
output { name: "y" data_type: TYPE_FP32 dims: -1 }
"""


def _input(dims: str, reshape: str | None = None, *, batching: bool = False) -> str:
    shape = "" if reshape is None else f"reshape {{ shape: [{reshape}] }}"
    return f'max_batch_size: {int(batching)} input {{ name: "x" data_type: TYPE_FP32 dims: [{dims}] {shape} }}'


@pytest.mark.parametrize(
    "text",
    [
        _input("1"),
        _input("-1, 9223372036854775807"),
        _input("4, 6", "24"),
        _input("1", "", batching=True),
        _input("1, 1", "", batching=True),
        _input("2, 4, -1, 6", "8, -1, 1, 6"),
        _input("-1, -1", "-1, -1, 1"),
        'output { name: "y" data_type: TYPE_STRING dims: [3, 4, 5] reshape { shape: [60] } }',
        'input { name: "x" data_type: TYPE_FP32 dims: [3, 4, 5] format: FORMAT_NHWC }',
        f'{_TENSORRT} input {{ name: "x" data_type: TYPE_INT32 dims: 1 is_shape_tensor: true }}',
        f'{_TENSORRT} output {{ name: "y" data_type: TYPE_FP16 dims: [1, 2, 3] is_non_linear_format_io: true }}',
    ],
)
def test_accepted(text: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) is None


@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize(
    ("tensor", "sentence"),
    [
        ("", "must specify 'name' for m"),
        ('name: "t"', "'t' must specify 'data_type' for m"),
        ('name: "t" data_type: TYPE_FP32', "'t' must specify 'dims' for m"),
        (
            'name: "t" data_type: TYPE_FP32 dims: 1 reshape { }',
            "'t' cannot have empty reshape for non-batching model as scalar tensors are not supported for m",
        ),
        (
            'name: "t" data_type: TYPE_FP32 dims: [2, 0]',
            "'t' dimension must be integer >= 1, or -1 to indicate a variable-size dimension for m",
        ),
        (
            'name: "t" data_type: TYPE_FP32 dims: -2',
            "'t' dimension must be integer >= 1, or -1 to indicate a variable-size dimension for m",
        ),
        (
            'name: "t" data_type: TYPE_FP32 dims: 2 reshape { shape: [2, 0] }',
            "'t' reshape dimensions must be integer >= 1, or -1 to indicate a variable-size dimension for m",
        ),
        (
            'name: "t" data_type: TYPE_FP32 dims: [2, 3] reshape { shape: 5 }',
            "'t' has different size for dims and reshape for m",
        ),
        (
            'name: "t" data_type: TYPE_FP32 dims: [2, -1] reshape { shape: 2 }',
            "'t' has different size for dims and reshape for m",
        ),
        (
            'name: "t" data_type: TYPE_FP32 dims: [2, -1, 3] reshape { shape: [3, -1, 2] }',
            "'t' has different size for dims and reshape for m",
        ),
        (
            'name: "t" data_type: TYPE_FP32 dims: [-1, 2] reshape { shape: [-1, -1, 2] }',
            "'t' has different number of variable-size dimensions for dims and reshape for m",
        ),
    ],
)
def test_refused(side: str, tensor: str, sentence: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(f"{side} {{ {tensor} }}") == f"model {side} {sentence}"


def test_a_scalar_reshape_needs_one_element(refusal: Callable[[str], str | None]) -> None:
    assert refusal(_input("2", "", batching=True)) == "model input 'x' has different size for dims and reshape for m"


def test_an_element_count_fits_in_64_bits(refusal: Callable[[str], str | None]) -> None:
    sentence = "element count for tensor 'x dims' exceeds maximum size of 9223372036854775807 for m"
    assert refusal(_input("9223372036854775807, 2", "1")) == sentence


@pytest.mark.parametrize("tensor", ["input", "output"])
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("is_shape_tensor: true", "shape tensors are only supported for TensorRT platform for m"),
        (
            "is_non_linear_format_io: true",
            "Non-linear IO format is only supported for the TensorRT platform for m",
        ),
    ],
)
def test_what_only_tensorrt_has(tensor: str, text: str, sentence: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(f'{tensor} {{ name: "t" data_type: TYPE_FP32 dims: 1 {text} }}') == sentence


@pytest.mark.parametrize("tensor", ["input", "output"])
def test_a_non_linear_format_has_three_dimensions(tensor: str, refusal: Callable[[str], str | None]) -> None:
    text = f'{_TENSORRT} {tensor} {{ name: "t" data_type: TYPE_FP32 dims: 1 is_non_linear_format_io: true }}'
    assert refusal(text) == f"Non-linear IO format {tensor} requires 3 dims for m"


@pytest.mark.parametrize("layout", ["FORMAT_NHWC", "FORMAT_NCHW"])
def test_a_picture_has_three_dimensions(layout: str, refusal: Callable[[str], str | None]) -> None:
    text = f'input {{ name: "x" data_type: TYPE_FP32 dims: [3, 4] format: {layout} }}'
    assert refusal(text) == "model input NHWC/NCHW require 3 dims for m"


@pytest.mark.parametrize(
    "text",
    [
        'batch_input { kind: BATCH_ELEMENT_COUNT target_name: "n" data_type: TYPE_INT32 source_input: "x" }',
        'batch_input { kind: BATCH_ITEM_SHAPE target_name: "n" data_type: TYPE_FP32 source_input: "x" }',
        'batch_output { target_name: "y" source_input: "x" }',
    ],
)
def test_batch_tensors_accepted(text: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(f"{_RAGGED} {text}") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("batch_input { }", "batch input kind 'BATCH_ELEMENT_COUNT' expects 1 source input, got 0"),
        (
            'batch_input { kind: BATCH_ITEM_SHAPE_FLATTEN source_input: ["x", "x"] }',
            "batch input kind 'BATCH_ITEM_SHAPE_FLATTEN' expects 1 source input, got 2",
        ),
        ("batch_input { kind: 77 }", "unknown batch input kind ''"),
        (
            'batch_input { source_input: "x" data_type: TYPE_INT64 }',
            "batch input data type must be TYPE_INT32 or TYPE_FP32",
        ),
        ('batch_input { source_input: "z" data_type: TYPE_INT32 }', "unknown source input name 'z'"),
        ("batch_output { }", "batch output kind 'BATCH_SCATTER_WITH_INPUT_SHAPE' expects 1 source input, got 0"),
        ("batch_output { kind: 77 }", "unknown batch output kind ''"),
        ('batch_output { source_input: "y" }', "unknown source input name 'y'"),
        ('batch_output { source_input: "x" target_name: "x" }', "unknown target output name 'x'"),
        (
            'batch_output { source_input: "x" target_name: ["y", "y"] }',
            "target output name 'y' can only be specified once",
        ),
    ],
)
def test_batch_tensors_refused(text: str, sentence: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(f"{_RAGGED} {text}") == f"{sentence} for m"


@pytest.mark.parametrize(
    ("dims", "count"),
    [((), 0), ((3,), 3), ((3, 4), 12), ((3, -1, 0), -1), ((3, 0, -1), 0), ((2**63 - 1, 1), 2**63 - 1)],
)
def test_element_count(dims: tuple[int, ...], count: int) -> None:
    assert element_count(dims, name="t") == count


def test_a_negative_dimension_cannot_be_counted() -> None:
    with pytest.raises(ConfigError, match=r"^tensor 't' contains an invalid dimension in shape \[3,-4\]$"):
        element_count((3, -4), name="t")
