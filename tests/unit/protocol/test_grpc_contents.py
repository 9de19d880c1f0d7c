"""Typed contents, to the bytes of raw ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.datatypes import BY_NAME, encode_bytes
from naiad.errors import InvalidArgumentError
from naiad.protocol.grpc_contents import contents_bytes
from naiad.protocol.protobuf_wire import field
from tests.support.grpc_messages import contents, tensor

FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
}


def converted(name: str, elements: Any, *, field_name: str = "") -> bytes:
    made = contents(tensor(datatype=name), **{field_name or FIELDS[name]: elements})
    return contents_bytes(made, BY_NAME[name], "m")


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("count", [1, 3, 200])
def test_every_type(name: str, count: int) -> None:
    dtype = BY_NAME[name].dtype
    values = np.resize(np.array([0, 1, 1, 0, 100]), count).astype(dtype)
    assert converted(name, values.tolist()) == values.tobytes()


@pytest.mark.parametrize("name", ["INT32", "INT64", "UINT32", "UINT64"])
def test_the_ends_of_their_ranges(name: str) -> None:
    info = np.iinfo(BY_NAME[name].dtype)
    assert converted(name, [info.min, info.max]) == np.array([info.min, info.max], BY_NAME[name].dtype).tobytes()


@given(st.lists(st.floats(width=32), min_size=1))
def test_floats_are_kept_bit_by_bit(values: list[float]) -> None:
    assert converted("FP32", values) == np.array(values, np.float32).tobytes()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("INT8", 128, -128), ("INT8", -129, 127), ("UINT8", 256, 0), ("UINT16", 65537, 1), ("INT16", 32768, -32768)],
)
def test_small_numbers_lose_their_upper_bits(name: str, value: int, expected: int) -> None:
    assert converted(name, [value]) == np.array([expected], BY_NAME[name].dtype).tobytes()


def test_text() -> None:
    assert converted("BYTES", [b"a", b"", b"\xff\0"], field_name="bytes_contents") == encode_bytes(
        [b"a", b"", b"\xff\0"]
    )


def test_nothing() -> None:
    assert contents_bytes(contents(tensor()), BY_NAME["FP32"], "m") == b""


def test_fields_that_are_not_known_are_passed_over() -> None:
    made = tensor()
    made.contents.MergeFromString(field(6, np.float32(1).tobytes()) + field(99, b"junk"))
    assert contents_bytes(made, BY_NAME["FP32"], "m") == np.float32(1).tobytes()


@pytest.mark.parametrize(
    ("name", "field_name", "held"),
    [("FP32", "fp64_contents", "FP64"), ("INT8", "uint_contents", "UINT32"), ("FP16", "fp32_contents", "FP32")],
)
def test_the_field_of_another_type(name: str, field_name: str, held: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        converted(name, [1], field_name=field_name)
    assert caught.value.message == (
        f"unexpected explicit tensor data for input tensor 'a' for model 'm' of type '{held}', "
        f"expected datatype '{name}'"
    )


def test_two_fields() -> None:
    made = contents(tensor(datatype="INT32"), int_contents=[1], uint_contents=[1])
    with pytest.raises(InvalidArgumentError) as caught:
        contents_bytes(made, BY_NAME["INT32"], "m")
    assert caught.value.message == (
        "unexpected explicit tensor data for input tensor 'a' for model 'm', binary data was already supplied."
    )
