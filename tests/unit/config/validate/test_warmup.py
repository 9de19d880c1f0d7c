"""Warm-up samples (triton.md §4.7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest


def _sample(tensor: str, *, batch_size: int = 1) -> str:
    value = f'inputs {{ key: "x" value {{ data_type: TYPE_FP32 {tensor} }} }}'
    return f'model_warmup {{ name: "w" batch_size: {batch_size} {value} }}'


@pytest.mark.parametrize(
    "text",
    [
        _sample("dims: [1, 2] zero_data: true"),
        _sample("dims: [1, 2] random_data: true"),
        _sample('dims: [1, 2] input_data_file: "x"'),
        _sample("dims: -1", batch_size=0),
    ],
)
def test_accepted(text: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            _sample("dims: [1, -1] zero_data: true"),
            "warmup setting expects all variable-size dimensions are specified for input 'x'",
        ),
        (_sample("dims: 1"), "[request id: <id_unknown>] warmup setting expects input 'x' to have input_data_type set"),
        (
            _sample("dims: [9223372036854775807, 2] zero_data: true"),
            "element count for tensor 'x' exceeds maximum size of 9223372036854775807",
        ),
    ],
)
def test_refused(text: str, sentence: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) == sentence
