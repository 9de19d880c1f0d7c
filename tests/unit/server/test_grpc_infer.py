"""From a message to the engine's request and back, and that remembering messages changes nothing but the time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.datatypes import encode_bytes
from naiad.engine.engine import Engine
from naiad.engine.model import Model
from naiad.engine.request import InferRequest
from naiad.engine.shared_memory import SharedMemory
from naiad.errors import InternalError, InvalidArgumentError, NaiadError, NotFoundError
from naiad.messages import service_pb2
from naiad.protocol.protobuf_wire import field
from naiad.server.grpc_infer import InferReader, ModelInfer
from tests.support.engine import RecordingSink, idle_model, spec
from tests.support.grpc_call import fake_call
from tests.support.grpc_messages import contents, infer_message, output, tensor

SINK = RecordingSink()
Y = np.array([[1.0, 2.0]], np.float32)
Z = np.array([[3.0, 4.0]], np.float32)


def floats(*values: float) -> bytes:
    return np.array(values, np.float32).tobytes()


class Reader:
    """A reader of messages for one model, or several."""

    def __init__(self, *models: Model, shared: SharedMemory | None = None) -> None:
        self.models = {model.name: model for model in models}
        self._reader = InferReader(
            cast(Engine, SimpleNamespace(model=self._model)), shared or SharedMemory(), max_input_bytes=1 << 20
        )

    def _model(self, name: str, version: str) -> Model:
        if name not in self.models or version not in ("", "1"):
            raise NotFoundError(f"no {name} {version}")
        return self.models[name]

    def read(self, message: bytes | memoryview) -> InferRequest:
        return self._reader.read(message, SINK, 5)

    def refusal(self, message: bytes | memoryview) -> str:
        with pytest.raises(NaiadError) as caught:
            self.read(message)
        return caught.value.message


def sent(request: InferRequest) -> list[Any]:
    """What the engine gets."""
    return [each if isinstance(each, np.ndarray) or each is None else bytes(each) for each in request.inputs]


def answer(request: InferRequest, *outputs: Any) -> Any:
    """The message of an answer."""
    pieces = request.plan.encode(request.id, outputs)
    return service_pb2.ModelInferResponse.FromString(b"".join(pieces))


@pytest.fixture
def two() -> Reader:
    return Reader(idle_model([spec("a"), spec("b")], [spec("y"), spec("z")]))


class TestInputs:
    @pytest.mark.parametrize("view", [bytes, memoryview])
    def test_in_the_order_sent_and_put_in_the_models(self, two: Reader, view: Any) -> None:
        for first in range(4):
            message = infer_message(tensor("b"), tensor("a"), raw=[floats(3, 4), floats(first, 2)], identity=str(first))
            request = two.read(view(message))
            assert sent(request) == [floats(first, 2), floats(3, 4)]
            assert (request.shapes, request.id, request.arrived_ns) == (((1, 2), (1, 2)), str(first), 5)

    def test_typed_ones(self, two: Reader) -> None:
        for first in range(3):
            inputs = [contents(tensor(name), fp32_contents=[first, 2]) for name in "ab"]
            assert sent(two.read(infer_message(*inputs))) == [floats(first, 2)] * 2

    def test_more_raw_contents_than_inputs(self, two: Reader) -> None:
        for last in (b"", b"more", b"less"):
            message = infer_message(tensor("a"), tensor("b"), raw=[floats(1, 2), floats(3, 4), last])
            assert sent(two.read(message)) == [floats(1, 2), floats(3, 4)]

    def test_an_absent_optional_one(self) -> None:
        reader = Reader(idle_model([spec("a"), spec("b", optional=True)]))
        for _ in range(2):
            assert sent(reader.read(infer_message(tensor(), raw=[floats(1, 2)]))) == [floats(1, 2), None]

    def test_text(self) -> None:
        reader = Reader(idle_model([spec("a", "BYTES")]))
        for last in (b"yz", b"ab"):
            message = infer_message(tensor(datatype="BYTES"), raw=[encode_bytes([b"x", last])])
            (array,) = reader.read(message).inputs
            assert array is not None
            assert array.tolist() == [[b"x", last]]
        spoilt = infer_message(tensor(datatype="BYTES"), raw=[b"\0\0\0\0" + b"\xff" * 7], identity="r")
        assert reader.refusal(spoilt).startswith("incomplete string data for inference input 'a'")
        short = infer_message(tensor(datatype="BYTES"), raw=[encode_bytes([b"x234567"])], identity="r")
        assert reader.refusal(short).startswith("[request id: r] expected 2 string elements")

    def test_large_ones_are_views(self) -> None:
        reader = Reader(idle_model([spec("a", dims=(-1,))]))
        for first in range(3):
            message = memoryview(infer_message(tensor(shape=(1, 40_000)), raw=[floats(first) * 40_000]))
            (view,) = reader.read(message).inputs
            assert isinstance(view, memoryview)
            assert view == floats(first) * 40_000

    def test_priority_and_timeout(self, two: Reader) -> None:
        for priority, timeout in ((1, 2), (0, 0), (3, 4), (1, 2)):
            values = {"priority": priority, "timeout": timeout}
            request = two.read(infer_message(tensor("a"), tensor("b"), raw=[floats(1, 2)] * 2, values=values))
            assert (request.priority, request.timeout_us) == (priority, timeout)

    @pytest.mark.parametrize("warm", [True, False])
    def test_of_another_size(self, two: Reader, *, warm: bool) -> None:
        if warm:
            two.read(infer_message(tensor("a"), tensor("b"), raw=[bytes(8), bytes(8)]))
        message = infer_message(tensor("a"), tensor("b"), raw=[bytes(7), bytes(9)], identity="r")
        assert two.refusal(message) == (
            "[request id: r] input byte size mismatch for input 'a' for model 'm'. Expected 8, got 7"
        )

    @pytest.mark.parametrize("shape", [(-1, -2), (1, -2), (-1, 2)])
    def test_of_a_shape_that_is_none(self, shape: tuple[int, int]) -> None:
        reader = Reader(idle_model([spec("a", dims=(-1,))]))
        assert reader.refusal(infer_message(tensor(shape=shape), raw=[bytes(8)])) == (
            "[request id: <id_unknown>] All input dimensions should be specified for input 'a' for model 'm', got "
            f"[{shape[0]},{shape[1]}]"
        )


class TestAnswers:
    def test_all(self, two: Reader) -> None:
        for identity in ("", "r", "", "e" * 200):
            message = infer_message(tensor("a"), tensor("b"), raw=[bytes(8), bytes(8)], identity=identity)
            expected = service_pb2.ModelInferResponse(model_name="m", model_version="1", id=identity)
            for name in "yz":
                expected.outputs.add(name=name, datatype="FP32", shape=[1, 2])
            expected.raw_output_contents.extend([floats(1, 2), floats(3, 4)])
            assert answer(two.read(message), Y, Z) == expected

    def test_in_the_models_order_and_once(self, two: Reader) -> None:
        wanted = [output("z"), output("y"), output("z")]
        message = infer_message(tensor("a"), tensor("b"), raw=[bytes(8), bytes(8)], outputs=wanted)
        told = answer(two.read(message), Y, Z)
        assert [each.name for each in told.outputs] == ["y", "z"]
        one = answer(two.read(infer_message(tensor("a"), tensor("b"), raw=[bytes(8)] * 2, outputs=wanted[:1])), Y, Z)
        assert ([each.name for each in one.outputs], list(one.raw_output_contents)) == (["z"], [floats(3, 4)])

    def test_classes(self, two: Reader) -> None:
        wanted = [output("y"), output("z", classification=1)]
        told = answer(two.read(infer_message(tensor("a"), tensor("b"), raw=[bytes(8)] * 2, outputs=wanted)), Y, Z)
        assert (told.outputs[1].datatype, list(told.outputs[1].shape)) == ("BYTES", [1, 1])
        assert list(told.raw_output_contents) == [floats(1, 2), encode_bytes([b"4.000000:1"])]

    def test_of_changing_shape(self) -> None:
        reader = Reader(idle_model([spec("a")], [spec("y", dims=(-1,))]))
        for size in (2, 0, 5, 2, *range(100), 0):
            told = answer(reader.read(infer_message(tensor(), raw=[bytes(8)])), np.ones((1, size), np.float32))
            assert list(told.outputs[0].shape) == [1, size]
            assert list(told.raw_output_contents) == [floats(*[1.0] * size)]

    def test_large(self, two: Reader) -> None:
        big = np.arange(40_000, dtype=np.float32).reshape(2, -1)[:, ::2]
        told = answer(two.read(infer_message(tensor("a"), tensor("b"), raw=[bytes(8)] * 2)), big, Z)
        assert list(told.raw_output_contents) == [big.tobytes(), floats(3, 4)]

    def test_of_a_model_without_outputs(self) -> None:
        told = answer(Reader(idle_model([spec("a")])).read(infer_message(tensor(), raw=[bytes(8)])))
        assert (told.model_name, list(told.outputs)) == ("m", [])

    def test_in_memory_that_is_not_registered(self, two: Reader) -> None:
        span: dict[str, Any] = {"shared_memory_region": "r", "shared_memory_byte_size": 8}
        wanted = infer_message(tensor("a"), tensor("b"), raw=[bytes(8)] * 2, outputs=[output("y", **span)])
        given = infer_message(tensor("a"), tensor("b", **span), raw=[bytes(8)])
        for message in (wanted, given):
            assert two.refusal(message) == "Unable to find shared memory region: 'r'"


class TestMemory:
    """What is remembered is for clients that ask the same again; others must not make the server grow."""

    def templates(self, reader: Reader) -> int:
        return sum(len(alike) for alike in reader.models["m"].plans["GRPC"].by_size.values())

    def test_the_same_message_with_other_ids_and_data_is_parsed_once(self, two: Reader) -> None:
        for identity in ("", "a", "bc", "é" * 60):
            two.read(
                infer_message(tensor("a"), tensor("b"), raw=[identity[:1].encode().ljust(8)] * 2, identity=identity)
            )
        assert self.templates(two) == 1

    def test_a_model_that_was_loaded_again_is_asked(self, two: Reader) -> None:
        message = infer_message(tensor("a"), tensor("b"), raw=[bytes(8)] * 2)
        before = two.read(message).model
        two.models["m"] = idle_model([spec("a"), spec("b")])
        assert two.read(message).model is two.models["m"] is not before
        del two.models["m"]
        assert two.refusal(message) == "no m "

    def test_many_layouts(self) -> None:
        reader = Reader(idle_model([spec("a", dims=(-1,))]))
        for size in range(3000):
            reader.read(infer_message(tensor(shape=(1, size)), raw=[bytes(4 * size)]))
        plans = reader.models["m"].plans["GRPC"]
        assert len(plans.by_layout) <= 1024
        assert self.templates(reader) <= 1024

    def test_many_messages_of_one_size(self) -> None:
        reader = Reader(idle_model([spec("a")]))
        for number in range(100, 200):
            reader.read(infer_message(tensor(), raw=[bytes(8)], values={"x": str(number)}))
        assert self.templates(reader) == 8

    def test_many_names(self) -> None:
        reader = Reader(idle_model([spec("a")]))
        for number in range(1, 3000):
            reader.models[str(number)] = reader.models["m"]
            reader.read(infer_message(tensor(), raw=[bytes(8)], model=str(number)))
        assert len(reader._reader._names) <= 1024

    def test_what_is_long_typed_or_refused_is_forgotten(self, two: Reader) -> None:
        two.read(infer_message(tensor("a"), tensor("b"), raw=[bytes(8)] * 2, values={"x": "y" * 5000}))
        two.read(infer_message(*[contents(tensor(name), fp32_contents=[1, 2]) for name in "ab"]))
        two.refusal(infer_message(tensor("a"), tensor("c"), raw=[bytes(8)] * 2))
        assert self.templates(two) == 0

    def test_an_output_named_very_often(self, two: Reader) -> None:
        two.read(infer_message(tensor("a"), tensor("b"), raw=[bytes(8)] * 2, outputs=[output("y")] * 4000))
        assert not two.models["m"].plans["GRPC"].by_layout


BASES = (
    infer_message(tensor("a"), tensor("b"), raw=[floats(1, 2), floats(3, 4)]),
    infer_message(tensor("a"), tensor("b"), raw=[floats(1, 2), floats(3, 4)], identity="id", version="1"),
    infer_message(tensor("b"), tensor("a"), raw=[floats(1, 2), floats(3, 4)], outputs=[output("z")]),
    infer_message(contents(tensor("a"), fp32_contents=[1, 2]), contents(tensor("b"), fp32_contents=[3, 4])),
)


def outcome(reader: Reader, message: bytes) -> Any:
    try:
        request = reader.read(message)
    except NaiadError as error:
        return type(error), error.message
    return request.id, request.shapes, request.priority, sent(request), answer(request, Y, Z)


@given(st.sampled_from(BASES), st.data())
def test_remembering_changes_nothing(base: bytes, data: st.DataObject) -> None:
    """Messages that are nearly one that came before are read as by a reader that has seen nothing."""
    position = data.draw(st.integers(0, len(base) - 1))
    change = data.draw(st.sampled_from(["set", "insert", "delete", "double"]))
    byte = bytes([data.draw(st.integers(0, 255))])
    message = {
        "set": base[:position] + byte + base[position + 1 :],
        "insert": base[:position] + byte + base[position:],
        "delete": base[:position] + base[position + 1 :],
        "double": base + field(3, byte),
    }[change]

    def model() -> Model:
        return idle_model([spec("a"), spec("b")], [spec("y"), spec("z")])

    warm = Reader(model())
    for each in BASES:
        warm.read(each)
    assert outcome(warm, message) == outcome(Reader(model()), message)


class TestMethod:
    def test_the_call_is_the_sink(self) -> None:
        model = idle_model([spec("a")], [spec("y")])
        queued: list[InferRequest] = []
        model.infer = queued.append
        method = ModelInfer(
            InferReader(cast(Engine, SimpleNamespace(model=lambda *_: model)), SharedMemory(), max_input_bytes=1 << 20)
        )
        call, fake = fake_call()
        method(call, infer_message(tensor(), raw=[floats(1, 2)], identity="r"), 5)
        assert [fake.request] == queued
        queued[0].sink.respond(queued[0], [Y])
        assert fake.take(service_pb2.ModelInferResponse).id == "r"
        assert (fake.is_finished, fake.error) == (True, None)

    @pytest.mark.parametrize(
        ("message", "error"),
        [(b"\xff", InternalError), (b"", NotFoundError), (infer_message(tensor()), InvalidArgumentError)],
    )
    def test_what_is_refused(self, message: bytes, error: type[NaiadError]) -> None:
        reader = Reader(idle_model([spec("a")]))
        call, fake = fake_call()
        with pytest.raises(error):
            ModelInfer(reader._reader)(call, message, 5)
        assert fake.request is None
