"""The cases as a model repository: each as it is, and each whose rows are independent once more with batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.onnx.suite import Case, with_batch_dimension
from tests.conformance.onnx.tensor import Tensor

MAX_BATCH_SIZE = 4
"""What auto-complete gives a model that can batch, and the written configurations have too (triton.md §3.4)."""

_BATCHED = f"""max_batch_size: {MAX_BATCH_SIZE}
dynamic_batching {{ max_queue_delay_microseconds: 2000 }}
"""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model of the repository.

    Attributes:
        name: its folder.
        case: what it must answer.
        batches: rows of different requests run together.
    """

    name: str
    case: Case
    batches: bool


def write_repository(repository: Path, cases: Sequence[Case]) -> list[ServedModel]:
    """Write every case. Every other model has its configuration written out, the others none at all."""
    served = []
    for index, case in enumerate(cases):
        served.append(ServedModel(case.name, case, batches=False))
        folder = repository / case.name
        (folder / "1").mkdir(parents=True)
        (folder / "1" / "model.onnx").symlink_to(case.folder / "model.onnx")
        # Auto-complete would make a model with batches of a graph whose tensors all begin with an open dimension.
        batchable = all(dims[:1] == [-1] for dims in case.dims.values())
        if batchable or (index % 2 and not any(0 in dims for dims in case.dims.values())):
            tensors = _tensors(case.inputs, case.outputs, case.dims, batches=False)
            (folder / "config.pbtxt").write_text("max_batch_size: 0\n" + tensors, encoding="utf-8")
        if case.row_count:
            served.append(_write_batching(repository / f"{case.name}_rows", case, is_written=index % 2 > 0))
    return served


def _write_batching(folder: Path, case: Case, *, is_written: bool) -> ServedModel:
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.onnx").write_bytes(with_batch_dimension(case.model).SerializeToString())
    if is_written:
        dims = {name: dims[1:] for name, dims in case.row_dims.items()}
        tensors = _tensors(case.inputs, case.outputs, dims, batches=True)
        (folder / "config.pbtxt").write_text(_BATCHED + tensors, encoding="utf-8")
    return ServedModel(folder.name, case, batches=True)


def _tensors(inputs: Sequence[Tensor], outputs: Sequence[Tensor], dims: dict[str, list[int]], *, batches: bool) -> str:
    lines = []
    for side, tensors in (("input", inputs), ("output", outputs)):
        for tensor in tensors:
            datatype = "STRING" if tensor.datatype == "BYTES" else tensor.datatype
            reshape = "" if dims[tensor.name] or not batches else " reshape { shape: [] }"
            shape = dims[tensor.name] or [1]
            lines.append(f'{side} {{ name: "{tensor.name}" data_type: TYPE_{datatype} dims: {shape}{reshape} }}')
    return "\n".join(lines) + "\n"
