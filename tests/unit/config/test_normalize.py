"""Normalising fills what a configuration leaves open, and only that (triton.md §3.3)."""

from __future__ import annotations

import pytest

from naiad.config import pbtxt
from naiad.config.normalize import normalize

_PINNED = "optimization { input_pinned_memory { enable: true } output_pinned_memory { enable: true } }"
_LATEST = "version_policy { latest { num_versions: 1 } }"
_ONE = 'instance_group { name: "m" kind: KIND_CPU count: 1 }'


@pytest.mark.parametrize(
    ("written", "filled"),
    [
        pytest.param("", f"{_LATEST} {_PINNED} {_ONE}", id="nothing"),
        pytest.param(
            'backend: "onnxruntime"',
            f'backend: "onnxruntime" {_LATEST} {_PINNED} instance_group {{ name: "m" kind: KIND_CPU count: 2 }}',
            id="two onnxruntime instances on a CPU",
        ),
        pytest.param(
            'backend: "onnxruntime" instance_group { kind: KIND_MODEL } instance_group { name: "g" count: 3 }'
            "instance_group { count: -1 kind: KIND_GPU gpus: 0 }",
            f'backend: "onnxruntime" {_LATEST} {_PINNED} instance_group {{ name: "m_0" kind: KIND_MODEL count: 1 }}'
            'instance_group { name: "g" kind: KIND_CPU count: 3 }'
            'instance_group { name: "m_2" kind: KIND_GPU count: 1 gpus: 0 }',
            id="each group by itself",
        ),
        pytest.param(
            "max_batch_size: 8 dynamic_batching { }",
            f"max_batch_size: 8 dynamic_batching {{ preferred_batch_size: 8 }} {_LATEST} {_PINNED} {_ONE}",
            id="preferred batch size",
        ),
        pytest.param(
            "max_batch_size: 8 dynamic_batching { preferred_batch_size: [2, 4] }",
            f"max_batch_size: 8 dynamic_batching {{ preferred_batch_size: [2, 4] }} {_LATEST} {_PINNED} {_ONE}",
            id="preferred batch sizes given",
        ),
        pytest.param(
            "dynamic_batching { }", f"dynamic_batching {{ }} {_LATEST} {_PINNED} {_ONE}", id="nothing to batch"
        ),
        pytest.param(
            "max_batch_size: 4 sequence_batching { oldest { } }",
            "max_batch_size: 4 sequence_batching { max_sequence_idle_microseconds: 1000000 "
            f"oldest {{ preferred_batch_size: 4 }} }} {_LATEST} {_PINNED} {_ONE}",
            id="oldest",
        ),
        pytest.param(
            "max_batch_size: 4 sequence_batching { max_sequence_idle_microseconds: 7 }",
            f"max_batch_size: 4 sequence_batching {{ max_sequence_idle_microseconds: 7 }} {_LATEST} {_PINNED} {_ONE}",
            id="direct",
        ),
        pytest.param(
            'platform: "ensemble" ensemble_scheduling { }',
            f'platform: "ensemble" ensemble_scheduling {{ }} {_LATEST}',
            id="an ensemble has no instances",
        ),
        pytest.param(
            "version_policy { all { } } optimization { input_pinned_memory { enable: false } }",
            "version_policy { all { } } optimization { input_pinned_memory { enable: false } "
            f"output_pinned_memory {{ enable: true }} }} {_ONE}",
            id="what is given stays",
        ),
    ],
)
def test_fills(written: str, filled: str) -> None:
    config = pbtxt.parse(f'name: "m" {written}', source="written")
    expected = pbtxt.parse(f'name: "m" {filled}', source="filled")
    normalize(config)
    assert config == expected
    normalize(config)
    assert config == expected
