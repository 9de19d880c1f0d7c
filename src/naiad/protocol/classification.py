"""The classification extension: the best classes of an output instead of its numbers (triton.md §1.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from naiad import datatypes
from naiad.datatypes import DataType
from naiad.errors import InvalidArgumentError

_MAX_ELEMENTS: Final = 1_000_000
_UNSUPPORTED: Final = frozenset({"BYTES", "BOOL", "FP16", "BF16"})


def classify(
    output: npt.NDArray[Any], datatype: DataType, count: int, *, batched: bool, labels: Sequence[str] | None
) -> npt.NDArray[np.object_]:
    """The `count` largest elements of each row, best first.

    Args:
        output: of client shape; everything behind the batch dimension counts as one row of classes.
        datatype: of the output.
        count: how many; fewer when a row has fewer.
        batched: whether the first dimension is the batch.
        labels: names by index; an index beyond them has none.

    Returns:
        `value:index` or `value:index:label` as UTF-8, shape [batch, count] or [count]; floats with six decimals,
        integers plain.

    Raises:
        InvalidArgumentError: the type has no order, or there are over a million elements.
    """
    if datatype.name in _UNSUPPORTED:
        raise InvalidArgumentError(f"class result not available for output due to unsupported type '{datatype.name}'")
    if output.size > _MAX_ELEMENTS:
        raise InvalidArgumentError("classification output tensor too large")
    rows = output.reshape(output.shape[0] if batched else 1, -1)
    count = min(count, rows.shape[1])
    # Both turn the order around without leaving the type: negation for floats, complement for integers.
    keys = -rows if rows.dtype.kind == "f" else ~rows
    best = np.argsort(keys, axis=1, kind="stable")[:, :count]
    texts = [
        _describe(row[index], int(index), labels) for row, indices in zip(rows, best, strict=True) for index in indices
    ]
    return datatypes.object_array(texts, (rows.shape[0], count) if batched else (count,))


def _describe(value: Any, index: int, labels: Sequence[str] | None) -> bytes:
    label = f":{labels[index]}" if labels and index < len(labels) else ""
    text = f"{value:f}" if isinstance(value, np.floating) else str(value)
    return f"{text}:{index}{label}".encode()
