"""The same over gRPC: tensors as raw contents and as typed ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
from tritonclient.grpc import service_pb2

from tests.conformance.onnx.client import from_bytes, to_bytes
from tests.conformance.onnx.tensor import NOT_IN_JSON, Array, Tensor

_CONTENTS = {
    "BOOL": "bool_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
_TIMEOUT_S = 60.0


class GrpcClient:
    """Asks a server over gRPC.

    Args:
        channel: to its port.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self._call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=service_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=service_pb2.ModelInferResponse.FromString,
        )

    def infer(self, model: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], *, raw: bool) -> dict[str, Array]:
        """The outputs of a model, by name; their elements are as in `Tensor`.

        Args:
            model: its name.
            inputs: what to send; a scalar goes as one element (triton.md §3.4).
            outputs: what to ask for.
            raw: tensors travel as raw contents, rather than as typed ones where their datatypes can.

        Raises:
            grpc.RpcError: the call failed.
        """
        raw = raw or any(tensor.datatype in NOT_IN_JSON for tensor in inputs)
        request = service_pb2.ModelInferRequest(
            model_name=model,
            inputs=[_input(tensor, raw=raw) for tensor in inputs],
            outputs=[{"name": tensor.name} for tensor in outputs],
            raw_input_contents=[to_bytes(tensor) for tensor in inputs] if raw else (),
        )
        response = self._call(request, timeout=_TIMEOUT_S)
        pairs = zip(response.outputs, response.raw_output_contents, strict=True)
        return {output.name: from_bytes(data, output.datatype).reshape(output.shape) for output, data in pairs}


def _input(tensor: Tensor, *, raw: bool) -> Any:
    made = service_pb2.ModelInferRequest.InferInputTensor(
        name=tensor.name, datatype=tensor.datatype, shape=tensor.array.shape or (1,)
    )
    if not raw:
        elements = tensor.array.ravel().tolist()
        if tensor.datatype == "BYTES":
            elements = [element.encode() for element in elements]
        getattr(made.contents, _CONTENTS[tensor.datatype]).extend(elements)
        made.contents.SetInParent()
    return made
