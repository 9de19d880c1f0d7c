"""What a model's inputs and outputs are, precomputed from its configuration for the request path."""

from __future__ import annotations

from math import prod
from typing import Any

from naiad import datatypes
from naiad.backends.base import Array
from naiad.datatypes import DataType


class TensorSpec:
    """One input or output of a model.

    Attributes:
        name: as on the wire.
        datatype: its row in the table.
        shape: as clients see it: -1 for what may vary, with the batch dimension in front when the model batches.
        reshape: the shape that the runtime wants instead of `dims` (batch dimension left out), or None.
        is_fixed: whether every dimension but the batch is given.
        optional: whether a request may leave it out.

    Args:
        tensor: the `ModelInput` or `ModelOutput`.
        batched: whether the model has a batch dimension.
        scalar: the runtime has no dimension where the configuration, which cannot say so, has [1] (triton.md §3.4).
        labels: names of the classes, by index.
    """

    __slots__ = ("datatype", "dims", "is_fixed", "labels", "name", "optional", "reshape", "row_bytes", "shape")

    def __init__(self, tensor: Any, *, batched: bool, scalar: bool = False, labels: list[str] | None = None) -> None:
        self.name: str = tensor.name
        self.datatype: DataType = datatypes.BY_CONFIG_NUMBER[tensor.data_type]
        self.dims: tuple[int, ...] = tuple(tensor.dims)
        self.shape: tuple[int, ...] = (-1, *self.dims) if batched else self.dims
        self.reshape: tuple[int, ...] | None = tuple(tensor.reshape.shape) if tensor.HasField("reshape") else None
        if scalar and not batched:
            self.reshape = ()
        self.is_fixed = all(dim >= 0 for dim in self.dims)
        self.row_bytes = prod(self.dims) * self.datatype.size_bytes if self.is_fixed else 0
        self.optional: bool = getattr(tensor, "optional", False)
        self.labels = labels

    def to_runtime(self, array: Array, *, batched: bool) -> Array:
        """Give an array of client shape the shape that the runtime wants (triton.md §1.5, reshape)."""
        if self.reshape is None:
            return array
        rows = array.shape[:1] if batched else ()
        return array.reshape(rows + _fill(self.reshape, self.dims, array.shape[len(rows) :]))

    def from_runtime(self, array: Array, *, batched: bool) -> Array:
        """Undo `to_runtime` for an output."""
        if self.reshape is None:
            return array
        if not (self.reshape or batched) and array.ndim:
            return array  # of a graph that does not tell an output's rank, which looks like a scalar's
        rows = array.shape[:1] if batched else ()
        return array.reshape(rows + _fill(self.dims, self.reshape, array.shape[len(rows) :]))


def _fill(target: tuple[int, ...], source: tuple[int, ...], actual: tuple[int, ...]) -> tuple[int, ...]:
    """Put the actual sizes of `source`'s variable dimensions into `target`'s, in order."""
    variable = iter([size for dim, size in zip(source, actual, strict=False) if dim < 0])
    return tuple(next(variable, dim) if dim < 0 else dim for dim in target)
