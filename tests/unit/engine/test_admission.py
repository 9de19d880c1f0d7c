"""Whether a model can run a request: Triton's sentences, in Triton's order (triton.md §1.5)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from naiad.datatypes import BY_NAME, encode_bytes
from naiad.engine.admission import admit, string_elements
from naiad.engine.model import Model
from naiad.errors import InvalidArgumentError
from naiad.protocol.infer_request import InferHeader, InputTensor, RequestedOutput
from tests.support.engine import idle_model, spec

UNKNOWN = "[request id: <id_unknown>] "
NOTE = (
    "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each "
    "input shape. If you want to specify the full shape including the batch dim in your input dims config, try "
    "setting max_batch_size to zero. See the model configuration docs for more info on max_batch_size."
)


def tensor(name: str = "a", shape: tuple[int, ...] = (1, 2), datatype: str = "FP32", size: int | None = None) -> Any:
    data = None if size is not None else np.zeros(0)
    return InputTensor(name, BY_NAME[datatype], shape, data=data, binary_size=size)


def refusal(model: Model, *inputs: InputTensor, identity: str = "", outputs: tuple[str, ...] = ()) -> str:
    header = InferHeader(id=identity, inputs=list(inputs), outputs=[RequestedOutput(name) for name in outputs])
    with pytest.raises(InvalidArgumentError) as caught:
        admit(model, header)
    return caught.value.message


ONE = idle_model([spec("a")], [spec("y")])
TWO = idle_model([spec("a"), spec("b", "INT32", (3,))], [spec("y")])
OPTIONAL = idle_model([spec("a"), spec("b", optional=True), spec("c", optional=True)], [spec("y")])
UNBATCHED = idle_model([spec("a", dims=(2, -1), batched=False)], [spec("y", batched=False)], max_batch_size=0)


class TestAccepted:
    def test_inputs_come_in_the_models_order(self) -> None:
        admitted = admit(TWO, InferHeader(inputs=[tensor("b", (4, 3), "INT32"), tensor("a", (4, 2))]))
        assert [one.name for one in admitted.inputs if one] == ["a", "b"]
        assert admitted.shapes == ((4, 2), (4, 3))
        assert admitted.batch_size == 4
        assert admitted.batch_key is None

    def test_without_batching_there_is_one_row_and_the_shape_is_the_key(self) -> None:
        admitted = admit(UNBATCHED, InferHeader(inputs=[tensor("a", (2, 7))]))
        assert admitted.batch_size == 1
        assert admitted.shapes == ((2, 7),)

    def test_as_many_rows_as_the_model_takes(self) -> None:
        assert admit(ONE, InferHeader(inputs=[tensor(shape=(8, 2))])).batch_size == 8

    def test_optional_inputs_may_be_left_out(self) -> None:
        admitted = admit(OPTIONAL, InferHeader(inputs=[tensor("c"), tensor("a")]))
        assert [one and one.name for one in admitted.inputs] == ["a", None, "c"]
        assert admitted.shapes == ((1, 2), (), (1, 2))

    def test_requests_with_other_optional_inputs_do_not_share_a_batch(self) -> None:
        def key(*names: str) -> object:
            return admit(OPTIONAL, InferHeader(inputs=[tensor(name) for name in names])).batch_key

        assert key("a", "b") == key("b", "a")
        assert len({key("a"), key("a", "b"), key("a", "c"), key("a", "b", "c")}) == 4

    def test_requests_of_other_shapes_do_not_share_a_batch(self) -> None:
        model = idle_model([spec("a", dims=(-1,))])

        def key(*shape: int) -> object:
            return admit(model, InferHeader(inputs=[tensor(shape=shape)])).batch_key

        assert key(1, 5) == key(3, 5)
        assert key(1, 5) != key(1, 6)


class TestOutputs:
    def test_an_unknown_one(self) -> None:
        assert refusal(ONE, tensor(), outputs=("y", "zz"), identity="r") == (
            "unexpected inference output 'zz' for model 'm'"
        )

    def test_it_comes_before_everything_about_inputs(self) -> None:
        assert refusal(ONE, outputs=("zz",)) == "unexpected inference output 'zz' for model 'm'"


class TestNames:
    def test_an_unknown_input(self) -> None:
        assert refusal(ONE, tensor("zz"), identity="r") == "unexpected inference input 'zz' for model 'm'"

    def test_none_at_all(self) -> None:
        assert refusal(TWO) == (
            UNKNOWN
            + "expected 2 inputs but got 0 inputs for model 'm'. Got input(s) [], but missing required input(s) "
            "['a','b']. Please provide all required input(s)."
        )

    def test_one_is_missing(self) -> None:
        assert refusal(TWO, tensor("b"), identity="r1") == (
            "[request id: r1] expected 2 inputs but got 1 inputs for model 'm'. Got input(s) ['b'], but missing "
            "required input(s) ['a']. Please provide all required input(s)."
        )

    def test_one_too_many(self) -> None:
        assert refusal(ONE, tensor("a"), tensor("q")) == (
            UNKNOWN + "expected 1 inputs but got 2 inputs for model 'm'. Got input(s) ['a','q'], but missing required "
            "input(s) ]. Please provide all required input(s)."
        )

    def test_the_same_twice(self) -> None:
        assert refusal(ONE, tensor(), tensor()) == UNKNOWN + "input 'a' already exists in request"

    def test_the_same_twice_comes_before_an_unknown_one(self) -> None:
        assert refusal(ONE, tensor("zz"), tensor("zz")) == UNKNOWN + "input 'zz' already exists in request"

    @pytest.mark.parametrize(("names", "count"), [((), 0), (("a", "b", "c", "d"), 4)])
    def test_the_count_with_optional_inputs(self, names: tuple[str, ...], count: int) -> None:
        message = refusal(OPTIONAL, *(tensor(name) for name in names))
        assert message.startswith(
            UNKNOWN + f"expected number of inputs between 1 and 3 but got {count} inputs for model 'm'. Got input(s) ["
        )

    def test_a_required_one_is_missing_beside_optional_ones(self) -> None:
        assert refusal(OPTIONAL, tensor("b"), tensor("c")).endswith(
            "Got input(s) ['b','c'], but missing required input(s) ['a']. Please provide all required input(s)."
        )


class TestBatch:
    def test_no_shape(self) -> None:
        assert refusal(ONE, tensor(shape=())) == (
            UNKNOWN + "input 'a' has no shape but model requires batch dimension for 'm'"
        )

    def test_too_many_rows(self) -> None:
        assert refusal(ONE, tensor(shape=(9, 2)), identity="r1") == (
            "[request id: r1] inference request batch-size must be <= 8 for 'm'"
        )

    def test_inputs_disagree(self) -> None:
        assert refusal(TWO, tensor("a", (1, 2)), tensor("b", (2, 3), "INT32")) == (
            UNKNOWN + "input 'b' batch size does not match other inputs for 'm'"
        )

    @pytest.mark.parametrize("size", [None, 0])
    def test_no_rows(self, size: int | None) -> None:
        assert refusal(ONE, tensor(shape=(0, 2), size=size)) == (
            UNKNOWN + "input byte size mismatch for input 'a' for model 'm'. Expected 8, got 0"
        )

    def test_rows_come_before_types(self) -> None:
        assert refusal(ONE, tensor(shape=(9, 2), datatype="INT32")).endswith("batch-size must be <= 8 for 'm'")


class TestTensors:
    def test_another_type(self) -> None:
        assert refusal(ONE, tensor(datatype="INT32")) == (
            UNKNOWN + "inference input 'a' data-type is 'INT32', but model 'm' expects 'FP32'"
        )

    def test_types_come_before_shapes(self) -> None:
        assert refusal(ONE, tensor(shape=(1, 3), datatype="INT32")).startswith(
            UNKNOWN + "inference input 'a' data-type"
        )

    @pytest.mark.parametrize("shape", [(1,), (1, 3), (1, 1, 2), (1, 2, 1)])
    def test_another_shape(self, shape: tuple[int, ...]) -> None:
        got = ",".join(map(str, shape))
        assert refusal(ONE, tensor(shape=shape)) == (
            UNKNOWN + f"unexpected shape for input 'a' for model 'm'. Expected [-1,2], got [{got}]. {NOTE}"
        )

    def test_another_shape_without_batching(self) -> None:
        assert refusal(UNBATCHED, tensor(shape=(1, 7))) == (
            UNKNOWN + "unexpected shape for input 'a' for model 'm'. Expected [2,-1], got [1,7]. "
        )
        assert refusal(UNBATCHED, tensor(shape=())).endswith("Expected [2,-1], got []. ")

    @pytest.mark.parametrize("size", [0, 7, 9, 16, 1 << 63])
    def test_another_size(self, size: int) -> None:
        assert refusal(ONE, tensor(size=size)) == (
            UNKNOWN + f"input byte size mismatch for input 'a' for model 'm'. Expected 8, got {size}"
        )

    def test_shapes_come_before_sizes(self) -> None:
        assert refusal(ONE, tensor(shape=(1, 3), size=1)).startswith(UNKNOWN + "unexpected shape")

    def test_text_has_any_size(self) -> None:
        model = idle_model([spec("a", "BYTES")])
        assert admit(model, InferHeader(inputs=[tensor(datatype="BYTES", size=12345)])).batch_size == 1


class TestText:
    WHERE = "for inference input 'a' for model 'm'"

    def elements(self, framed: bytes, count: int) -> list[bytes]:
        return string_elements(framed, (1, count), name="a", model_name="m", prefix=UNKNOWN)

    def refusal(self, framed: bytes, count: int) -> str:
        with pytest.raises(InvalidArgumentError) as caught:
            self.elements(framed, count)
        return caught.value.message

    @pytest.mark.parametrize("elements", [[], [b""], [b"ab", b"\xff", b""]])
    def test_as_many_as_wanted(self, elements: list[bytes]) -> None:
        assert self.elements(encode_bytes(elements), len(elements)) == elements

    @pytest.mark.parametrize(("given", "wanted"), [(0, 1), (1, 2), (3, 4)])
    def test_too_few(self, given: int, wanted: int) -> None:
        assert self.refusal(encode_bytes([b"ab"] * given), wanted) == (
            UNKNOWN + f"expected {wanted} string elements {self.WHERE}, got {given}"
        )

    @pytest.mark.parametrize(("given", "wanted"), [(1, 0), (2, 1), (9, 3)])
    def test_too_many(self, given: int, wanted: int) -> None:
        assert self.refusal(encode_bytes([b"ab"] * given), wanted) == (
            UNKNOWN + f"unexpected number of string elements {wanted + 1} {self.WHERE}, expecting {wanted}"
        )

    @pytest.mark.parametrize("left", [1, 2, 3])
    def test_a_length_that_is_cut_short(self, left: int) -> None:
        assert self.refusal(encode_bytes([b"ab"]) + b"\1" * left, 2) == (
            UNKNOWN + f"incomplete string length indicator {self.WHERE}, expecting 4 bytes but only {left} bytes "
            "available. Please make sure the string length indicator is in one buffer."
        )

    @pytest.mark.parametrize("length", [3, 20, (1 << 32) - 1])
    def test_an_element_that_is_cut_short(self, length: int) -> None:
        assert self.refusal(length.to_bytes(4, "little") + b"ab", 1) == (
            f"incomplete string data for inference input 'a', expecting string of length {length} but only 2 bytes "
            "available"
        )

    def test_an_element_that_is_cut_short_counts(self) -> None:
        framed = encode_bytes([b"x"]) + b"\xff\0\0\0ab"
        assert self.refusal(framed, 3) == UNKNOWN + f"expected 3 string elements {self.WHERE}, got 2"
        assert self.refusal(framed, 1) == (
            UNKNOWN + f"unexpected number of string elements 2 {self.WHERE}, expecting 1"
        )

    def test_a_shape_of_very_many_elements(self) -> None:
        assert self.refusal(b"", (1 << 63) - 1).endswith("got 0")
