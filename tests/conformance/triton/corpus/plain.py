"""Every model asked as its clients ask it: in JSON and in bytes, alone and in batches, for JSON and for bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from naiad import datatypes
from tests.conformance.triton.case import Corpus, binary, infer, infer_binary, output, tensor
from tests.conformance.triton.models import BATCHED_DATATYPES, DATATYPES

_corpus = Corpus("plain")

_Ports = dict[str, tuple[str, tuple[int, ...]]]

_X: _Ports = {"x": ("FP32", (16,))}
_MODELS: dict[str, tuple[bool, _Ports, tuple[str, ...]]] = {
    **dict.fromkeys(("tiny", "labelled", "auto", "queued", "single"), (True, _X, ("y",))),
    **{name.lower(): (False, {"i0": (name, (5,))}, ("o0",)) for name in DATATYPES},
    **{f"rows_{name.lower()}": (True, {"i0": (name, (3,))}, ("o0",)) for name in BATCHED_DATATYPES},
    "two": (True, {"i0": ("FP32", (2,)), "i1": ("INT32", (4,))}, ("o0", "o1")),
    "three": (False, {"i0": ("FP32", (2,)), "i1": ("BYTES", (3,)), "i2": ("BOOL", (1, 2))}, ("o0", "o1", "o2")),
    "grid": (False, {"i0": ("FP32", (2, 3))}, ("o0",)),
    "table": (False, {"i0": ("INT32", (2, 3))}, ("o0",)),
    "image": (True, {"i0": ("FP32", (3, 2, 2))}, ("o0",)),
    "word": (True, {"i0": ("BYTES", (1,))}, ("o0",)),
    "open_row": (True, {"i0": ("FP32", (2, 4, 3))}, ("o0",)),
    "reshaped": (True, {"i0": ("FP32", (16,))}, ("o0",)),
    "row_scalar": (True, {"i0": ("FP32", (1,))}, ("o0",)),
    "scalar": (False, {"i0": ("FP32", (1,))}, ("o0",)),
    **{f"versions_{policy}": (True, {"i0": ("FP32", (2,))}, ("o0",)) for policy in ("all", "latest", "specific")},
    "optional": (False, {"x": ("FP32", (2,)), "bias": ("FP32", (2,))}, ("y",)),
    "auto_table": (False, {"i0": ("INT32", (2, 3))}, ("o0",)),
}
"""Whether it batches, its inputs with the shape of a row, its outputs."""


def _values(datatype: str, shape: tuple[int, ...], seed: int) -> npt.NDArray[Any]:
    random, row = np.random.default_rng(seed), datatypes.BY_NAME[datatype]
    if datatype == "BYTES":
        size = int(np.prod(shape))
        return datatypes.object_array([f"text {random.integers(99)}".encode() for _ in range(size)], shape)
    if row.dtype.kind == "f":
        return random.normal(size=shape).astype(row.dtype)
    return random.integers(0, 2 if row.dtype.kind == "b" else 100, shape).astype(row.dtype)


def _arrays(ports: _Ports, rows: int) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for seed, (name, (datatype, shape)) in enumerate(ports.items()):
        yield name, _values(datatype, (rows, *shape) if rows else shape, seed + 10 * rows)


def _add(model: str, ports: _Ports, outputs: tuple[str, ...], rows: int) -> None:
    what = f"{model}, {rows} rows" if rows else model
    arrays = list(_arrays(ports, rows))
    entries = [binary(name, array) for name, array in arrays]
    inputs, tail = [entry for entry, _ in entries], b"".join(part for _, part in entries)
    as_bytes = [output(name, binary_data=True) for name in outputs]
    if all(datatypes.BY_NAME[datatype].json_representable for datatype, _ in ports.values()):
        listed = [
            tensor(entry["name"], entry["shape"], entry["datatype"], _listed(array))
            for entry, (_, array) in zip(inputs, arrays, strict=True)
        ]
        _corpus.add(f"{what}: JSON both ways", infer(model, *listed, id="1"))
        _corpus.add(f"{what}: version 1", infer(model, *listed, version="1"))
        _corpus.add(f"{what}: JSON in, bytes out", infer(model, *listed, parameters={"binary_data_output": True}))
        _corpus.add(f"{what}: bytes in, JSON out", infer_binary(model, *inputs, tail=tail))
    _corpus.add(f"{what}: bytes both ways", infer_binary(model, *inputs, tail=tail, outputs=as_bytes, id="2"))
    _corpus.add(
        f"{what}: bytes both ways, all outputs",
        infer_binary(model, *inputs, tail=tail, parameters={"binary_data_output": True}),
    )


def _listed(array: npt.NDArray[Any]) -> list[Any]:
    elements: list[Any] = array.ravel().tolist()
    return [element.decode() if isinstance(element, bytes) else element for element in elements]


for _model, (_batches, _inputs, _outputs) in _MODELS.items():
    for _rows in (1, 3) if _batches and _model != "single" else (int(_batches),):
        _add(_model, _inputs, _outputs, _rows)

CASES = _corpus.cases
