"""The classification extension (triton.md §1.6; the texts are a real tritonserver's)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.datatypes import BY_NAME
from naiad.errors import InvalidArgumentError
from naiad.protocol.classification import classify


def classes(values: Any, name: str, count: int, *, batched: bool = False, labels: Sequence[str] | None = None) -> Any:
    row = BY_NAME[name]
    array = classify(np.array(values, row.dtype), row, count, batched=batched, labels=labels)
    return np.vectorize(bytes.decode, otypes=[object])(array).tolist() if array.size else array.tolist()


def test_the_best_come_first() -> None:
    assert classes([-2.6632142, -1.808345, 4.646991, -0.700105], "FP32", 2) == ["4.646991:2", "-0.700105:3"]


def test_each_row_of_a_batch_has_its_own() -> None:
    assert classes([[1, 2], [4, 3]], "FP64", 1, batched=True) == [["2.000000:1"], ["4.000000:0"]]


def test_everything_behind_the_batch_is_one_row() -> None:
    assert classes([[[1, 5], [7, 2]]], "FP32", 2, batched=True) == [["7.000000:2", "5.000000:1"]]
    assert classes([[1, 5], [7, 2]], "FP32", 2) == ["7.000000:2", "5.000000:1"]


def test_more_than_there_are_is_all() -> None:
    assert classes([1, 3, 2], "FP32", 9) == ["3.000000:1", "2.000000:2", "1.000000:0"]
    assert classes([1, 3], "FP32", (1 << 64) - 1) == ["3.000000:1", "1.000000:0"]


def test_of_equal_ones_the_lower_index_comes_first() -> None:
    assert classes([1, 2, 2, 1], "FP32", 4) == ["2.000000:1", "2.000000:2", "1.000000:0", "1.000000:3"]
    assert classes([3, 9, 9], "UINT8", 3) == ["9:1", "9:2", "3:0"]


def test_labels() -> None:
    assert classes([1, 3, 2], "FP32", 3, labels=["cat", "dog"]) == ["3.000000:1:dog", "2.000000:2", "1.000000:0:cat"]


@pytest.mark.parametrize("name", ["INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"])
def test_integers_are_written_plainly(name: str) -> None:
    limits = np.iinfo(BY_NAME[name].dtype)
    low, high = int(limits.min), int(limits.max)
    assert classes([low, high, high - 1, 0], name, 2) == [f"{high}:1", f"{high - 1}:2"]


def test_neighbours_beyond_a_doubles_precision_keep_their_order() -> None:
    assert classes([3, 1 << 53, (1 << 53) + 1], "INT64", 2) == ["9007199254740993:2", "9007199254740992:1"]


def test_not_a_number_comes_last() -> None:
    assert classes([np.nan, 1, np.inf, -np.inf], "FP32", 4) == ["inf:2", "1.000000:1", "-inf:3", "nan:0"]


def test_a_row_without_elements() -> None:
    assert classes(np.zeros((2, 0)), "FP32", 3, batched=True) == [[], []]
    assert classes([], "FP32", 3) == []


def test_a_scalar() -> None:
    assert classes(2.0, "FP32", 3) == ["2.000000:0"]


@pytest.mark.parametrize("name", ["BYTES", "BOOL", "FP16", "BF16"])
def test_types_without_classes(name: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        classify(np.zeros(2, BY_NAME[name].dtype), BY_NAME[name], 1, batched=False, labels=None)
    assert caught.value.message == f"class result not available for output due to unsupported type '{name}'"


def test_too_many_elements() -> None:
    assert len(classes(np.zeros(1_000_000), "FP32", 1)) == 1
    with pytest.raises(InvalidArgumentError, match="classification output tensor too large"):
        classes(np.zeros(1_000_001), "FP32", 1)


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=30), st.integers(1, 40))
def test_the_order_is_that_of_the_values(values: list[int], count: int) -> None:
    found = classes(values, "INT8", count)
    expected = sorted(range(len(values)), key=lambda index: (-values[index], index))[:count]
    assert found == [f"{values[index]}:{index}" for index in expected]
