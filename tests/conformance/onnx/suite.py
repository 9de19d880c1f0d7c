"""ONNX's own backend tests that onnxruntime passes, as model repositories with the inputs and outputs beside them.

They are made once per version of onnx and onnxruntime, and kept under `.cache/`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, TensorProto, ValueInfoProto, numpy_helper
from onnx.backend.test.loader import load_model_tests

from tests.conformance.onnx.bare_runtime import BareModel
from tests.conformance.onnx.tensor import DATATYPES, Tensor, as_declared, deserialize, difference, serialize

_CACHE = Path(__file__).resolve().parents[3] / ".cache" / "onnx-backend-tests"
_BATCH = "batch"
_CHECKED_ROWS = 16

NO_TENSOR = "an input or output is a sequence, a map or an optional"
NO_DATATYPE = "an input or output has an element type that is not one of Triton's"
REFUSED = "onnxruntime does not load or run the model"
DIFFERENT = "onnxruntime gives another result"


@dataclass(frozen=True, slots=True)
class Case:
    """A model, and what it must answer.

    Attributes:
        name: of the test.
        kind: of the test: node, simple, pytorch-converted, pytorch-operator or light.
        rtol, atol: how exact.
        dims: what onnxruntime says of each input and output; -1 for what is open.
        row_count: how many rows each tensor has, when the rows are independent of each other; else 0.
        row_dims: as `dims`, of `with_batch_dimension(model)`, when there are rows.
        folder: where it lies.
    """

    name: str
    kind: str
    rtol: float
    atol: float
    dims: dict[str, list[int]]
    row_count: int
    row_dims: dict[str, list[int]]
    folder: Path

    @property
    def model(self) -> ModelProto:
        """The model; dimensions that are declared as 0 are open, for a configuration cannot say 0."""
        return ModelProto.FromString((self.folder / "model.onnx").read_bytes())

    @property
    def inputs(self) -> list[Tensor]:
        """What is sent."""
        return deserialize((self.folder / "inputs.pb").read_bytes())

    @property
    def outputs(self) -> list[Tensor]:
        """What must come back."""
        return deserialize((self.folder / "outputs.pb").read_bytes())


@dataclass(frozen=True, slots=True)
class Suite:
    """All cases, and the names of what is left out, by reason."""

    cases: tuple[Case, ...]
    left_out: dict[str, list[str]]


def load_suite() -> Suite:
    """The suite of the installed onnx and onnxruntime; made on the first call."""
    sources = (Path(__file__), *(Path(__file__).with_name(name) for name in ("tensor.py", "bare_runtime.py")))
    key = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:8]
    folder = _CACHE / f"onnx-{onnx.__version__}-onnxruntime-{onnxruntime.__version__}-{key}"
    if not folder.exists():
        _make(folder)
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    cases = tuple(Case(**row, folder=folder / row["name"]) for row in index["cases"])
    return Suite(cases, index["left_out"])


def _make(folder: Path) -> None:
    shutil.rmtree(_CACHE, ignore_errors=True)
    _CACHE.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=_CACHE) as temporary:
        made = Path(temporary) / "made"
        cases: list[dict[str, Any]] = []
        left_out: dict[str, list[str]] = {}
        for test in _tests():
            if reason := _write_case(test, made / test.name, cases):
                left_out.setdefault(reason, []).append(test.name)
        (made / "index.json").write_text(json.dumps({"cases": cases, "left_out": left_out}), encoding="utf-8")
        os.rename(made, folder)


@dataclass(frozen=True, slots=True)
class _Test:
    name: str
    kind: str
    model: ModelProto
    inputs: Sequence[Any]
    outputs: Sequence[Any]
    rtol: float = 1e-3
    atol: float = 1e-7


def _tests() -> Iterator[_Test]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what onnx computes overflows here and there
        tests = load_model_tests(kind="node")
    for test in tests:
        assert test.model is not None
        for inputs, outputs in test.data_sets or ():
            yield _Test(test.name, "node", test.model, inputs, outputs, test.rtol, test.atol)
    for kind in ("simple", "pytorch-converted", "pytorch-operator"):
        for test in load_model_tests(kind=kind):
            assert test.model_dir is not None
            folder = Path(test.model_dir)
            model = onnx.load(folder / "model.onnx")
            yield _Test(test.name, kind, model, *_stored(model, folder / "test_data_set_0"), test.rtol, test.atol)
    for path in sorted(Path(onnx.__file__).parent.glob("backend/test/data/light/*.onnx")):
        yield _light_test(path)


def _light_test(path: Path) -> _Test:
    """A real architecture with constant weights; its input is defined by onnx's test runner."""
    model = onnx.load(path)
    shape = [dim.dim_value for dim in _inputs(model)[0].type.tensor_type.shape.dim]
    count = int(np.prod(shape))
    image = (np.arange(count).reshape(shape) / count).astype(np.float32)
    expected = TensorProto.FromString(path.with_name(f"{path.stem}_output_0.pb").read_bytes())
    return _Test(path.stem, "light", model, [image], [numpy_helper.to_array(expected)])


def _stored(model: ModelProto, folder: Path) -> tuple[list[Any], list[Any]]:
    inputs, outputs = (
        [TensorProto.FromString((folder / f"{side}_{index}.pb").read_bytes()) for index in range(count)]
        for side, count in (("input", len(_inputs(model))), ("output", len(model.graph.output)))
    )
    return inputs, outputs


def _inputs(model: ModelProto) -> list[ValueInfoProto]:
    """The inputs that are no weights."""
    weights = {weight.name for weight in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def _write_case(test: _Test, folder: Path, cases: list[dict[str, Any]]) -> str:
    """Write one test, or say why not."""
    declared = (*_inputs(test.model), *test.model.graph.output)
    if not all(value.type.HasField("tensor_type") for value in declared):
        return NO_TENSOR
    if not all(value.type.tensor_type.elem_type in DATATYPES for value in declared):
        return NO_DATATYPE
    inputs = [as_declared(*pair) for pair in zip(test.inputs, _inputs(test.model), strict=True)]
    outputs = [as_declared(*pair) for pair in zip(test.outputs, test.model.graph.output, strict=True)]
    model = _open_zeros(test.model)
    try:
        loaded = BareModel(model)
        found = loaded.run(inputs, outputs)
    except Exception:
        return REFUSED
    if _differ(outputs, found, test):
        return DIFFERENT
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    (folder / "inputs.pb").write_bytes(serialize(inputs))
    (folder / "outputs.pb").write_bytes(serialize(outputs))
    row_count, row_dims = _independent_rows(test, inputs, outputs)
    row = Case(test.name, test.kind, test.rtol, test.atol, loaded.dims, row_count, row_dims, folder)
    cases.append({name: value for name, value in asdict(row).items() if name != "folder"})
    return ""


def _differ(expected: Sequence[Tensor], found: Sequence[Any], test: _Test) -> bool:
    pairs = zip(expected, found, strict=True)
    return any(difference(want, got, rtol=test.rtol, atol=test.atol) for want, got in pairs)


def _open_zeros(model: ModelProto) -> ModelProto:
    opened = ModelProto()
    opened.CopyFrom(model)
    for value in (*opened.graph.input, *opened.graph.output):
        for index, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.HasField("dim_value") and dim.dim_value == 0:
                dim.dim_param = f"{value.name}_{index}"
    return opened


def with_batch_dimension(model: ModelProto) -> ModelProto:
    """The model with an open first dimension in every input and output."""
    opened = ModelProto()
    opened.CopyFrom(model)
    del opened.graph.value_info[:]
    for value in (*_inputs(opened), *opened.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = _BATCH
    return opened


def _independent_rows(
    test: _Test, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> tuple[int, dict[str, list[int]]]:
    """How many rows there are, when each gives its row of the outputs by itself, and the dims with open rows."""
    none: tuple[int, dict[str, list[int]]] = 0, {}
    tensors = (*inputs, *outputs)
    declared = (*_inputs(test.model), *test.model.graph.output)
    if test.kind == "light" or not inputs or not all(value.type.tensor_type.shape.dim for value in declared):
        return none
    counts = {len(tensor.array) for tensor in tensors}
    if len(counts) != 1 or counts == {0}:
        return none
    (count,) = counts
    try:
        model = BareModel(with_batch_dimension(_open_zeros(test.model)))
        if any(dims[0] != -1 or 0 in dims for dims in model.dims.values()):
            return none
        for row in range(min(count, _CHECKED_ROWS)):
            found = model.run([tensor.rows(row, row + 1) for tensor in inputs], outputs)
            if _differ([tensor.rows(row, row + 1) for tensor in outputs], found, test):
                return none
        doubled = [Tensor(each.name, each.datatype, np.concatenate([each.array] * 2)) for each in tensors]
        if _differ(doubled[len(inputs) :], model.run(doubled[: len(inputs)], outputs), test):
            return none
    except Exception:
        return none
    return count, model.dims
