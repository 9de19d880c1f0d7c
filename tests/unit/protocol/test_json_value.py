"""Triton's sentences about JSON that is not what it should be (triton.md §1.2)."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.errors import InternalError, InvalidArgumentError
from naiad.protocol import json_value

BROKEN = "failed to parse the request JSON buffer: "


def complaint(text: bytes) -> str:
    with pytest.raises(InternalError) as caught:
        json_value.parse(text)
    return caught.value.message


class TestParse:
    @pytest.mark.parametrize(
        ("text", "what"),
        [
            (b'{"inputs":[', "Invalid value. at 11"),
            (b"hello", "Invalid value. at 0"),
            (b"", "The document is empty. at 0"),
            (b"{", "Missing a name for object member. at 1"),
            (b'{"a":1}zz', "The document root must not be followed by other values. at 7"),
            (b'{"a":1,}', "Missing a name for object member. at 7"),
            (b"[1e400]", "Number too big to be stored in double. at 1"),
            (b'["\\ud800"]', "The surrogate pair in string is invalid. at 2"),
            (b"[nan]", "Invalid value. at 2"),
            (b"/* c */{}", "Invalid value. at 0"),
        ],
        ids=repr,
    )
    def test_rapidjson_names_the_fault_and_its_place(self, text: bytes, what: str) -> None:
        assert complaint(text) == BROKEN + what

    def test_numbers_that_json_does_not_have(self) -> None:
        values = json_value.parse(b"[NaN,Infinity,-Infinity,Inf,-Inf]")
        assert math.isnan(values[0])
        assert values[1:] == [math.inf, -math.inf, math.inf, -math.inf]

    def test_a_byte_order_mark_is_skipped(self) -> None:
        assert json_value.parse(b'\xef\xbb\xbf{"a":1}') == {"a": 1}

    def test_the_text_ends_at_a_nul(self) -> None:
        assert json_value.parse(b'{"a":1}\0rest') == {"a": 1}

    def test_bytes_that_are_no_utf8_are_replaced(self) -> None:
        assert json_value.parse(b'"\xff"') == "�"

    def test_a_view_is_as_good_as_bytes(self) -> None:
        assert json_value.parse(memoryview(b'{"a":1}')) == {"a": 1}
        assert complaint(bytes(memoryview(b"{"))) == complaint(b"{")

    @pytest.mark.parametrize("text", [b"[" * 1_000_000, b'{"a":' * 1_000_000], ids=["lists", "objects"])
    def test_endless_depth_is_an_error(self, text: bytes) -> None:
        with pytest.raises(InvalidArgumentError, match="nesting depth exceeds maximum allowed limit"):
            json_value.parse(text)

    @pytest.mark.parametrize("depth", [100, 101])
    def test_a_hundred_levels_are_the_limit(self, depth: int) -> None:
        text = b"[" * depth + b"]" * depth
        if depth > 100:
            with pytest.raises(InvalidArgumentError, match="nesting depth exceeds maximum allowed limit"):
                json_value.parse(text)
        else:
            assert json_value.parse(text)

    @pytest.mark.parametrize("text", [b"9" * 100_000, b"-" + b"9" * 100_000, b"[NaN," + b"9" * 100_000 + b"]"])
    def test_endless_numbers_are_an_error(self, text: bytes) -> None:
        assert complaint(text).startswith(BROKEN)

    @given(st.binary(max_size=40))
    def test_any_bytes_are_a_value_or_an_error(self, text: bytes) -> None:
        try:
            json_value.parse(text)
        except InternalError:
            assert complaint(text).startswith(BROKEN)


class TestKinds:
    def test_a_missing_member_is_named(self) -> None:
        with pytest.raises(InternalError) as caught:
            json_value.member({"a": 1}, "inputs")
        assert caught.value.message == (
            "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"
        )

    @pytest.mark.parametrize("document", [[], "a", 1, None])
    def test_nothing_but_an_object_has_members(self, document: Any) -> None:
        with pytest.raises(InternalError, match="attempt to access non-existing object member 'inputs'"):
            json_value.member(document, "inputs")

    def test_the_field_may_have_another_name(self) -> None:
        with pytest.raises(
            InternalError, match="Unable to parse 'x': attempt to access non-existing object member 'y'"
        ):
            json_value.member({}, "y", field="x")

    @pytest.mark.parametrize("value", [{}, "a", 1, None, True])
    def test_arrays(self, value: Any) -> None:
        with pytest.raises(InternalError, match="Unable to parse 'f': attempt to access JSON non-array as array"):
            json_value.as_array(value, "f")

    @pytest.mark.parametrize("value", [{}, [], 1, None, True])
    def test_strings(self, value: Any) -> None:
        with pytest.raises(InternalError, match="Unable to parse 'f': attempt to access JSON non-string as string"):
            json_value.as_string(value, "f")

    @pytest.mark.parametrize("value", [{}, [], 1, 0, None, "true"])
    def test_booleans(self, value: Any) -> None:
        with pytest.raises(InternalError, match="Unable to parse 'f': attempt to access JSON non-boolean as boolean"):
            json_value.as_bool(value, "f")

    @pytest.mark.parametrize("value", [-1, 1.0, "1", None, True, False, [], 1 << 64])
    def test_unsigned_integers(self, value: Any) -> None:
        sentence = "Unable to set 'f': attempt to access JSON non-unsigned-integer as unsigned-integer"
        with pytest.raises(InternalError, match=sentence):
            json_value.as_unsigned(value, "f", verb="set")

    @pytest.mark.parametrize("value", [0, 1, (1 << 64) - 1])
    def test_unsigned_integers_pass(self, value: int) -> None:
        assert json_value.as_unsigned(value, "f") == value
