"""A gRPC call as bytes, and the check of one answer to it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import grpc
import numpy as np
import numpy.typing as npt
from tritonclient.grpc import service_pb2

from benchmarks.models import INPUT, OUTPUT, Model
from benchmarks.recorded_request import TIMEOUT_S, WrongAnswerError

_PREFIX_BYTES = 5
_MAX_MESSAGE_BYTES = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A unary call.

    Attributes:
        path: `/package.service/method`.
        headers: beside those that every client sends.
        body: the message behind its length.
    """

    path: str
    headers: dict[str, str]
    body: bytes

    def check(self, grpc_url: str, expected: npt.NDArray[np.float32]) -> int:
        """Make it once and compare the answer with `expected` ([batch, *output_dims]); how long the answer's DATA is.

        Raises:
            WrongAnswerError: when the call fails or the output differs.
        """
        largest = [("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES)]
        with grpc.insecure_channel(grpc_url, options=largest) as channel:
            ask = channel.unary_unary(self.path, request_serializer=bytes, response_deserializer=bytes)
            try:
                answer: bytes = ask(self.body[_PREFIX_BYTES:], timeout=TIMEOUT_S)
            except grpc.RpcError as error:
                raise WrongAnswerError(f"{grpc_url}{self.path} failed: {error.code()} {error.details()}") from error
        response = service_pb2.ModelInferResponse.FromString(answer)
        names = [output.name for output in response.outputs]
        actual = dict(zip(names, response.raw_output_contents, strict=True)).get(OUTPUT, b"")
        wanted = np.frombuffer(actual, np.float32)
        if wanted.size != expected.size or not np.allclose(wanted, expected.ravel(), rtol=1e-4, atol=1e-5):
            raise WrongAnswerError(f"{grpc_url}{self.path} answered {wanted}, and onnxruntime gives {expected}")
        return _PREFIX_BYTES + len(answer)


def record_call(model: Model, *, batch_size: int) -> RecordedCall:
    """ModelInfer for a batch of the model's input, as Triton's client sends it: raw contents, every output.

    Args:
        model: which model to ask.
        batch_size: rows of the input.
    """
    values = model.input(batch_size)
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name=INPUT, datatype="FP32", shape=values.shape)
    request = service_pb2.ModelInferRequest(
        model_name=model.name, inputs=[tensor], raw_input_contents=[values.tobytes()]
    )
    message = request.SerializeToString()
    body = struct.pack(">BI", 0, len(message)) + message
    headers = {"content-type": "application/grpc", "te": "trailers"}
    return RecordedCall("/inference.GRPCInferenceService/ModelInfer", headers, body)
