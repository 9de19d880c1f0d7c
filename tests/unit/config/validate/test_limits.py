"""Numbers that no machine has room for."""

from __future__ import annotations

from collections.abc import Callable

import pytest


def _batching(levels: int) -> str:
    return f"dynamic_batching {{ priority_levels: {levels} default_priority_level: 1 }}"


def _sample(batch_size: int = 1, count: int = 1, dims: str = "[4]", datatype: str = "TYPE_FP64") -> str:
    tensor = f"data_type: {datatype} dims: {dims} zero_data: true"
    inputs = f'inputs {{ key: "x" value {{ {tensor} }} }}'
    return f'model_warmup {{ name: "w" batch_size: {batch_size} count: {count} {inputs} }}'


@pytest.mark.parametrize(
    "text",
    [
        "instance_group { count: 1000 } instance_group { count: 24 }",
        _batching(1024),
        _sample(batch_size=8, count=10_000),
        _sample(batch_size=8, dims="[4096, 4096]"),
        _sample(dims="[0, 9223372036854775807]"),
    ],
)
def test_accepted(text: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("instance_group { count: 2147483647 }", "model m asks for 2147483647 instances, at most 1024 are possible"),
        (
            "instance_group { count: 1000 } instance_group { count: 25 }",
            "model m asks for 1025 instances, at most 1024 are possible",
        ),
        (_batching(2**63), f"model m asks for {2**63} priority levels, at most 1024 are possible"),
        (_sample(count=10_001), "model m asks for 10001 runs of warmup sample 'w', at most 10000 are possible"),
        (
            _sample(batch_size=8, dims="[4096, 4097]"),
            "model m asks for 1074003968 bytes in warmup sample 'w', at most 1073741824 are possible",
        ),
        (
            _sample(dims="[16777217]", datatype="TYPE_STRING"),
            "model m asks for 1073741888 bytes in warmup sample 'w', at most 1073741824 are possible",
        ),
    ],
)
def test_refused(text: str, sentence: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) == sentence
