"""Requests off the wire: what is read, and the sentence about everything that cannot be (triton.md §1.4)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from naiad import datatypes
from naiad.errors import InternalError, InvalidArgumentError, NaiadError
from naiad.protocol.infer_request import InferHeader, RequestedOutput, parse_infer_header
from naiad.protocol.shared_memory import Span

LIMIT = 1 << 20
MAX = (1 << 63) - 1
INPUT = {"name": "x", "shape": [2], "datatype": "FP32", "data": [1, 2]}
ONE_SOURCE = (
    "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', "
    "'shared_memory_region' in 'parameters'. But "
)


def read(document: Any, *, max_bytes: int = LIMIT) -> InferHeader:
    return parse_infer_header(json.dumps(document).encode(), max_bytes=max_bytes)


def read_input(**fields: Any) -> InferHeader:
    """A request of one input: INPUT with other fields; None takes one away."""
    return read({"inputs": [{key: value for key, value in {**INPUT, **fields}.items() if value is not None}]})


def refusal(document: Any, error: type[NaiadError] = InvalidArgumentError) -> str:
    with pytest.raises(error) as caught:
        read(document)
    assert type(caught.value) is error
    return caught.value.message


def input_refusal(error: type[NaiadError] = InvalidArgumentError, **fields: Any) -> str:
    with pytest.raises(error) as caught:
        read_input(**fields)
    assert type(caught.value) is error
    return caught.value.message


class TestInputs:
    def test_json_data(self) -> None:
        tensor = read_input().inputs[0]
        assert (tensor.name, tensor.datatype.name, tensor.shape) == ("x", "FP32", (2,))
        assert tensor.data.tolist() == [1.0, 2.0]
        assert tensor.binary_size is None

    def test_binary_data(self) -> None:
        tensor = read_input(data=None, parameters={"binary_data_size": 8}).inputs[0]
        assert tensor.binary_size == 8
        assert tensor.data is None

    @pytest.mark.parametrize("row", datatypes.DATATYPES, ids=lambda row: row.name)
    def test_every_datatype(self, row: datatypes.DataType) -> None:
        header = read_input(data=None, datatype=row.name, parameters={"binary_data_size": 0})
        assert header.inputs[0].datatype is row

    @pytest.mark.parametrize("shape", [[], [0], [0, MAX, MAX], [1] * 100])
    def test_shapes_without_many_elements(self, shape: list[int]) -> None:
        header = read_input(data=None, shape=shape, parameters={"binary_data_size": 0})
        assert header.inputs[0].shape == tuple(shape)

    def test_unknown_members_and_parameters_are_ignored(self) -> None:
        assert read_input(zzz=1, parameters={"zzz": [1]}).inputs[0].data.tolist() == [1.0, 2.0]

    @pytest.mark.parametrize("parameters", [[], "a", 1, [1]], ids=repr)
    def test_parameters_that_are_no_object_are_ignored(self, parameters: Any) -> None:
        assert read_input(parameters=parameters).inputs[0].data.tolist() == [1.0, 2.0]

    @pytest.mark.parametrize("document", [{}, [], "a", 1, None, {"input": []}], ids=repr)
    def test_missing(self, document: Any) -> None:
        message = refusal(document, InternalError)
        assert message == "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'"

    @pytest.mark.parametrize("inputs", [{}, None, "a", 1], ids=repr)
    def test_no_array(self, inputs: Any) -> None:
        message = refusal({"inputs": inputs}, InternalError)
        assert message == "Unable to parse 'inputs': attempt to access JSON non-array as array"

    @pytest.mark.parametrize("value", [1, "a", None, [], {}, {"name": "x"}], ids=repr)
    def test_no_source(self, value: Any) -> None:
        assert refusal({"inputs": [value]}) == ONE_SOURCE + "no field is set"

    @pytest.mark.parametrize(
        ("fields", "found"),
        [
            ({"parameters": {"binary_data_size": 8}}, "set 'data' 'binary_data_size'"),
            ({"parameters": {"shared_memory_region": "r"}}, "set 'data' 'shared_memory_region'"),
            (
                {"data": None, "parameters": {"binary_data_size": 8, "shared_memory_region": "r"}},
                "set 'binary_data_size' 'shared_memory_region'",
            ),
            (
                {"parameters": {"binary_data_size": 8, "shared_memory_region": "r"}},
                "set 'data' 'binary_data_size' 'shared_memory_region'",
            ),
        ],
    )
    def test_several_sources(self, fields: dict[str, Any], found: str) -> None:
        assert input_refusal(**fields) == ONE_SOURCE + found

    def test_a_span_of_shared_memory(self) -> None:
        parameters = {"shared_memory_region": "r", "shared_memory_byte_size": 8, "shared_memory_offset": 4}
        tensor = read_input(data=None, parameters=parameters).inputs[0]
        assert tensor.span == Span("r", 4, 8)
        assert tensor.byte_size == 8

    def test_what_a_span_does_not_say_is_0(self) -> None:
        tensor = read_input(data=None, parameters={"shared_memory_region": "r"}).inputs[0]
        assert tensor.span == Span("r", 0, 0)

    @pytest.mark.parametrize("field", ["name", "shape", "datatype"])
    def test_missing_members(self, field: str) -> None:
        document = {"inputs": [{key: value for key, value in INPUT.items() if key != field}]}
        message = refusal(document, InternalError)
        assert message == f"Unable to parse '{field}': attempt to access non-existing object member '{field}'"

    @pytest.mark.parametrize("field", ["name", "datatype"])
    @pytest.mark.parametrize("value", [1, [], {}, True], ids=repr)
    def test_members_that_are_no_strings(self, field: str, value: Any) -> None:
        message = input_refusal(InternalError, **{field: value})
        assert message == f"Unable to parse '{field}': attempt to access JSON non-string as string"

    @pytest.mark.parametrize("dim", [-1, 1.0, "1", True, [1], 1 << 64], ids=repr)
    def test_dimensions_that_are_no_unsigned_integers(self, dim: Any) -> None:
        message = input_refusal(InternalError, shape=[dim])
        assert message == "Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-integer"

    @pytest.mark.parametrize("shape", [16, "16", {}], ids=repr)
    def test_a_shape_that_is_no_array(self, shape: Any) -> None:
        assert input_refusal(InternalError, shape=shape) == (
            "Unable to parse 'shape': attempt to access JSON non-array as array"
        )

    @pytest.mark.parametrize("name", ["FLOAT", "fp32", "TYPE_FP32", "STRING", "", "FP32\0"], ids=repr)
    def test_unknown_datatypes(self, name: str) -> None:
        assert input_refusal(datatype=name) == "invalid datatype for input x"

    @pytest.mark.parametrize("name", ["FP16", "BF16"])
    def test_half_precision_does_not_come_as_json(self, name: str) -> None:
        assert input_refusal(datatype=name) == (
            f"receiving {name} data via JSON is not supported. Please use the binary data format for input x"
        )

    @pytest.mark.parametrize("size", [-1, 1.5, "64", None, True, 1 << 64], ids=repr)
    def test_binary_sizes_that_are_none(self, size: Any) -> None:
        message = input_refusal(InternalError, data=None, parameters={"binary_data_size": size})
        assert message == (
            "Unable to parse 'binary_data_size': attempt to access JSON non-unsigned-integer as unsigned-integer"
        )


class TestSizes:
    """Sizes around what 63 bits hold: refused with a sentence, at once, and without asking for the memory."""

    def test_a_dimension_beyond_63_bits(self) -> None:
        assert input_refusal(shape=[MAX + 1, 16]) == (
            f"invalid shape for input 'x': shape [{MAX + 1},16] contains one or more invalid dimensions"
        )

    @pytest.mark.parametrize("shape", [[MAX, 2], [1 << 32, 1 << 31], [3, MAX // 2]], ids=str)
    def test_more_elements_than_63_bits(self, shape: list[int]) -> None:
        text = ",".join(map(str, shape))
        assert input_refusal(shape=shape) == (
            f"invalid shape for input 'x': shape [{text}] causes total element count to exceed maximum size of {MAX}"
        )

    @pytest.mark.parametrize("shape", [[MAX], [1 << 31, 1 << 31], [MAX // 4 + 1]], ids=str)
    def test_more_bytes_than_63_bits(self, shape: list[int]) -> None:
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        assert input_refusal(shape=shape) == (
            f"byte size overflow for input 'x': element count ({count}) * data type size (4) exceeds maximum allowed "
            f"size ({MAX})"
        )

    def test_more_bytes_than_json_may_carry(self) -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            read({"inputs": [{**INPUT, "shape": [100]}]}, max_bytes=399)
        assert caught.value.message == (
            "JSON input 'x' has a byte_size (400 bytes) that exceeds the maximum allowed value of 399 bytes. "
            "Use --http-max-input-size to increase the limit."
        )

    def test_as_many_bytes_as_json_may_carry(self) -> None:
        header = read({"inputs": [{**INPUT, "shape": [100], "data": [0] * 100}]}, max_bytes=400)
        assert header.inputs[0].data.nbytes == 400

    def test_strings_are_counted_by_the_model(self) -> None:
        header = read({"inputs": [{"name": "x", "shape": [MAX], "datatype": "BYTES", "data": ["a"]}]})
        assert header.inputs[0].data.tolist() == [b"a"]

    @pytest.mark.parametrize("shape", [[], [0], [3, 0]], ids=str)
    @pytest.mark.parametrize("datatype", ["FP32", "FP16", "BYTES", "BOOL"])
    def test_what_is_sent_for_no_element_is_not_looked_at(self, shape: list[int], datatype: str) -> None:
        header = read({"inputs": [{"name": "x", "shape": shape, "datatype": datatype, "data": [1, "a", None]}]})
        assert header.inputs[0].data.size == 0

    @pytest.mark.parametrize("dim", [MAX, 3, MAX + 1], ids=str)
    def test_many_dimensions_take_no_time(self, dim: int) -> None:
        """Multiplying a hundred thousand dimensions out would take half a minute."""
        started = time.process_time()
        assert input_refusal(shape=[dim] * 100_000).startswith("invalid shape for input 'x': shape [")
        assert time.process_time() - started < 2


class TestParameters:
    def test_those_that_the_server_reads(self) -> None:
        header = read({"inputs": [], "parameters": {"priority": 2, "timeout": 5, "binary_data_output": True}})
        assert (header.priority, header.timeout_us, header.binary_output) == (2, 5, True)

    def test_those_of_sequences(self) -> None:
        parameters = {"sequence_id": "a", "sequence_start": True, "sequence_end": False}
        assert read({"inputs": [], "parameters": parameters}).parameters == parameters
        assert read({"inputs": [], "parameters": {"sequence_id": 7}}).parameters == {"sequence_id": 7}

    @pytest.mark.parametrize("value", [-1, 1 << 64, 1.0, True, None, [], {}], ids=repr)
    def test_a_sequence_that_is_neither_a_number_nor_a_text(self, value: Any) -> None:
        assert refusal({"inputs": [], "parameters": {"sequence_id": value}}, InternalError) == (
            "Unable to parse 'sequence_id': attempt to access JSON non-string as string"
        )

    def test_others_are_the_models(self) -> None:
        parameters = {"a": 1, "b": "s", "c": True, "d": 1.5, "e": -1}
        assert read({"inputs": [], "parameters": parameters}).parameters == parameters

    @pytest.mark.parametrize("value", [{}, [1], None], ids=repr)
    def test_others_of_another_kind(self, value: Any) -> None:
        assert refusal({"inputs": [], "parameters": {"a": value}}) == (
            "parameter 'a' has invalid type. It should be either 'int', 'bool', or 'string'."
        )

    @pytest.mark.parametrize("value", [1, None, "a"], ids=repr)
    def test_reserved_names(self, value: Any) -> None:
        assert refusal({"inputs": [], "parameters": {"triton_x": value}}) == (
            "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified."
        )

    @pytest.mark.parametrize("parameters", [[], "a", 1, None], ids=repr)
    def test_no_object(self, parameters: Any) -> None:
        message = refusal({"inputs": [], "parameters": parameters}, InternalError)
        assert message == "failed to get request params.: attempt to get members for non-object"

    @pytest.mark.parametrize("name", ["priority", "timeout"])
    @pytest.mark.parametrize("value", [-1, 1.5, "1", True, None], ids=repr)
    def test_numbers_that_are_none(self, name: str, value: Any) -> None:
        message = refusal({"inputs": [], "parameters": {name: value}}, InternalError)
        assert message == f"Unable to parse '{name}': attempt to access JSON non-unsigned-integer as unsigned-integer"

    @pytest.mark.parametrize("name", ["binary_data_output", "sequence_start", "sequence_end"])
    @pytest.mark.parametrize("value", [1, 0, "true", None], ids=repr)
    def test_booleans_that_are_none(self, name: str, value: Any) -> None:
        message = refusal({"inputs": [], "parameters": {name: value}}, InternalError)
        assert message == f"Unable to parse '{name}': attempt to access JSON non-boolean as boolean"

    @pytest.mark.parametrize("identity", ["", "a", "7", 'quo"te', "é"])
    def test_an_id(self, identity: str) -> None:
        assert read({"id": identity, "inputs": []}).id == identity

    @pytest.mark.parametrize("identity", [7, None, [], True], ids=repr)
    def test_an_id_that_is_no_string(self, identity: Any) -> None:
        message = refusal({"id": identity, "inputs": []}, InternalError)
        assert message == "Unable to parse 'id': attempt to access JSON non-string as string"


class TestOutputs:
    def test_names_and_parameters(self) -> None:
        header = read(
            {
                "inputs": [],
                "outputs": [
                    {"name": "y"},
                    {"name": "z", "parameters": {"binary_data": True}},
                    {"name": "c", "parameters": {"classification": 3, "binary_data": False}},
                ],
            }
        )
        assert header.outputs == [
            RequestedOutput("y"),
            RequestedOutput("z", binary=True),
            RequestedOutput("c", class_count=3),
        ]

    def test_binary_data_output_is_not_for_outputs_that_are_listed(self) -> None:
        header = read({"inputs": [], "outputs": [{"name": "y"}], "parameters": {"binary_data_output": True}})
        assert header.outputs == [RequestedOutput("y")]

    @pytest.mark.parametrize("parameters", [[], [1], "a", None], ids=repr)
    def test_parameters_that_are_no_object_are_ignored(self, parameters: Any) -> None:
        assert read({"inputs": [], "outputs": [{"name": "y", "parameters": parameters}]}).outputs == [
            RequestedOutput("y")
        ]

    @pytest.mark.parametrize("outputs", [{}, "y", None, 1], ids=repr)
    def test_no_array(self, outputs: Any) -> None:
        message = refusal({"inputs": [], "outputs": outputs}, InternalError)
        assert message == "Unable to parse 'outputs': attempt to access JSON non-array as array"

    @pytest.mark.parametrize("output", [{}, 1, None, "y"], ids=repr)
    def test_no_name(self, output: Any) -> None:
        message = refusal({"inputs": [], "outputs": [output]}, InternalError)
        assert message == "Unable to parse 'name': attempt to access non-existing object member 'name'"

    @pytest.mark.parametrize("value", [-1, "2", 1.5, None, True], ids=repr)
    def test_a_class_count_that_is_none(self, value: Any) -> None:
        document = {"inputs": [], "outputs": [{"name": "y", "parameters": {"classification": value}}]}
        assert refusal(document, InternalError) == (
            "Unable to set 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer"
        )

    @pytest.mark.parametrize("value", ["true", 1, None], ids=repr)
    def test_binary_data_that_is_no_boolean(self, value: Any) -> None:
        document = {"inputs": [], "outputs": [{"name": "y", "parameters": {"binary_data": value}}]}
        assert refusal(document, InternalError) == (
            "Unable to parse 'binary_data': attempt to access JSON non-boolean as boolean"
        )

    @pytest.mark.parametrize("other", [{"classification": 1}, {"binary_data": True}], ids=str)
    def test_shared_memory_goes_with_nothing_else(self, other: dict[str, Any]) -> None:
        document = {"inputs": [], "outputs": [{"name": "y", "parameters": {"shared_memory_region": "r", **other}}]}
        (name,) = other
        assert refusal(document) == f"Output can't set both 'shared_memory_region' and '{name}'"

    def test_a_span_of_shared_memory(self) -> None:
        parameters = {"shared_memory_region": "r", "shared_memory_byte_size": 8, "binary_data": False}
        document = {"inputs": [], "outputs": [{"name": "y", "parameters": parameters}]}
        assert read(document).outputs[0].span == Span("r", 0, 8)


class TestReusable:
    def test_when_all_data_is_binary_and_there_is_no_id(self) -> None:
        assert read_input(data=None, parameters={"binary_data_size": 8}).is_reusable

    def test_not_with_data_in_the_json(self) -> None:
        assert not read_input().is_reusable

    def test_not_with_an_id(self) -> None:
        tensor = {**INPUT, "parameters": {"binary_data_size": 8}}
        del tensor["data"]
        assert not read({"id": "a", "inputs": [tensor]}).is_reusable
