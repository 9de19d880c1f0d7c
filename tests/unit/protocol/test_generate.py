"""Generate requests and answers: what becomes a tensor, of which shape, and what is refused, in Triton's words."""

from __future__ import annotations

import json
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad import datatypes
from naiad.datatypes import BY_NAME
from naiad.errors import InternalError, InvalidArgumentError, NaiadError
from naiad.protocol.generate import TensorMetadata, event, generate_json, parse_generate
from naiad.protocol.infer_request import InferHeader
from tests.support.engine import spec

MAX_BYTES = 1 << 20
NO_SHAPE = "The schema can not convert input 'x' to tensor with proper shape"
WRONG_COUNT = "Unable to parse 'data': Shape does not match true shape of 'data' field"
NOT_A_NUMBER = "Unable to parse 'data': attempt to access JSON non-number as double"
NAMES = st.text(min_size=1, max_size=8)


def metadata(*dims: int, datatype: str = "FP32", batched: bool = False, name: str = "x") -> dict[str, TensorMetadata]:
    return {name: spec(name, datatype, dims, batched=batched)}


def parse(document: Any, inputs: dict[str, TensorMetadata] | None = None, *, max_bytes: int = MAX_BYTES) -> InferHeader:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return parse_generate(text, metadata(-1) if inputs is None else inputs, max_bytes=max_bytes)


def refusal(document: Any, inputs: dict[str, TensorMetadata] | None = None, **more: Any) -> NaiadError:
    with pytest.raises(NaiadError) as caught:
        parse(document, inputs, **more)
    return caught.value


class TestShapes:
    @pytest.mark.parametrize(
        ("dims", "batched", "count", "shape"),
        [
            ((-1,), False, 0, (0,)),
            ((-1,), False, 3, (3,)),
            ((2, -1), False, 4, (2, 2)),
            ((2, -1), False, 0, (2, 0)),
            ((-1, 2), False, 4, (2, 2)),
            ((-1, -1), False, 4, (1, 4)),
            ((-1, -1), False, 0, (1, 0)),
            ((-1, 2, -1), False, 6, (1, 2, 3)),
            ((2, 3), False, 6, (2, 3)),
            ((16,), True, 32, (2, 16)),
            ((16,), True, 0, (0, 16)),
            ((-1,), True, 3, (1, 3)),
            ((2, -1), True, 6, (1, 2, 3)),
        ],
    )
    def test_follows_from_the_number_of_elements(
        self, dims: tuple[int, ...], batched: bool, count: int, shape: tuple[int, ...]
    ) -> None:
        tensor = parse({"x": list(range(count))}, metadata(*dims, batched=batched)).inputs[0]
        assert (tensor.name, tensor.shape) == ("x", shape)
        assert tensor.data.tolist() == list(range(count))

    @pytest.mark.parametrize(
        ("dims", "count"), [((2, -1), 3), ((2, -1), 1), ((2, 3), 7), ((2, 3), 12), ((2, 3), 0), ((0,), 1)]
    )
    def test_there_may_be_none(self, dims: tuple[int, ...], count: int) -> None:
        error = refusal({"x": [1] * count}, metadata(*dims))
        assert isinstance(error, InvalidArgumentError)
        assert error.message == NO_SHAPE

    @given(st.lists(st.one_of(st.just(-1), st.integers(0, 5)), min_size=1, max_size=5), st.integers(0, 200))
    def test_fits_the_metadata_and_the_elements_whenever_it_is_found(self, dims: list[int], count: int) -> None:
        try:
            shape = parse({"x": [1] * count}, metadata(*dims)).inputs[0].shape
        except InvalidArgumentError:
            fixed = prod(dim for dim in dims if dim >= 0)
            # There is none only when the fixed dimensions do not divide what there is, or nothing is left to vary.
            assert fixed == 0 or count % fixed or (-1 not in dims and count != fixed)
        else:
            assert prod(shape) == count
            assert all(want in (-1, got) for want, got in zip(dims, shape, strict=True))

    def test_a_scalar_is_one_element(self) -> None:
        assert parse({"x": 1.5}).inputs[0].shape == (1,)
        text = parse({"x": "a"}, metadata(1, datatype="BYTES", batched=True)).inputs[0]
        assert text.shape == (1, 1)
        assert text.data.tolist() == [b"a"]


class TestElements:
    def test_literals_for_not_a_number_and_infinity(self) -> None:
        data = parse(b'{"x":[NaN,Infinity,-Infinity]}').inputs[0].data
        assert np.isnan(data[0])
        assert data[1:].tolist() == [np.inf, -np.inf]

    def test_lists_inside_count_by_the_outermost(self) -> None:
        assert parse({"x": [[], [2, 3]]}).inputs[0].data.tolist() == [2, 3]
        wrong: list[Any] = [[[1, 2]], [[]], [[1, 2], [3, 4]]]
        for value in wrong:
            error = refusal({"x": value})
            assert (type(error), error.message) == (InternalError, WRONG_COUNT)

    @pytest.mark.parametrize("value", ["a", ["a"], None, {}, True, [1, None]])
    def test_of_another_kind(self, value: Any) -> None:
        error = refusal({"x": value})
        assert (type(error), error.message) == (InternalError, NOT_A_NUMBER)

    @pytest.mark.parametrize("datatype", ["FP16", "BF16"])
    def test_of_a_type_that_json_does_not_carry(self, datatype: str) -> None:
        error = refusal({"x": 1}, metadata(-1, datatype=datatype))
        assert isinstance(error, InvalidArgumentError)
        assert error.message == (
            f"receiving {datatype} data via JSON is not supported. Please use the binary data format for input x"
        )


class TestMembers:
    def test_those_that_are_no_inputs_are_parameters(self) -> None:
        given = {"int": -3, "large": 2**64 - 1, "double": 1.5, "bool": True, "text": "s", "triton_x": 1, "timeout": "a"}
        header = parse({"x": 1, **given})
        assert header.parameters == given
        assert (header.priority, header.timeout_us, len(header.inputs)) == (0, 0, 1)

    @pytest.mark.parametrize("value", [[1], {}, None])
    def test_a_parameter_is_a_scalar(self, value: Any) -> None:
        sentence = "parameter 'p' has invalid type. It should be either 'int', 'bool', or 'string'."
        assert refusal({"x": 1, "p": value}).message == sentence
        nested = refusal({"x": 1, "parameters": {"p": value}})
        assert nested.message == f"Converting keyword: 'parameters': {sentence}"

    def test_id(self) -> None:
        assert parse({"id": "a", "x": 1}).id == "a"
        assert parse({"id": "", "x": 1}).id == ""
        assert parse({"id": "a", "x": 1}).parameters == {}
        for value in (1, None):
            error = refusal({"x": "no number", "id": value})
            assert error.message == "Unable to parse 'id': attempt to access JSON non-string as string"

    def test_an_input_called_id_is_both(self) -> None:
        header = parse({"id": "a"}, metadata(-1, datatype="BYTES", name="id"))
        assert header.id == "a"
        assert header.inputs[0].data.tolist() == [b"a"]

    def test_members_of_parameters_count_like_those_beside_it(self) -> None:
        header = parse({"parameters": {"x": [1, 2], "p": 1, "id": "inner"}})
        assert header.inputs[0].data.tolist() == [1, 2]
        assert header.parameters == {"p": 1, "id": "inner"}
        assert header.id == ""

    def test_parameters_is_an_object(self) -> None:
        wrong: list[Any] = [[], None, 1, "a"]
        for value in wrong:
            error = refusal({"x": 1, "parameters": value})
            assert isinstance(error, InternalError)
            assert error.message == (
                "Expected JSON object for keyword: 'parameters': attempt to access JSON non-object as object"
            )

    def test_an_input_called_parameters_cannot_be_given(self) -> None:
        for value in (1, {"parameters": 1}):
            error = refusal({"parameters": value}, metadata(-1, name="parameters"))
            assert isinstance(error, InvalidArgumentError)
            assert error.message == "Keyword 'parameters' for nested schema also given as input tensor name"

    def test_errors_inside_parameters_say_so_and_keep_their_kind(self) -> None:
        prefix = "Converting keyword: 'parameters': "
        kind = refusal({"parameters": {"x": "a"}})
        shape = refusal({"parameters": {"x": [1]}}, metadata(2))
        assert (type(kind), kind.message) == (InternalError, prefix + NOT_A_NUMBER)
        assert (type(shape), shape.message) == (InvalidArgumentError, prefix + NO_SHAPE)


class TestRepeats:
    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (b'{"x":1,"x":2}', "[request id: <id_unknown>] input 'x' already exists in request"),
            (b'{"x":1,"id":"q","x":NaN}', "[request id: q] input 'x' already exists in request"),
            (b'\xef\xbb\xbf{"x":1,"x":2}\0', "[request id: <id_unknown>] input 'x' already exists in request"),
            (
                b'{"x":1,"parameters":{"x":2}}',
                "Converting keyword: 'parameters': [request id: <id_unknown>] input 'x' already exists in request",
            ),
        ],
    )
    def test_a_tensor_is_there_once(self, text: bytes, sentence: str) -> None:
        error = refusal(text)
        assert isinstance(error, InvalidArgumentError)
        assert error.message == sentence

    def test_its_name_may_be_somebody_s_value(self) -> None:
        assert parse({"x": 1, "p": "x", "q": "x"}).parameters == {"p": "x", "q": "x"}


class TestLimits:
    def test_all_tensors_together(self) -> None:
        inputs = metadata(-1, datatype="FP64") | metadata(-1, name="y")
        document = {"x": [1] * 30, "y": [1] * 30}
        assert len(parse(document, inputs, max_bytes=360).inputs) == 2
        error = refusal(document, inputs, max_bytes=359)
        assert isinstance(error, InvalidArgumentError)
        assert error.message == (
            "request size of 360 bytes with input 'y' of size 120 bytes exceeds the maximum allowed input size of 359. "
            "Use --http-max-input-size to increase the limit."
        )

    def test_the_json(self) -> None:
        error = refusal({"x": 1}, max_bytes=7)
        assert error.message.startswith(
            "request JSON size of 8 bytes exceeds the maximum allowed input size of 7 bytes"
        )

    @pytest.mark.parametrize("text", [b"[]", b'"a"', b"1", b"null"])
    def test_what_is_no_object(self, text: bytes) -> None:
        error = refusal(text)
        assert (type(error), error.message) == (InternalError, "attempt to get members for non-object")

    def test_what_is_no_json(self) -> None:
        assert refusal(b"").message == "failed to parse the request JSON buffer: The document is empty. at 0"
        assert refusal(b'{"x":').message == "failed to parse the request JSON buffer: Invalid value. at 5"

    @given(st.recursive(st.one_of(st.none(), st.booleans(), st.floats(), st.text()), lambda inner: st.lists(inner)))
    def test_any_value_is_taken_or_refused_in_words(self, value: Any) -> None:
        for datatype in ("FP32", "INT8", "BOOL", "BYTES"):
            try:
                header = parse({"x": value}, metadata(-1, datatype=datatype))
            except NaiadError as error:
                assert error.message  # noqa: PT017
            else:
                assert header.inputs[0].data.shape == header.inputs[0].shape


class TestAnswer:
    def test_one_element_stands_alone_and_none_is_an_empty_list(self) -> None:
        outputs = [
            ("two", BY_NAME["FP32"], np.array([[1, 0.5]], np.float32)),
            ("one", BY_NAME["INT64"], np.array([[7]])),
            ("none", BY_NAME["FP32"], np.zeros((1, 0), np.float32)),
            ("text", BY_NAME["BYTES"], datatypes.object_array([b'a"b'], (1, 1))),
            ("truth", BY_NAME["BOOL"], np.array([True])),
        ]
        text = generate_json("m", "2", "", outputs)
        assert text == (
            b'{"model_name":"m","model_version":"2","none":[],"one":7,"text":"a\\"b","truth":true,"two":[1.0,0.5]}'
        )

    def test_id_is_echoed(self) -> None:
        assert generate_json("m", "1", 'a"b', []) == b'{"id":"a\\"b","model_name":"m","model_version":"1"}'

    def test_an_output_called_as_a_member_of_the_server_gives_way(self) -> None:
        outputs = [(name, BY_NAME["INT8"], np.array([1], np.int8)) for name in ("id", "model_name", "model_version")]
        assert generate_json("m", "1", "", outputs) == b'{"id":1,"model_name":"m","model_version":"1"}'
        assert generate_json("m", "1", "q", outputs) == b'{"id":"q","model_name":"m","model_version":"1"}'

    def test_a_type_that_json_does_not_carry(self) -> None:
        with pytest.raises(InvalidArgumentError, match=r"^sending FP16 data via JSON is not supported\."):
            generate_json("m", "1", "", [("y", BY_NAME["FP16"], np.zeros(2, np.float16))])

    @given(st.dictionaries(NAMES, st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4), max_size=4), st.text())
    def test_what_comes_out_is_what_went_in(self, values: dict[str, list[int]], identity: str) -> None:
        outputs = [(name, BY_NAME["INT64"], np.array(value, np.int64)) for name, value in values.items()]
        document = json.loads(generate_json("m", "1", identity, outputs))
        own = {"model_name": "m", "model_version": "1"} | ({"id": identity} if identity else {})
        flattened = {name: value[0] if len(value) == 1 else value for name, value in values.items()}
        assert document == {**flattened, **own}
        assert list(document) == sorted(document)

    def test_event(self) -> None:
        assert event(b"{}") == b"data: {}\n\n"

    @given(st.text())
    def test_an_event_is_one_line_whatever_is_in_it(self, text: str) -> None:
        array = datatypes.object_array([text.encode("utf-8", "replace")], (1,))
        framed = event(generate_json(text, "1", text, [(text, BY_NAME["BYTES"], array)]))
        assert framed.count(b"\n") == 2
        assert b"\r" not in framed
