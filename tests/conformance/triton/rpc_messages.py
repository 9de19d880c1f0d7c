"""The calls that the cases make, from the fields of their messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tritonclient.grpc import service_pb2

from tests.conformance.triton.rpc import Rpc

_INTEGERS = range(-(1 << 63), 1 << 63)
_OF_CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def call(method: str, *, options: Mapping[str, Any] | None = None, **fields: Any) -> Rpc:
    """A call of a method.

    Args:
        method: its name.
        options: fields of the `Rpc` besides its message.
        fields: of the message.
    """
    return Rpc(method, (message(method, **fields),), **(options or {}))


def message(method: str, **fields: Any) -> bytes:
    """The bytes of a method's request."""
    kind = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name[method].input_type.name
    return bytes(getattr(service_pb2, kind)(**fields).SerializeToString())


def infer(model: str, *inputs: Any, options: Mapping[str, Any] | None = None, **fields: Any) -> Rpc:
    """An inference; `fields` as for `request`."""
    return Rpc("ModelInfer", (request(model, *inputs, **fields),), **(options or {}))


def stream(*requests: bytes, **options: Any) -> Rpc:
    """A stream of inferences."""
    return Rpc("ModelStreamInfer", requests, **options)


def request(
    model: str,
    *inputs: Any,
    raw: Sequence[bytes] = (),
    outputs: Sequence[Any] = (),
    parameters: Mapping[str, Any] | None = None,
    version: str = "",
    identity: str = "",
) -> bytes:
    """The bytes of a ModelInferRequest.

    Args:
        model: to ask.
        inputs: from `tensor`.
        raw: raw_input_contents.
        outputs: from `output`.
        parameters: of the request; values as for `parameter`.
        version: of the model.
        identity: the request's id.
    """
    made = service_pb2.ModelInferRequest(
        model_name=model,
        model_version=version,
        id=identity,
        inputs=inputs,
        outputs=outputs,
        raw_input_contents=raw,
        parameters={name: parameter(value) for name, value in (parameters or {}).items()},
    )
    return bytes(made.SerializeToString())


def tensor(
    name: str,
    shape: Sequence[int],
    datatype: str,
    data: Sequence[Any] | None = None,
    *,
    field: str = "",
    **parameters: Any,
) -> Any:
    """One entry of `inputs`.

    Args:
        name, shape, datatype: of the tensor.
        data: its elements, when they travel as typed contents.
        field: of the contents that they travel in; the datatype's own when not given.
        parameters: of the tensor.
    """
    made = service_pb2.ModelInferRequest.InferInputTensor(
        name=name, shape=shape, datatype=datatype, parameters=_parameters(parameters)
    )
    if data is not None:
        getattr(made.contents, field or _OF_CONTENTS[datatype]).extend(data)
    return made


def output(name: str, **parameters: Any) -> Any:
    """One entry of `outputs`."""
    return service_pb2.ModelInferRequest.InferRequestedOutputTensor(name=name, parameters=_parameters(parameters))


def parameter(value: Any) -> Any:
    """An InferParameter of the field for a value's kind; one that is made already as it is."""
    if isinstance(value, service_pb2.InferParameter):
        return value
    if isinstance(value, bool):
        return service_pb2.InferParameter(bool_param=value)
    if isinstance(value, int):
        return service_pb2.InferParameter(**{"int64_param" if value in _INTEGERS else "uint64_param": value})
    if isinstance(value, float):
        return service_pb2.InferParameter(double_param=value)
    return service_pb2.InferParameter(string_param=value)


def unsigned(value: int) -> Any:
    """An InferParameter of the unsigned kind."""
    return service_pb2.InferParameter(uint64_param=value)


NOTHING = service_pb2.InferParameter()
"""A parameter of no kind."""


def _parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: parameter(value) for name, value in values.items()}
