"""What a runtime reports of a loaded graph: the tensors that it takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

from naiad.datatypes import DataType


@dataclass(frozen=True, slots=True)
class TensorSignature:
    """One input or output of a graph.

    Attributes:
        name: the graph's name for the tensor.
        datatype: its element type.
        shape: every dimension, the batch dimension included; -1 where the graph leaves it open, () for a scalar.
    """

    name: str
    datatype: DataType
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """All inputs and outputs of a graph, in the graph's order.

    Attributes:
        inputs: what every call must provide.
        outputs: what every call returns.
        optional_inputs: what a call may provide, such as initializers of an ONNX graph that it may override.
    """

    inputs: tuple[TensorSignature, ...]
    outputs: tuple[TensorSignature, ...]
    optional_inputs: tuple[TensorSignature, ...] = ()

    @property
    def scalars(self) -> frozenset[str]:
        """Names of the tensors without a dimension."""
        return frozenset(
            tensor.name for tensor in (*self.inputs, *self.optional_inputs, *self.outputs) if not tensor.shape
        )
