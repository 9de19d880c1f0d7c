"""Requests in protobuf: taken apart, read, and refused in Triton's words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.errors import InvalidArgumentError
from naiad.messages import service_pb2
from naiad.protocol.grpc_infer_message import GrpcInferMessage, read_infer_message
from naiad.protocol.grpc_infer_request import read_header, read_version
from naiad.protocol.infer_request import InferHeader
from naiad.protocol.protobuf_wire import MalformedError, field, tag, varint
from naiad.protocol.shared_memory import Span
from tests.support.grpc_messages import contents, infer_message, output, parameter, tensor

RAW = bytes(8)
REGION = "'shared_memory_region' parameter for tensor 'a'"
NOTHING = service_pb2.InferParameter()
UNSIGNED = service_pb2.InferParameter(uint64_param=1)


def apart(message: bytes | memoryview) -> GrpcInferMessage:
    return read_infer_message(message, max_bytes=1 << 26)


def header(*inputs: Any, **fields: Any) -> InferHeader:
    return read_header(apart(infer_message(*inputs, **fields)))[0]


def refusal(*inputs: Any, **fields: Any) -> str:
    with pytest.raises(InvalidArgumentError) as caught:
        header(*inputs, **fields)
    return caught.value.message


class TestTakenApart:
    @pytest.mark.parametrize("view", [bytes, memoryview])
    def test_raw_contents_stay_where_they_are(self, view: Any) -> None:
        message = infer_message(tensor("a"), tensor("b"), raw=[b"first", b"second"], identity="id", version="3")
        request = apart(view(message))
        assert list(map(bytes, request.raw)) == [b"first", b"second"]
        assert all(isinstance(raw, view) for raw in request.raw)
        assert request.raw_spans is not None
        assert [message[begin:end] for begin, end in request.raw_spans] == [b"first", b"second"]
        assert not request.message.raw_input_contents
        assert [each.name for each in request.message.inputs] == ["a", "b"]
        assert message[: request.head_size] == field(1, b"m") + field(2, b"3")
        assert message[request.head_size : request.id_end] == field(3, b"id")

    def test_without_an_id_it_ends_where_it_would_begin(self) -> None:
        request = apart(infer_message(tensor()))
        assert request.id_end == request.head_size == len(field(1, b"m"))

    @pytest.mark.parametrize(
        "message",
        [
            infer_message(raw=[RAW]) + infer_message(tensor(), model="n"),
            infer_message(tensor(), raw=[RAW], model="other") + field(1, b"n"),
            field(99, b"x") + infer_message(tensor(), raw=[RAW], model="n"),
            tag(50, 3) + tag(50, 4) + infer_message(tensor(), raw=[RAW], model="n"),
            tag(1, 0) + varint(7) + infer_message(tensor(), raw=[RAW], model="n"),
        ],
    )
    def test_fields_in_another_order_or_unknown(self, message: bytes) -> None:
        request = apart(memoryview(message))
        assert request.raw_spans is None
        assert (request.message.model_name, request.raw) == ("n", [RAW])

    @pytest.mark.parametrize(
        "message",
        [
            b"\xff\xff\xff",
            infer_message(tensor())[:-1],
            field(1, b"\xff"),
            field(3, b"\xed\xa0\x80"),
            b"\0\0",
            tag(1, 0) + b"\x80" * 10 + b"\1",
        ],
    )
    def test_what_is_no_request(self, message: bytes) -> None:
        with pytest.raises(MalformedError):
            apart(message)

    def test_very_many_fields(self) -> None:
        message = field(1, b"m") + field(7, b"") * 100_000
        with pytest.raises(InvalidArgumentError, match="a request may consist of 10000 fields"):
            apart(message)

    def test_very_many_parameters_of_one_input(self) -> None:
        message = field(1, b"m") + field(5, field(1, b"a") + field(4, b"") * 100_000)
        with pytest.raises(InvalidArgumentError, match="a request may consist of 10000 fields"):
            apart(message)

    @pytest.mark.parametrize("inner", [field(1, b"n" * 2_000_000), field(3, b"\1" * 2_000_000)])
    def test_a_very_long_name_or_shape(self, inner: bytes) -> None:
        for number in (4, 5, 6):
            with pytest.raises(InvalidArgumentError, match="may have 1048576 bytes, and one has 2000000"):
                apart(field(1, b"m") + field(number, inner))

    def test_contents_count_and_raw_contents_do_not(self) -> None:
        typed = infer_message(contents(tensor(), fp32_contents=range(500_000)))
        raw = infer_message(tensor(), raw=[bytes(2_000_000)])
        assert read_infer_message(raw, max_bytes=100).raw == [bytes(2_000_000)]
        assert read_infer_message(typed, max_bytes=len(typed)).message.inputs[0].contents.fp32_contents[9] == 9
        with pytest.raises(InvalidArgumentError) as caught:
            read_infer_message(typed, max_bytes=len(typed) - 1)
        assert caught.value.message == (
            f"request size of {len(typed)} bytes without its raw contents exceeds the maximum allowed input size of "
            f"{len(typed) - 1} bytes. Use --http-max-input-size to increase the limit."
        )

    def test_very_many_fields_in_another_order(self) -> None:
        message = field(7, b"") + field(5, b"") * 1_000_000
        with pytest.raises(InvalidArgumentError, match="must be in the order of their numbers"):
            apart(message)

    @given(st.binary(max_size=60), st.integers(0, 60), st.integers(0, 60))
    def test_any_bytes_are_a_request_or_are_refused(self, junk: bytes, position: int, cut: int) -> None:
        good = infer_message(tensor(), raw=[RAW], identity="id")
        message = good[:position] + junk + good[position + cut :]
        try:
            request = apart(message)
        except (MalformedError, InvalidArgumentError):
            return
        expected = service_pb2.ModelInferRequest.FromString(message)
        assert request.raw == list(expected.raw_input_contents)
        assert list(request.message.inputs) == list(expected.inputs)
        assert request.message.model_name == expected.model_name


class TestVersion:
    @pytest.mark.parametrize(
        ("text", "version"),
        [
            ("", ""),
            ("3", "3"),
            ("01", "1"),
            ("+3", "3"),
            (" 3", "3"),
            ("3 ", "3"),
            ("3abc", "3"),
            ("1.5", "1"),
            ("0", "0"),
        ],
    )
    def test_is_read_as_c_does(self, text: str, version: str) -> None:
        assert read_version(text) == version

    @pytest.mark.parametrize("text", ["abc", "-", " ", "99999999999999999999", "9" * 5000, str(1 << 63)])
    def test_that_is_no_number(self, text: str) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            read_version(text)
        assert caught.value.message == (
            f"failed to get model version from specified version string '{text}' (details: stol), version should be an "
            "integral value > 0"
        )

    def test_that_is_negative(self) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            read_version("-1")
        assert caught.value.message == (
            "invalid model version specified '-1' , version should be an integral value > 0"
        )


class TestInputs:
    def test_raw(self) -> None:
        request = apart(infer_message(tensor("a"), tensor("b", (3,), "INT8"), raw=[RAW, b"abc", b"more"]))
        read, raw = read_header(request)
        assert [(each.name, each.shape, each.datatype.name, each.binary_size) for each in read.inputs] == [
            ("a", (1, 2), "FP32", 8),
            ("b", (3,), "INT8", 3),
        ]
        assert raw == [RAW, b"abc"]

    def test_typed(self) -> None:
        message = infer_message(contents(tensor(), fp32_contents=[1, 2]), contents(tensor("b", (0,), "INT8")))
        read, raw = read_header(apart(message))
        assert [each.binary_size for each in read.inputs] == [8, 0]
        assert raw == [b"\0\0\x80?\0\0\0@", b""]

    def test_in_shared_memory(self) -> None:
        spans = [
            tensor(shared_memory_region="r", shared_memory_byte_size=8),
            tensor("b", shared_memory_region="r", shared_memory_byte_size=8, shared_memory_offset=8),
            tensor("c"),
        ]
        read, raw = read_header(apart(infer_message(*spans, raw=[RAW])))
        assert [each.span for each in read.inputs] == [Span("r", 0, 8), Span("r", 8, 8), None]
        assert [each.binary_size for each in read.inputs] == [None, None, 8]
        assert raw == [RAW]

    def test_of_a_type_that_there_is_not(self) -> None:
        assert header(tensor(datatype="FP33"), raw=[RAW]).inputs[0].datatype.name == "<invalid>"

    def test_without_data(self) -> None:
        sentence = "unable to find data for input tensor 'b' for model 'm' in request."
        assert refusal(tensor(), tensor("b"), raw=[RAW]) == sentence

    def test_with_data_twice(self) -> None:
        assert refusal(contents(tensor(), fp32_contents=[1, 2]), raw=[RAW]) == (
            "contents field must not be specified when using raw_input_contents for 'a' for model 'm'"
        )
        region = contents(tensor(shared_memory_region="r", shared_memory_byte_size=8), fp32_contents=[1])
        assert refusal(region) == (
            "unexpected 'content' provided when using shared memory for input tensor 'a' for model 'm'"
        )

    def test_twice(self) -> None:
        assert refusal(tensor(), tensor(), raw=[RAW, RAW], identity="r") == (
            "[request id: r] input 'a' already exists in request"
        )

    @pytest.mark.parametrize(
        ("values", "sentence"),
        [
            (
                {"shared_memory_region": 1},
                "invalid value type for 'shared_memory_region' parameter for tensor 'a', expected string_param.",
            ),
            (
                {"shared_memory_region": "r"},
                f"'shared_memory_byte_size' must be specified along with {REGION}",
            ),
            (
                {"shared_memory_offset": 1},
                f"'shared_memory_offset' can not be specified without {REGION}",
            ),
            (
                {"shared_memory_byte_size": 1},
                f"'shared_memory_byte_size' can not be specified without {REGION}",
            ),
            (
                {"shared_memory_region": "r", "shared_memory_byte_size": "8"},
                "invalid value type for 'shared_memory_byte_size' parameter for tensor 'a', expected int64_param.",
            ),
            (
                {"shared_memory_region": "r", "shared_memory_byte_size": 8, "shared_memory_offset": True},
                "invalid value type for 'shared_memory_offset' parameter for tensor 'a', expected int64_param.",
            ),
        ],
    )
    def test_in_a_span_that_is_none(self, values: dict[str, Any], sentence: str) -> None:
        assert refusal(tensor(**values)) == sentence

    def test_negative_numbers_of_a_span_become_large(self) -> None:
        read = header(tensor(shared_memory_region="r", shared_memory_byte_size=-1))
        assert read.inputs[0].span == Span("r", 0, (1 << 64) - 1)


class TestParameters:
    def test_the_requests_own(self) -> None:
        read = header(values={"priority": 2, "timeout": -5, "other": 1.5, "": "x"}, identity="r")
        assert (read.id, read.priority, read.timeout_us) == ("r", 2, -5)
        assert read.parameters == {"other": 1.5, "": "x"}
        assert header(values={"priority": UNSIGNED}).priority == 1

    def test_of_sequences_and_streams(self) -> None:
        values = {
            "sequence_id": "s",
            "sequence_start": True,
            "sequence_end": False,
            "triton_enable_empty_final_response": True,
        }
        assert header(values=values).parameters == values

    @pytest.mark.parametrize(
        ("key", "values", "expected"),
        [
            ("sequence_id", [True, 1.5, UNSIGNED, NOTHING], "int64_param or string_param."),
            ("sequence_start", [1, "x", NOTHING], "bool_param."),
            ("sequence_end", [0, 1.5], "bool_param."),
            ("triton_enable_empty_final_response", [1, NOTHING], "bool_param."),
            ("priority", [True, "1", 1.5, NOTHING], "int64_param or uint64_param."),
            ("timeout", [True, "1", UNSIGNED, NOTHING], "int64_param."),
            ("other", [UNSIGNED, NOTHING], "int64_param, bool_param, or string_param."),
        ],
    )
    def test_of_the_wrong_kind(self, key: str, values: list[Any], expected: str) -> None:
        for value in values:
            sentence = f"invalid value type for '{key}' parameter, expected {expected}"
            assert refusal(values={key: parameter(value)}) == sentence

    def test_that_cannot_be(self) -> None:
        assert refusal(values={"priority": -1}) == "invalid value for 'priority', expected value >= 0."
        assert refusal(values={"triton_x": 1}) == (
            "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting "
            "with 'triton_' are allowed: triton_enable_empty_final_response"
        )


class TestOutputs:
    def test_are_always_bytes(self) -> None:
        (read,) = header(outputs=[output()]).outputs
        assert (read.name, read.binary, read.class_count, read.span) == ("y", True, 0, None)

    def test_as_classes(self) -> None:
        assert [each.class_count for each in header(outputs=[output(classification=3)]).outputs] == [3]
        assert header(outputs=[output(classification=1 << 32)]).outputs[0].class_count == 1 << 32

    def test_in_shared_memory(self) -> None:
        span: dict[str, Any] = {
            "shared_memory_region": "r",
            "shared_memory_byte_size": 8,
            "shared_memory_offset": 4,
        }
        assert header(outputs=[output(**span)]).outputs[0].span == Span("r", 4, 8)
        assert refusal(outputs=[output(classification=1, **span)]) == (
            "output can't set both 'shared_memory_region' and 'classification'"
        )

    @pytest.mark.parametrize("count", [0, -1])
    def test_as_no_classes(self, count: int) -> None:
        sentence = "invalid value for 'classification' parameter, expected >= 0"
        assert refusal(outputs=[output(classification=count)]) == sentence

    def test_come_after_inputs(self) -> None:
        sentence = "unable to find data for input tensor 'a' for model 'm' in request."
        assert refusal(tensor("a"), outputs=[output(classification=0)]) == sentence

    @pytest.mark.parametrize("count", ["1", True, 1.5])
    def test_as_classes_of_another_kind(self, count: Any) -> None:
        sentence = "invalid value type for 'classification' parameter, expected int64_param"
        assert refusal(outputs=[output(classification=count)]) == sentence
