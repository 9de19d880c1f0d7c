"""The clients that speak gRPC, by the library that everybody uses."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import service_pb2

from benchmarks.server import LOOPBACK
from benchmarks.soak.clients import Client
from benchmarks.soak.connection import TIMEOUT_S
from benchmarks.soak.inference import Inference
from benchmarks.soak.tally import Outcome

_SERVICE = "/inference.GRPCInferenceService"
_ENCODINGS = (grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate)


class GrpcClient(Client):
    """A channel."""

    @cached_property
    def channel(self) -> grpc.Channel:
        """The channel, opened when it is first used, with a connection of its own."""
        return grpc.insecure_channel(f"{LOOPBACK}:{self.grpc_port}", [("grpc.use_local_subchannel_pool", 1)])

    @cached_property
    def infer(self) -> grpc.UnaryUnaryMultiCallable:
        """ModelInfer."""
        return self.channel.unary_unary(
            f"{_SERVICE}/ModelInfer",
            request_serializer=service_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=service_pb2.ModelInferResponse.FromString,
        )

    @cached_property
    def stream_infer(self) -> grpc.StreamStreamMultiCallable:
        """ModelStreamInfer."""
        return self.channel.stream_stream(
            f"{_SERVICE}/ModelStreamInfer",
            request_serializer=service_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=service_pb2.ModelStreamInferResponse.FromString,
        )

    def disconnect(self) -> None:
        """Close the channel."""
        super().disconnect()
        for name in ("infer", "stream_infer"):
            self.__dict__.pop(name, None)
        if (channel := self.__dict__.pop("channel", None)) is not None:
            channel.close()

    def judge_error(self, asked: Inference, error: grpc.RpcError) -> None:
        """Judge a call that failed."""
        if error.code() is grpc.StatusCode.NOT_FOUND:
            self.note(*asked.judge_missing(error.details()))
        elif error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            self.note(Outcome.LOST, f"{error.code()}: {error.details()}")
        else:
            self.note(Outcome.WRONG, f"{error.code()}: {error.details()}")

    def judge_response(self, asked: Inference, response: Any) -> None:
        """Judge an answer."""
        y = np.frombuffer(response.raw_output_contents[0], np.float32).reshape(response.outputs[0].shape)
        self.note(*asked.judge_output(response.model_name, response.id, y))


class UnaryClient(GrpcClient):
    """One call after the other, compressed or not, large now and then."""

    kind = "unary"

    def turn(self) -> None:
        """Ask once."""
        asked = self.make_inference(wide=self.random.random() < 0.02)
        try:
            response = self.infer(message(asked), timeout=TIMEOUT_S, compression=self.random.choice(_ENCODINGS))
        except grpc.RpcError as error:
            self.judge_error(asked, error)
        else:
            self.judge_response(asked, response)


class ConcurrentClient(GrpcClient):
    """Several calls at once on one connection."""

    kind = "concurrent"

    def turn(self) -> None:
        """Ask several times, and then look at the answers."""
        calls = [
            (asked, self.infer.future(message(asked), timeout=TIMEOUT_S))
            for asked in [self.make_inference() for _ in range(self.random.randint(2, 8))]
        ]
        for asked, call in calls:
            try:
                self.judge_response(asked, call.result())
            except grpc.RpcError as error:
                self.judge_error(asked, error)


class StreamClient(GrpcClient):
    """Several requests in one stream."""

    kind = "stream"

    def turn(self) -> None:
        """One stream's life: answers come in the order of the requests, and then it ends well."""
        asked = [self.make_inference() for _ in range(self.random.randint(1, 8))]
        answers: Iterator[Any] = self.stream_infer(iter(map(message, asked)), timeout=TIMEOUT_S)
        try:
            for each in asked:
                answer = next(answers)
                if answer.error_message:
                    self.note(*each.judge_missing(answer.error_message))
                else:
                    self.judge_response(each, answer.infer_response)
            if next(answers, None) is not None:
                self.note(Outcome.WRONG, "more answers than requests")
        except grpc.RpcError as error:
            self.judge_error(asked[-1], error)


class CancellingClient(GrpcClient):
    """Takes back what it has asked, somehow."""

    kind = "cancelling"

    def turn(self) -> None:
        """Ask, and cancel at once or soon, or have a deadline that is too near, or hang up."""
        asked = self.make_inference(wide=self.random.random() < 0.1)
        way = self.random.randrange(3)
        call = self.infer.future(message(asked), timeout=0.0005 if way == 0 else TIMEOUT_S)
        if self.random.random() < 0.5:
            self._stop_event.wait(0.002 * self.random.random())
        if way == 1:
            call.cancel()
        elif way == 2:
            self.disconnect()
        self.tally.count(self.kind, Outcome.ABANDONED)


def message(inference: Inference) -> Any:
    """The request as gRPC's clients send it."""
    request = service_pb2.ModelInferRequest(model_name=inference.model, id=inference.identity)
    request.inputs.add(name="x", datatype="FP32", shape=inference.x.shape)
    request.raw_input_contents.append(inference.x.tobytes())
    return request


GRPC_CLIENTS: tuple[type[Client], ...] = (UnaryClient, UnaryClient, ConcurrentClient, StreamClient, CancellingClient)
"""One of each over gRPC, and another of the most usual."""
