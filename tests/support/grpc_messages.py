"""Requests for models, as protobuf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from naiad.messages import service_pb2


def parameter(value: Any) -> Any:
    """An `InferParameter` of the field for a value's kind; one that is made already as it is."""
    if isinstance(value, service_pb2.InferParameter):
        return value
    for kind, field in ((bool, "bool_param"), (int, "int64_param"), (str, "string_param"), (float, "double_param")):
        if isinstance(value, kind):
            return service_pb2.InferParameter(**{field: value})
    raise AssertionError(f"no parameter has a {type(value).__name__}")


def parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """A map of parameters."""
    return {name: parameter(value) for name, value in values.items()}


def tensor(name: str = "a", shape: Sequence[int] = (1, 2), datatype: str = "FP32", **values: Any) -> Any:
    """One entry of `inputs`; `values` are its parameters."""
    return service_pb2.ModelInferRequest.InferInputTensor(
        name=name, shape=shape, datatype=datatype, parameters=parameters(values)
    )


def contents(made: Any, **fields: Sequence[Any]) -> Any:
    """A tensor with typed contents."""
    made.contents.SetInParent()
    for name, elements in fields.items():
        getattr(made.contents, name).extend(elements)
    return made


def output(name: str = "y", **values: Any) -> Any:
    """One entry of `outputs`; `values` are its parameters."""
    return service_pb2.ModelInferRequest.InferRequestedOutputTensor(name=name, parameters=parameters(values))


def infer_message(
    *inputs: Any,
    raw: Sequence[bytes] = (),
    outputs: Sequence[Any] = (),
    model: str = "m",
    version: str = "",
    identity: str = "",
    values: Mapping[str, Any] | None = None,
) -> bytes:
    """A `ModelInferRequest`.

    Args:
        inputs: from `tensor`.
        raw: its raw contents.
        outputs: from `output`.
        model, version, identity: whom it is for, and its id.
        values: its parameters.
    """
    made = service_pb2.ModelInferRequest(
        model_name=model,
        model_version=version,
        id=identity,
        inputs=inputs,
        outputs=outputs,
        raw_input_contents=raw,
        parameters=parameters(values or {}),
    )
    written: bytes = made.SerializeToString()
    return written
