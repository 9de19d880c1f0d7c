"""Answers: their JSON, and the bytes behind it."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest

from naiad import datatypes
from naiad.datatypes import BY_NAME
from naiad.protocol.infer_response import OutputEncoding, raw_bytes, response_start


def test_the_start_with_and_without_an_id() -> None:
    assert response_start("m", "3", "") + b"]}" == b'{"model_name":"m","model_version":"3","outputs":[]}'
    assert json.loads(response_start("m", "3", 'a"\n\té/') + b"]}") == {
        "id": 'a"\n\té/',
        "model_name": "m",
        "model_version": "3",
        "outputs": [],
    }


def test_a_name_is_escaped() -> None:
    fragment = OutputEncoding('y"\\', BY_NAME["FP32"], binary=True).fragment((1, 2), size_bytes=8)
    assert json.loads(fragment) == {
        "name": 'y"\\',
        "datatype": "FP32",
        "shape": [1, 2],
        "parameters": {"binary_data_size": 8},
    }


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3)])
def test_data_in_the_json_is_flat(shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    fragment = OutputEncoding("y", BY_NAME["INT32"], binary=False).fragment_with_data(array)
    assert json.loads(fragment) == {
        "name": "y",
        "datatype": "INT32",
        "shape": list(shape),
        "data": array.ravel().tolist(),
    }


@pytest.mark.parametrize("row", [row for row in datatypes.DATATYPES if row.size_bytes], ids=lambda row: row.name)
@pytest.mark.parametrize("count", [0, 3, 20_000])
def test_elements_are_sent_as_they_are(row: datatypes.DataType, count: int) -> None:
    array = np.arange(count).astype(row.dtype)
    sent = raw_bytes(array, row)
    assert len(sent) == count * row.size_bytes
    assert bytes(sent) == array.tobytes()


@pytest.mark.parametrize("count", [6, 60_000])
def test_elements_are_sent_row_major_whatever_lies_in_memory(count: int) -> None:
    array = np.arange(count, dtype=np.float32).reshape(2, -1).T
    assert bytes(raw_bytes(array, BY_NAME["FP32"])) == array.copy(order="C").tobytes()


def test_large_arrays_are_not_copied() -> None:
    array = np.zeros(100_000, np.float32)
    sent = raw_bytes(array, BY_NAME["FP32"])
    array[0] = 1
    assert bytes(sent)[:4] == array[:1].tobytes()


def test_bfloat16() -> None:
    array = np.array([1.0, -2.0], ml_dtypes.bfloat16)
    assert bytes(raw_bytes(array, BY_NAME["BF16"])) == b"\x80\x3f\x00\xc0"


def test_text_is_framed() -> None:
    array = datatypes.object_array(["é", b"\xff", ""], (3, 1))
    assert raw_bytes(array, datatypes.BYTES) == b"\x02\0\0\0\xc3\xa9\x01\0\0\0\xff\0\0\0\0"
