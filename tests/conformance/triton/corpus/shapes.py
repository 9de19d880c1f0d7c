"""Shapes, batches, and which inputs a model wants."""

from __future__ import annotations

from typing import Any

from tests.conformance.triton.case import Corpus, infer, output, tensor

_corpus = Corpus("shapes")

_LARGEST = (1 << 63) - 1


def _shape(
    model: str, shape: list[Any], count: int, *, name: str = "i0", datatype: str = "FP32", why: str = ""
) -> None:
    data = [float(index) for index in range(count)] if datatype.startswith("FP") else list(range(count))
    _corpus.add(f"{model} {shape} of {count}{why}", infer(model, tensor(name, shape, datatype, data)))


for _dims in ([1, 16], [2, 16], [64, 16], [65, 16], [0, 16], [1, 17], [1, 15], [16], [1, 1, 16], [16, 1], [4, 4], []):
    _count = 1
    for _dim in _dims:
        _count *= _dim
    _shape("tiny", _dims, _count, name="x")
_shape("tiny", [1, 16], 15, name="x")
_shape("tiny", [1, 16], 17, name="x")
_shape("tiny", [1, 16], 32, name="x")
_shape("tiny", [1, 16], 0, name="x")
_shape("tiny", [2, 16], 16, name="x")
_shape("tiny", [1, 16, 1], 16, name="x")
_shape("single", [1, 16], 16, name="x")
_shape("single", [2, 16], 32, name="x")
_shape("fp32", [5], 5)
_shape("fp32", [], 1)
_shape("fp32", [0], 0)
_shape("fp32", [1, 5], 5)
_shape("fp32", [2, 2], 4)
_shape("table", [2, 3], 6, datatype="INT32")
_shape("table", [3, 2], 6, datatype="INT32")
_shape("table", [6], 6, datatype="INT32")
_shape("table", [1, 2, 3], 6, datatype="INT32")
_shape("table", [2, 0], 0, datatype="INT32")
_shape("grid", [2, 3], 6)
_shape("grid", [0, 3], 0)
_shape("grid", [3, 0], 0)
_shape("grid", [6], 6)
_shape("image", [1, 3, 2, 2], 12)
_shape("image", [4, 3, 2, 2], 48)
_shape("image", [5, 3, 2, 2], 60)
_shape("image", [3, 2, 2], 12)
_shape("image", [1, 2, 2, 3], 12)
_shape("open_row", [1, 2, 4, 3], 24)
_shape("open_row", [1, 2, 0, 3], 0)
_shape("open_row", [2, 2, 1, 3], 12)
_shape("open_row", [1, 3, 1, 2], 6)
_shape("rows_fp32", [1, 0], 0)
_shape("rows_fp32", [2, 3], 6)
_shape("rows_fp32", [8, 1], 8)
_shape("rows_fp32", [9, 1], 9)
_shape("reshaped", [1, 16], 16)
_shape("reshaped", [3, 16], 48)
_shape("reshaped", [1, 4, 4], 16)
_shape("row_scalar", [1, 1], 1)
_shape("row_scalar", [3, 1], 3)
_shape("row_scalar", [3], 3)
_shape("scalar", [1], 1)
_shape("scalar", [], 1)
_shape("scalar", [2], 2)
_shape("auto", [1, 16], 16, name="x")
_shape("auto", [4, 16], 64, name="x")
_shape("auto", [5, 16], 80, name="x")
_shape("auto_table", [2, 3], 6, datatype="INT32")

_DIMENSIONS: tuple[Any, ...] = (1 << 63, 1 << 64, -1, 1.0, 1e3, "1")
for _value in _DIMENSIONS:
    _corpus.add(f"table dimension {_value!r}", infer("table", tensor("i0", [2, _value], "INT32", [1])))
for _dim in (_LARGEST, 1 << 64, -1):
    _corpus.add(
        f"table dimension {_dim!r} of bytes", infer("table", tensor("i0", [2, _dim], "INT32", binary_data_size=8))
    )
_corpus.add(
    "overflow of elements, no data", infer("table", tensor("i0", [1 << 32, 1 << 32], "INT32", binary_data_size=8))
)
_corpus.add("overflow of bytes, no data", infer("table", tensor("i0", [1 << 31, 1 << 31], "INT32", binary_data_size=8)))
_corpus.add("200 dimensions", infer("table", tensor("i0", [1] * 200, "INT32", [1])))

# Batches of two inputs.

_FIRST, _SECOND = tensor("i0", [1, 2], "FP32", [1.5, 2.5]), tensor("i1", [1, 3], "INT32", [7, 8, 9])
_corpus.add("two: both", infer("two", _FIRST, _SECOND))
_corpus.add("two: other order", infer("two", _SECOND, _FIRST))
_corpus.add(
    "two: of two rows", infer("two", tensor("i0", [2, 1], "FP32", [1, 2]), tensor("i1", [2, 2], "INT32", [1, 2, 3, 4]))
)
_corpus.add("two: batch sizes differ", infer("two", _FIRST, tensor("i1", [2, 1], "INT32", [1, 2])))
_corpus.add("two: second has no batch", infer("two", _FIRST, tensor("i1", [], "INT32", [1])))
_corpus.add(
    "two: nine rows", infer("two", tensor("i0", [9, 1], "FP32", [1.0] * 9), tensor("i1", [9, 1], "INT32", [1] * 9))
)
_corpus.add("two: first missing", infer("two", _SECOND))
_corpus.add("two: second missing", infer("two", _FIRST))
_corpus.add("two: none", infer("two"))
_corpus.add("two: first twice", infer("two", _FIRST, _FIRST))
_corpus.add("two: one more", infer("two", _FIRST, _SECOND, {**_FIRST, "name": "i2"}))
_corpus.add("two: another instead of the second", infer("two", _FIRST, {**_SECOND, "name": "zz"}))
_corpus.add("two: two others", infer("two", {**_FIRST, "name": "a"}, {**_SECOND, "name": "b"}))
_corpus.add("two: types swapped", infer("two", tensor("i0", [1, 1], "INT32", [1]), tensor("i1", [1, 1], "FP32", [1.0])))
_corpus.add("two: one row of nothing", infer("two", tensor("i0", [1, 0], "FP32", []), _SECOND))

_THREE = (
    tensor("i0", [2], "FP32", [1.5, 2.5]),
    tensor("i1", [3], "BYTES", ["a", "", "c"]),
    tensor("i2", [1, 2], "BOOL", [True, False]),
)
_corpus.add("three: all", infer("three", *_THREE))
_corpus.add("three: reversed", infer("three", *reversed(_THREE)))
_corpus.add("three: one missing", infer("three", *_THREE[:2]))
_corpus.add("three: two missing", infer("three", _THREE[1]))
_corpus.add("three: none", infer("three"))
_corpus.add("three: wrong shape of the last", infer("three", *_THREE[:2], tensor("i2", [2], "BOOL", [True, False])))
_corpus.add("three: one output", infer("three", *_THREE, outputs=[output("o1")]))

_corpus.add("one: unknown input", infer("tiny", tensor("zz", [1, 16], "FP32", [0.5] * 16)))
_corpus.add("one: an empty name", infer("tiny", tensor("", [1, 16], "FP32", [0.5] * 16)))
_corpus.add(
    "one: an input too many", infer("table", tensor("i0", [2, 3], "INT32", [0] * 6), tensor("q", [1], "INT32", [1]))
)

_X, _BIAS = tensor("x", [2], "FP32", [1.0, 2.0]), tensor("bias", [2], "FP32", [0.5, 0.25])
_corpus.add("optional: left out", infer("optional", _X))
_corpus.add("optional: given", infer("optional", _X, _BIAS))
_corpus.add("optional: alone", infer("optional", _BIAS))
_corpus.add("optional: none", infer("optional"))
_corpus.add("optional: one too many", infer("optional", _X, _BIAS, {**_BIAS, "name": "zz"}))
_corpus.add("optional: another instead", infer("optional", _X, {**_BIAS, "name": "zz"}))
_corpus.add("optional: wrong shape", infer("optional", _X, tensor("bias", [3], "FP32", [1.0, 2.0, 3.0])))

CASES = _corpus.cases
