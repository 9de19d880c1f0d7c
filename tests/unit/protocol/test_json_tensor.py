"""Tensors in JSON: every datatype both ways, every nesting, and everything that is not what it says."""

from __future__ import annotations

import json
import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad import datatypes
from naiad.datatypes import BY_NAME, DataType
from naiad.errors import InternalError, InvalidArgumentError
from naiad.protocol.json_tensor import array_from_json, array_to_json

NUMBERS = [row for row in datatypes.DATATYPES if row.json_representable and row.dtype.kind in "iuf"]
INTEGERS = [row for row in NUMBERS if row.dtype.kind in "iu"]
FLOATS = [row for row in NUMBERS if row.dtype.kind == "f"]

WRONG_COUNT = "Unable to parse 'data': Shape does not match true shape of 'data' field"
WRONG_KIND = {
    "b": "Unable to parse 'data': attempt to access JSON non-boolean as boolean",
    "i": "Unable to parse 'data': attempt to access JSON non-signed-integer as signed-integer",
    "u": "Unable to parse 'data': attempt to access JSON non-unsigned-integer as unsigned-integer",
    "f": "Unable to parse 'data': attempt to access JSON non-number as double",
}
NOT_TEXT = "Unable to parse JSON bytes array: attempt to access JSON non-string as string"


def name_of(row: DataType) -> str:
    return row.name


def read(data: Any, name: str, count: int) -> list[Any]:
    array = array_from_json(data, BY_NAME[name], count)
    assert array.dtype == BY_NAME[name].dtype
    assert array.shape == (count,)
    assert array.flags.c_contiguous
    return list(array.tolist())


def refusal(data: Any, name: str, count: int) -> str:
    with pytest.raises(InternalError) as caught:
        array_from_json(data, BY_NAME[name], count)
    return caught.value.message


class TestIntegers:
    @pytest.mark.parametrize("row", INTEGERS, ids=name_of)
    def test_extremes_both_ways(self, row: DataType) -> None:
        limits = np.iinfo(row.dtype)
        values = [int(limits.min), 0, 1, int(limits.max)]
        array = array_from_json(values, row, 4)
        assert array.tolist() == values
        assert json.loads(array_to_json(array, row)) == values

    @pytest.mark.parametrize("row", INTEGERS, ids=name_of)
    @pytest.mark.parametrize("wrong", [1.0, "1", None, True, {}], ids=repr)
    def test_other_kinds_are_refused(self, row: DataType, wrong: Any) -> None:
        assert refusal([wrong], row.name, 1) == WRONG_KIND[row.dtype.kind]
        assert refusal([wrong, wrong], row.name, 2) == WRONG_KIND[row.dtype.kind]

    def test_a_float_among_integers_is_refused(self) -> None:
        assert refusal([1, 2, 3.5], "INT32", 3) == WRONG_KIND["i"]
        assert refusal([1, 2.0], "UINT8", 2) == WRONG_KIND["u"]

    @pytest.mark.parametrize("row", [row for row in INTEGERS if row.dtype.kind == "u"], ids=name_of)
    def test_a_negative_number_is_refused(self, row: DataType) -> None:
        assert refusal([1, -1], row.name, 2) == WRONG_KIND["u"]

    def test_what_64_bits_do_not_hold_is_refused(self) -> None:
        assert refusal([1 << 63], "INT64", 1) == WRONG_KIND["i"]
        assert refusal([-(1 << 63) - 1], "INT64", 1) == WRONG_KIND["i"]
        assert refusal([1 << 64], "UINT64", 1) == WRONG_KIND["u"]

    def test_large_and_small_unsigned_numbers_mix(self) -> None:
        values = [0, (1 << 64) - 1, 1 << 63, (1 << 63) - 1]
        assert read(values, "UINT64", 4) == values

    def test_small_types_wrap_as_in_triton(self) -> None:
        assert read([0, 255, 256, 300, 5_000_000_000, 1 << 63], "UINT8", 6) == [0, 255, 0, 44, 0, 0]
        assert read([300, -129], "INT8", 2) == [44, 127]


class TestFloats:
    @pytest.mark.parametrize("row", FLOATS, ids=name_of)
    @pytest.mark.parametrize("wrong", ["1", None, True, False, {}], ids=repr)
    def test_other_kinds_are_refused(self, row: DataType, wrong: Any) -> None:
        assert refusal([wrong], row.name, 1) == WRONG_KIND["f"]
        assert refusal([1.0, "NaN"], row.name, 2) == WRONG_KIND["f"]

    @pytest.mark.parametrize("row", FLOATS, ids=name_of)
    def test_integers_are_numbers(self, row: DataType) -> None:
        assert read([1, 2.5, -3, 1 << 63], row.name, 4) == [1.0, 2.5, -3.0, float(1 << 63)]

    @pytest.mark.parametrize("row", FLOATS, ids=name_of)
    def test_nan_and_infinities_both_ways(self, row: DataType) -> None:
        values = [math.inf, -math.inf, math.nan, 1.5]
        array = array_from_json(values, row, 4)
        assert array_to_json(array, row) == b"[Infinity,-Infinity,NaN,1.5]"

    def test_what_32_bits_do_not_hold_is_infinite(self) -> None:
        assert read([1e39, -1e39], "FP32", 2) == [math.inf, -math.inf]

    def test_32_bits_are_written_as_the_double_that_they_equal(self) -> None:
        assert (
            array_to_json(np.array([0.1, 1.0, -0.0], np.float32), BY_NAME["FP32"]) == b"[0.10000000149011612,1.0,-0.0]"
        )

    @given(st.lists(st.floats(width=32, allow_nan=False), max_size=20))
    def test_32_bits_survive_the_round_trip(self, values: list[float]) -> None:
        array = np.array(values, np.float32)
        back = array_from_json(json.loads(array_to_json(array, BY_NAME["FP32"])), BY_NAME["FP32"], len(values))
        assert back.tobytes() == array.tobytes()

    @given(st.lists(st.floats(allow_nan=False), max_size=20))
    def test_64_bits_survive_the_round_trip(self, values: list[float]) -> None:
        array = np.array(values, np.float64)
        back = array_from_json(json.loads(array_to_json(array, BY_NAME["FP64"])), BY_NAME["FP64"], len(values))
        assert back.tobytes() == array.tobytes()

    @pytest.mark.parametrize("name", ["FP16", "BF16"])
    def test_half_precision_is_not_written(self, name: str) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            array_to_json(np.zeros(1, BY_NAME[name].dtype), BY_NAME[name])
        assert caught.value.message == (
            f"sending {name} data via JSON is not supported. Please use the binary data format for output"
        )


class TestBooleans:
    def test_both_ways(self) -> None:
        array = array_from_json([True, False, True], BY_NAME["BOOL"], 3)
        assert array.tolist() == [True, False, True]
        assert array_to_json(array, BY_NAME["BOOL"]) == b"[true,false,true]"

    def test_any_byte_but_zero_is_true(self) -> None:
        assert array_to_json(np.frombuffer(b"\x00\x01\x02\xff", np.bool_), BY_NAME["BOOL"]) == b"[false,true,true,true]"

    @pytest.mark.parametrize("wrong", [1, 0, 1.0, "true", None], ids=repr)
    def test_other_kinds_are_refused(self, wrong: Any) -> None:
        assert refusal([wrong], "BOOL", 1) == WRONG_KIND["b"]
        assert refusal([True, wrong], "BOOL", 2) == WRONG_KIND["b"]


class TestText:
    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=10))
    def test_both_ways(self, values: list[str]) -> None:
        array = array_from_json(values, BY_NAME["BYTES"], len(values))
        assert array.tolist() == [value.encode() for value in values]
        assert json.loads(array_to_json(array, BY_NAME["BYTES"])) == values

    @pytest.mark.parametrize("wrong", [1, 1.5, None, True, {}], ids=repr)
    def test_other_kinds_are_refused(self, wrong: Any) -> None:
        assert refusal([wrong], "BYTES", 1) == NOT_TEXT
        assert refusal(["a", wrong], "BYTES", 2) == NOT_TEXT

    def test_bytes_that_are_no_text_are_written_with_replacements(self) -> None:
        assert json.loads(array_to_json(datatypes.object_array([b"a\xff", "é"], (2,)), BY_NAME["BYTES"])) == ["a�", "é"]


class TestNesting:
    @pytest.mark.parametrize(
        "data",
        [
            [1, 2, 3, 4],
            [[1, 2], [3, 4]],
            [[1, 2, 3, 4]],
            [[1], [2, 3], [4]],
            [1, [2, 3], 4],
            [[1, 2], 3, [[4]]],
            [[[[1], [2]]], [], [[3, [4]]]],
        ],
        ids=str,
    )
    def test_any_nesting_is_read_in_order(self, data: Any) -> None:
        assert read(data, "FP32", 4) == [1.0, 2.0, 3.0, 4.0]
        assert read(data, "UINT64", 4) == [1, 2, 3, 4]

    def test_text_nests_too(self) -> None:
        assert read([["a"], ["b", ["c"]]], "BYTES", 3) == [b"a", b"b", b"c"]
        assert read([[True], [[False]]], "BOOL", 2) == [True, False]

    def test_depth_alone_is_no_reason(self) -> None:
        data: Any = 1
        for _ in range(1000):
            data = [data]
        assert read(data, "FP32", 1) == [1.0]

    def test_a_wrong_element_inside_is_found(self) -> None:
        assert refusal([[1, 2], [3, "4"]], "FP32", 4) == WRONG_KIND["f"]
        assert refusal([[1, [None]]], "INT32", 2) == WRONG_KIND["i"]
        assert refusal([["a", [1]]], "BYTES", 2) == NOT_TEXT

    @pytest.mark.parametrize("data", [[], [[]], [[], [[]]]], ids=str)
    @pytest.mark.parametrize("name", ["FP32", "INT8", "UINT64", "BOOL", "BYTES"])
    def test_nothing_is_a_tensor(self, data: Any, name: str) -> None:
        assert read(data, name, 0) == []

    @given(st.recursive(st.lists(st.integers(-5, 5), max_size=3), lambda inner: st.lists(inner, max_size=3)))
    def test_elements_keep_their_order(self, data: Any) -> None:
        flat = [int(word) for word in json.dumps(data).translate(str.maketrans("[],", "   ")).split()]
        assert read(data, "INT64", len(flat)) == flat


class TestCount:
    @pytest.mark.parametrize("name", ["FP32", "INT8", "UINT64"])
    @pytest.mark.parametrize("data", [[], [1], [1, 2, 3], [[1, 2], [3]]], ids=str)
    def test_another_count_is_refused(self, name: str, data: Any) -> None:
        assert refusal(data, name, 2) == WRONG_COUNT

    def test_of_text_and_booleans(self) -> None:
        assert refusal(["a"], "BYTES", 2) == WRONG_COUNT
        assert refusal([True], "BOOL", 2) == WRONG_COUNT

    def test_kind_comes_before_count(self) -> None:
        assert refusal([1, None], "UINT8", 3) == WRONG_KIND["u"]

    @pytest.mark.parametrize("data", [1, "a", None, {}, True], ids=repr)
    @pytest.mark.parametrize("name", ["FP32", "BYTES"])
    def test_data_must_be_a_list(self, data: Any, name: str) -> None:
        assert refusal(data, name, 1) == "Unable to parse 'data': attempt to access JSON non-array as array"


def test_one_long_string_among_many_short_ones_costs_no_memory() -> None:
    """numpy would give every element the room of the longest: here 10 GB for a body of a few hundred kilobytes."""
    data = ["x" * 50_000, *[""] * 50_000]
    tracemalloc.start()
    try:
        assert refusal(data, "FP32", len(data)) == WRONG_KIND["f"]
        assert refusal([data], "INT32", len(data)) == WRONG_KIND["i"]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


def test_arrays_are_written_row_major_whatever_lies_in_memory() -> None:
    array = np.arange(6, dtype=np.int32).reshape(2, 3).T
    assert json.loads(array_to_json(array, BY_NAME["INT32"])) == [0, 3, 1, 4, 2, 5]
