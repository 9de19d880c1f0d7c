"""Whether a model can run a request: names, counts, types, shapes and sizes (triton.md §1.5, in its order).

Sentences and their order are Triton's. What passes is put into the model's own order of inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

from naiad import datatypes
from naiad.engine.model import Model
from naiad.engine.tensor_spec import TensorSpec
from naiad.errors import InvalidArgumentError
from naiad.protocol.infer_request import InferHeader, InputTensor

_BATCH_NOTE: Final = (
    "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each "
    "input shape. If you want to specify the full shape including the batch dim in your input dims config, try "
    "setting max_batch_size to zero. See the model configuration docs for more info on max_batch_size."
)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request header that a model accepts.

    Attributes:
        inputs: one per input of the model, in its order; None for an absent optional input.
        shapes: their client shapes; () where absent.
        batch_size: rows; 1 for a model that does not batch.
        batch_key: what must be equal for requests to share a batch; None when the model fixes all of it.
    """

    inputs: tuple[InputTensor | None, ...]
    shapes: tuple[tuple[int, ...], ...]
    batch_size: int
    batch_key: object


def admit(model: Model, header: InferHeader) -> Admitted:
    """Check a request header against a model.

    Raises:
        InvalidArgumentError: the first thing that does not fit.
    """
    prefix = f"[request id: {header.id or '<id_unknown>'}] "
    for output in header.outputs:
        if output.name not in model.output_index:
            raise InvalidArgumentError(f"unexpected inference output '{output.name}' for model '{model.name}'")
    inputs = _in_model_order(model, header.inputs, prefix)
    batch_size = _batch_size(model, inputs, prefix) if model.max_batch_size else 1
    for spec, tensor in zip(model.inputs, inputs, strict=True):
        if tensor is not None:
            _check_tensor(model, spec, tensor, prefix)
    shapes = tuple([() if tensor is None else tensor.shape for tensor in inputs])
    return Admitted(inputs, shapes, batch_size, _batch_key(model, shapes, inputs))


def string_elements(
    buffer: bytes | memoryview, shape: Sequence[int], *, name: str, model_name: str, prefix: str
) -> list[bytes]:
    """Take the elements out of a framed BYTES tensor, which must hold as many as its shape says.

    Raises:
        InvalidArgumentError: the framing is cut short, or there are more or fewer.
    """
    expected = prod(shape)
    where = f"for inference input '{name}' for model '{model_name}'"
    elements: list[bytes] = []
    try:
        for element in datatypes.iterate_bytes(buffer):
            elements.append(element)
            if len(elements) > expected:
                break
    except ValueError as error:
        raise InvalidArgumentError(
            f"{prefix}incomplete string length indicator {where}, expecting 4 bytes but only {error.args[0]} bytes "
            "available. Please make sure the string length indicator is in one buffer."
        ) from error
    except IndexError as error:
        # Triton counts an element that is cut short, and looks into it only when their number is right.
        check_string_count(len(elements) + 1, shape, name=name, model_name=model_name, prefix=prefix)
        length, left = error.args
        raise InvalidArgumentError(
            f"incomplete string data for inference input '{name}', expecting string of length {length} but only {left} "
            "bytes available"
        ) from error
    check_string_count(len(elements), shape, name=name, model_name=model_name, prefix=prefix)
    return elements


def check_string_count(count: int, shape: Sequence[int], *, name: str, model_name: str, prefix: str) -> None:
    """Whether a BYTES tensor has as many elements as its shape says.

    Raises:
        InvalidArgumentError: it has more or fewer.
    """
    expected = prod(shape)
    where = f"for inference input '{name}' for model '{model_name}'"
    if count > expected:
        raise InvalidArgumentError(
            f"{prefix}unexpected number of string elements {expected + 1} {where}, expecting {expected}"
        )
    if count < expected:
        raise InvalidArgumentError(f"{prefix}expected {expected} string elements {where}, got {count}")


def _in_model_order(model: Model, sent: list[InputTensor], prefix: str) -> tuple[InputTensor | None, ...]:
    by_name: dict[str, InputTensor] = {}
    for tensor in sent:
        if tensor.name in by_name:
            raise InvalidArgumentError(f"{prefix}input '{tensor.name}' already exists in request")
        by_name[tensor.name] = tensor
    if not model.required_inputs <= len(sent) <= len(model.inputs):
        raise _wrong_count(model, by_name, prefix)
    for name in by_name:
        if name not in model.input_index:
            raise InvalidArgumentError(f"unexpected inference input '{name}' for model '{model.name}'")
    if any(spec.name not in by_name and not spec.optional for spec in model.inputs):
        raise _wrong_count(model, by_name, prefix)
    return tuple([by_name.get(spec.name) for spec in model.inputs])


def _wrong_count(model: Model, by_name: dict[str, InputTensor], prefix: str) -> InvalidArgumentError:
    got = ",".join(f"'{name}'" for name in sorted(by_name))
    missing = ",".join(f"'{spec.name}'" for spec in model.inputs if spec.name not in by_name and not spec.optional)
    if model.required_inputs == len(model.inputs):
        expected = f"expected {len(model.inputs)} inputs"
    else:
        expected = f"expected number of inputs between {model.required_inputs} and {len(model.inputs)}"
    # Triton leaves the opening bracket out when nothing is missing.
    missing_text = f"[{missing}]" if missing else "]"
    return InvalidArgumentError(
        f"{prefix}{expected} but got {len(by_name)} inputs for model '{model.name}'. Got input(s) [{got}], but missing "
        f"required input(s) {missing_text}. Please provide all required input(s)."
    )


def _batch_size(model: Model, inputs: Sequence[InputTensor | None], prefix: str) -> int:
    batch_size = -1
    for tensor in inputs:
        if tensor is None:
            continue
        if not tensor.shape:
            raise InvalidArgumentError(
                f"{prefix}input '{tensor.name}' has no shape but model requires batch dimension for '{model.name}'"
            )
        if batch_size < 0:
            batch_size = tensor.shape[0]
        elif tensor.shape[0] != batch_size:
            raise InvalidArgumentError(
                f"{prefix}input '{tensor.name}' batch size does not match other inputs for '{model.name}'"
            )
    if batch_size > model.max_batch_size:
        raise InvalidArgumentError(
            f"{prefix}inference request batch-size must be <= {model.max_batch_size} for '{model.name}'"
        )
    return max(batch_size, 0)


def _check_tensor(model: Model, spec: TensorSpec, tensor: InputTensor, prefix: str) -> None:
    name, shape = tensor.name, tensor.shape
    if tensor.datatype is not spec.datatype:
        raise InvalidArgumentError(
            f"{prefix}inference input '{name}' data-type is '{tensor.datatype.name}', "
            f"but model '{model.name}' expects '{spec.datatype.name}'"
        )
    if len(shape) != len(spec.shape) or any(want not in (-1, got) for want, got in zip(spec.shape, shape, strict=True)):
        raise InvalidArgumentError(
            f"{prefix}unexpected shape for input '{name}' for model '{model.name}'. "
            f"Expected {dims_text(spec.shape)}, got {dims_text(shape)}. {_BATCH_NOTE if model.max_batch_size else ''}"
        )
    if min(shape, default=0) < 0:  # JSON has no such shapes, protobuf has
        raise InvalidArgumentError(
            f"{prefix}All input dimensions should be specified for input '{name}' for model '{model.name}', got "
            f"{dims_text(shape)}"
        )
    if model.max_batch_size and shape[0] == 0:
        # A batch of no rows has nothing to run; Triton asks for the bytes of one row.
        raise _wrong_size(model, name, prod(shape[1:]) * spec.datatype.size_bytes, 0, prefix)
    if tensor.byte_size is not None and spec.datatype.size_bytes:
        expected = prod(shape) * spec.datatype.size_bytes
        if tensor.byte_size != expected:
            raise _wrong_size(model, name, expected, tensor.byte_size, prefix)


def _wrong_size(model: Model, name: str, expected: int, got: int, prefix: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"{prefix}input byte size mismatch for input '{name}' for model '{model.name}'. Expected {expected}, got {got}"
    )


def dims_text(shape: Sequence[int]) -> str:
    """A shape as Triton prints it: `[-1,16]`."""
    return f"[{','.join(map(str, shape))}]"


def _batch_key(model: Model, shapes: tuple[tuple[int, ...], ...], inputs: Sequence[InputTensor | None]) -> object:
    """Requests may share a batch when their shapes behind the batch dimension and their optional inputs are equal."""
    if all(spec.is_fixed and not spec.optional for spec in model.inputs):
        return None
    return tuple([None if tensor is None else shape[1:] for shape, tensor in zip(shapes, inputs, strict=True)])
