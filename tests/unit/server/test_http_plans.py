"""From a request's header and bytes to the engine's request, and what is remembered of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from naiad.datatypes import encode_bytes
from naiad.engine.model import Model
from naiad.engine.request import InferRequest
from naiad.engine.shared_memory import SharedMemory
from naiad.errors import InvalidArgumentError, NotFoundError
from naiad.server.http_plans import PlanCache, raw_request
from tests.support.engine import RecordingSink, idle_model, spec

SINK = RecordingSink()
LIMIT = 1 << 26


def floats(*values: float) -> bytes:
    return np.array(values, np.float32).tobytes()


def tensor(name: str = "a", shape: tuple[int, ...] = (1, 2), **fields: Any) -> dict[str, Any]:
    return {"name": name, "shape": list(shape), "datatype": "FP32", "parameters": {"binary_data_size": 8}, **fields}


def header(*inputs: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({"inputs": list(inputs), **fields}).encode()


class Plans:
    """A cache for a model, asked with a header and bytes."""

    def __init__(self, model: Model, *, max_bytes: int = LIMIT) -> None:
        self.cache = PlanCache(model, max_bytes, SharedMemory())

    def request(self, text: bytes, binary: bytes = b"") -> InferRequest:
        return self.cache.request(text, binary, SINK, 5)

    def refusal(self, text: bytes, binary: bytes = b"") -> str:
        with pytest.raises(InvalidArgumentError) as caught:
            self.request(text, binary)
        return caught.value.message


@pytest.fixture
def two() -> Plans:
    return Plans(idle_model([spec("a"), spec("b")], [spec("y"), spec("z")]))


def sent(request: InferRequest, index: int = 0) -> Any:
    """One of the buffers that the engine gets."""
    return request.inputs[index]


def answer(request: InferRequest, *outputs: Any) -> tuple[dict[str, Any], bytes]:
    """The JSON of an answer with these outputs, and what is behind it."""
    data = b"".join(bytes(piece) for piece in request.plan.encode(request.id, outputs))
    head, _, body = data.partition(b"\r\n\r\n")
    sizes = dict(line.lower().split(b": ") for line in head.split(b"\r\n")[1:])
    assert int(sizes[b"content-length"]) == len(body)
    size = int(sizes.get(b"inference-header-content-length", len(body)))
    assert (b"octet-stream" in sizes[b"content-type"]) is (size < len(body))
    return json.loads(body[:size]), body[size:]


Y = np.array([[1.0, 2.0]], np.float32)
Z = np.array([[3.0, 4.0]], np.float32)


class TestInputs:
    @pytest.mark.parametrize("view", [bytes, memoryview])
    def test_bytes_are_cut_in_the_order_sent_and_put_in_the_models(self, two: Plans, view: type) -> None:
        text = header(tensor("b"), tensor("a"))
        for _ in range(3):
            request = two.request(text, view(floats(3, 4) + floats(1, 2)))
            assert [bytes(sent(request, 0)), bytes(sent(request, 1))] == [floats(1, 2), floats(3, 4)]
            assert request.shapes == ((1, 2), (1, 2))

    def test_data_in_the_json_and_behind_it_mix(self, two: Plans) -> None:
        text = header({"name": "a", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}, tensor("b"))
        request = two.request(text, floats(3, 4))
        assert [bytes(sent(request, 0)), bytes(sent(request, 1))] == [floats(1, 2), floats(3, 4)]

    def test_requests_of_one_layout_keep_their_own_data(self, two: Plans) -> None:
        def ask(first: float) -> list[float]:
            data = {"name": "a", "shape": [1, 2], "datatype": "FP32", "data": [first, 2]}
            return list(sent(two.request(header(data, tensor("b")), floats(3, 4))))

        assert [ask(1), ask(7), ask(1)] == [[1, 2], [7, 2], [1, 2]]

    def test_what_differs_from_request_to_request(self, two: Plans) -> None:
        for identity, priority, timeout in (("x", 1, 2), ("", 0, 0), ("y", 3, 4)):
            text = header(tensor("a"), tensor("b"), id=identity, parameters={"priority": priority, "timeout": timeout})
            request = two.request(text, floats(1, 2, 3, 4))
            assert (request.id, request.priority, request.timeout_us) == (identity, priority, timeout)
            assert answer(request, Y, Z)[0].get("id", "") == identity

    def test_text(self) -> None:
        plans = Plans(idle_model([spec("a", "BYTES")]))
        framed = encode_bytes([b"x", b"yz"])
        text = header(tensor(datatype="BYTES", parameters={"binary_data_size": len(framed)}), id="r")
        assert sent(plans.request(text, framed)).tolist() == [[b"x", b"yz"]]
        assert plans.refusal(text, b"\xff" * len(framed)).startswith("[request id: r] ")

    @pytest.mark.parametrize(
        ("elements", "message"),
        [
            (["a"], "expected 2 string elements for inference input 'a' for model 'm', got 1"),
            (
                ["a", "b", "c"],
                "unexpected number of string elements 3 for inference input 'a' for model 'm', expecting 2",
            ),
        ],
    )
    def test_another_number_of_strings_in_json(self, elements: list[str], message: str) -> None:
        """The layout of a request that was well says nothing of the next one's strings."""
        plans = Plans(idle_model([spec("a", "BYTES")]))
        good = {"name": "a", "shape": [1, 2], "datatype": "BYTES", "data": ["x", "y"]}
        assert sent(plans.request(header(good))).tolist() == [b"x", b"y"]
        assert plans.refusal(header({**good, "data": elements}, id="r")) == f"[request id: r] {message}"

    def test_an_absent_optional_input(self) -> None:
        plans = Plans(idle_model([spec("a"), spec("b", optional=True)]))
        assert list(plans.request(header(tensor("a")), floats(1, 2)).inputs) == [floats(1, 2), None]


class TestSizes:
    @pytest.mark.parametrize("warm", [True, False])
    @pytest.mark.parametrize(
        ("size", "message"),
        [
            (0, "unexpected size for input 'a', expecting 8 additional bytes for model 'm'"),
            (7, "unexpected size for input 'a', expecting 1 additional bytes for model 'm'"),
            (15, "unexpected size for input 'b', expecting 1 additional bytes for model 'm'"),
            (17, "unexpected additional input data for model 'm'"),
        ],
    )
    def test_bytes_that_are_too_few_or_too_many(self, two: Plans, size: int, message: str, *, warm: bool) -> None:
        text = header(tensor("a"), tensor("b"))
        if warm:
            two.request(text, bytes(16))
        assert two.refusal(text, bytes(size)) == message

    def test_a_json_text_up_to_the_limit_and_one_beyond(self) -> None:
        text = header(tensor("a"))
        model = idle_model([spec("a")])
        assert Plans(model, max_bytes=len(text)).request(text, bytes(8)).batch_size == 1
        assert Plans(model, max_bytes=len(text) - 1).refusal(text, bytes(8)) == (
            f"request JSON size of {len(text)} bytes exceeds the maximum allowed input size of {len(text) - 1} bytes. "
            "Use --http-max-input-size to increase the limit."
        )


class TestMemory:
    """What is remembered is for clients that ask the same again; others must not make the server grow."""

    def test_the_same_layout_is_checked_once(self, two: Plans) -> None:
        for identity in range(100):
            two.request(header(tensor("a"), tensor("b"), id=str(identity)), bytes(16))
        assert len(two.cache._by_layout) == 1
        assert len(two.cache._by_text) == 0

    def test_many_layouts_and_texts(self) -> None:
        plans = Plans(idle_model([spec("a", dims=(-1,))], [spec("y")]))
        for size in range(3000):
            plans.request(header(tensor(shape=(1, size), parameters={"binary_data_size": 4 * size})), bytes(4 * size))
        assert len(plans.cache._by_layout) <= 1024
        assert len(plans.cache._by_text) <= 1024

    def test_what_is_refused_is_forgotten(self, two: Plans) -> None:
        for size in range(50):
            two.refusal(header(tensor("a", shape=(1, size + 3)), tensor("b")), bytes(16))
        assert not two.cache._by_layout
        assert not two.cache._by_text

    def test_a_long_header_is_forgotten(self, two: Plans) -> None:
        """One that names an output a hundred thousand times is allowed, and large."""
        text = header(tensor("a"), tensor("b"), outputs=[{"name": "y"}] * 100_000)
        two.request(text, bytes(16))
        assert not two.cache._by_layout
        assert not two.cache._by_text


class TestAnswers:
    def ask(self, two: Plans, **fields: Any) -> tuple[dict[str, Any], bytes]:
        return answer(two.request(header(tensor("a"), tensor("b"), **fields), bytes(16)), Y, Z)

    def test_all_as_json(self, two: Plans) -> None:
        document, behind = self.ask(two)
        assert document == {
            "model_name": "m",
            "model_version": "1",
            "outputs": [
                {"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]},
                {"name": "z", "datatype": "FP32", "shape": [1, 2], "data": [3.0, 4.0]},
            ],
        }
        assert behind == b""

    def test_all_as_bytes(self, two: Plans) -> None:
        for _ in range(2):
            document, behind = self.ask(two, parameters={"binary_data_output": True})
            assert [output["parameters"] for output in document["outputs"]] == [{"binary_data_size": 8}] * 2
            assert behind == floats(1, 2, 3, 4)

    def test_in_the_models_order_and_once(self, two: Plans) -> None:
        wanted = [{"name": "z", "parameters": {"binary_data": True}}, {"name": "y"}, {"name": "z"}]
        document, behind = self.ask(two, outputs=wanted)
        assert [output["name"] for output in document["outputs"]] == ["y", "z"]
        assert document["outputs"][0]["data"] == [1.0, 2.0]
        assert behind == floats(3, 4)

    def test_classes(self, two: Plans) -> None:
        document, behind = self.ask(two, outputs=[{"name": "z", "parameters": {"classification": 1}}])
        assert document["outputs"] == [{"name": "z", "datatype": "BYTES", "shape": [1, 1], "data": ["4.000000:1"]}]
        assert behind == b""

    def test_outputs_of_changing_shape(self) -> None:
        plans = Plans(idle_model([spec("a")], [spec("y", dims=(-1,))]))
        text = header(tensor("a"), parameters={"binary_data_output": True})
        for size in (2, 0, 5, 2, *range(100), 0):
            document, behind = answer(plans.request(text, bytes(8)), np.ones((1, size), np.float32))
            assert document["outputs"][0]["shape"] == [1, size]
            assert document["outputs"][0]["parameters"] == {"binary_data_size": 4 * size}
            assert behind == floats(*[1.0] * size)

    def test_large_outputs(self, two: Plans) -> None:
        big = np.arange(20_000, dtype=np.float32).reshape(1, -1)
        request = two.request(header(tensor("a"), tensor("b"), parameters={"binary_data_output": True}), bytes(16))
        _, behind = answer(request, big, Z)
        assert behind == big.tobytes() + floats(3, 4)

    @pytest.mark.parametrize("name", ["FP16", "BF16"])
    def test_half_precision_is_not_written_as_json(self, name: str) -> None:
        plans = Plans(idle_model([spec("a")], [spec("y", name)]))
        request = plans.request(header(tensor("a")), bytes(8))
        with pytest.raises(InvalidArgumentError, match=f"sending {name} data via JSON is not supported"):
            request.plan.encode("", [np.zeros((1, 2), np.float16)])


class TestSharedMemory:
    def test_a_region_that_is_not_registered(self, two: Plans) -> None:
        span = {"shared_memory_region": "r", "shared_memory_byte_size": 8}
        text = header(tensor("a", parameters=span), tensor("b"))
        with pytest.raises(NotFoundError, match="Unable to find shared memory region: 'r'"):
            two.request(text, bytes(8))

    def test_an_output_in_one_that_is_not_registered(self, two: Plans) -> None:
        span = {"shared_memory_region": "r", "shared_memory_byte_size": 8}
        text = header(tensor("a"), tensor("b"), outputs=[{"name": "y", "parameters": span}])
        with pytest.raises(NotFoundError, match="Unable to find shared memory region: 'r'"):
            two.request(text, bytes(16))

    def test_regions_come_before_what_the_model_wants(self, two: Plans) -> None:
        text = header(tensor("a", parameters={"shared_memory_region": "r"}))
        with pytest.raises(NotFoundError, match="Unable to find shared memory region: 'r'"):
            two.request(text)


UNKNOWN = "[request id: <id_unknown>] "


class TestRaw:
    def request(self, model: Model, body: bytes) -> InferRequest:
        return raw_request(model, body, SINK, 5)

    def refusal(self, model: Model, body: bytes) -> str:
        with pytest.raises(InvalidArgumentError) as caught:
            self.request(model, body)
        return caught.value.message

    def test_one_row(self) -> None:
        request = self.request(idle_model([spec("a")], [spec("y")]), floats(1, 2))
        assert request.shapes == ((1, 2),)
        assert bytes(sent(request)) == floats(1, 2)
        assert answer(request, Y)[1] == floats(1, 2)

    @pytest.mark.parametrize(("size", "shape"), [(12, (1, 3)), (4, (1, 1)), (0, (1, 0))])
    def test_a_variable_dimension_takes_what_is_there(self, size: int, shape: tuple[int, ...]) -> None:
        assert self.request(idle_model([spec("a", dims=(-1,))]), bytes(size)).shapes == (shape,)

    def test_without_batching(self) -> None:
        model = idle_model([spec("a", dims=(2, -1), batched=False)], max_batch_size=0)
        assert self.request(model, bytes(24)).shapes == ((2, 3),)

    @pytest.mark.parametrize(("dims", "size", "expected"), [((2,), 9, 8), ((2,), 0, 8), ((-1,), 7, 4), ((2, -1), 9, 8)])
    def test_another_size(self, dims: tuple[int, ...], size: int, expected: int) -> None:
        assert self.refusal(idle_model([spec("a", dims=dims)]), bytes(size)) == (
            f"{UNKNOWN}input byte size mismatch for input 'raw_input' for model 'm'. Expected {expected}, got {size}"
        )

    def test_several_inputs(self) -> None:
        assert self.refusal(idle_model([spec("a"), spec("b")]), b"") == (
            f"{UNKNOWN}Raw request must only have 1 input (found 1) to be deduced but got 2 inputs in 'm' model "
            "configuration"
        )

    def test_several_variable_dimensions(self) -> None:
        assert self.refusal(idle_model([spec("a", dims=(-1, -1))]), b"") == (
            f"{UNKNOWN}The shape of the raw input 'a' can not be deduced because there are more than one "
            "variable-sized dimension"
        )

    @pytest.mark.parametrize("body", [b"", b"abc", b"\xff\0"])
    def test_text_is_the_body(self, body: bytes) -> None:
        request = self.request(idle_model([spec("a", "BYTES", (1,))]), body)
        assert sent(request).tolist() == [[body]]
        assert request.shapes == ((1, 1),)

    def test_text_of_another_shape(self) -> None:
        assert self.refusal(idle_model([spec("a", "BYTES", (-1,))]), b"") == (
            f"{UNKNOWN}For BYTE datatype raw input 'a', the model must have input shape [1]"
        )
