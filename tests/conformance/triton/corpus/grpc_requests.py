"""Everything of an inference over gRPC that is no tensor: parameters, ids, versions, outputs, classification."""

from __future__ import annotations

from typing import Any

from tests.conformance.triton.case import Corpus
from tests.conformance.triton.rpc_messages import NOTHING, infer, output, tensor, unsigned

_corpus = Corpus("grpc requests")

_TABLE = tensor("i0", [2, 3], "INT32", [5, 1, 4, 2, 9, 0])
_ROW = tensor("x", [1, 16], "FP32", [index / 16 for index in range(16)])
_TWO = (tensor("i0", [1, 2], "FP32", [1.5, 2.5]), tensor("i1", [1, 2], "INT32", [7, 8]))

_VALUES: dict[str, Any] = {
    "true": True,
    "false": False,
    "0": 0,
    "1": 1,
    "-1": -1,
    "unsigned 0": unsigned(0),
    "unsigned 1": unsigned(1),
    "unsigned largest": unsigned((1 << 64) - 1),
    "text": "a",
    "empty text": "",
    "a number": 1.5,
    "nothing": NOTHING,
}
_KEYS = (
    *("sequence_id", "sequence_start", "sequence_end", "priority", "timeout", "headers", "binary_data_output"),
    *("other", "triton_zzz", "triton_enable_empty_final_response"),
)
for _key in _KEYS:
    for _what, _value in _VALUES.items():
        _corpus.add(f"parameter {_key}: {_what}", infer("table", _TABLE, parameters={_key: _value}))
_corpus.add("an empty key", infer("table", _TABLE, parameters={"": 1}))
_corpus.add("many parameters", infer("table", _TABLE, parameters={f"key{index}": index for index in range(100)}))
_corpus.add("priority of the second level", infer("queued", _ROW, parameters={"priority": 2}))
_corpus.add("priority beyond the levels", infer("queued", _ROW, parameters={"priority": unsigned(9)}))
_corpus.add("timeout of a second", infer("queued", _ROW, parameters={"timeout": 1_000_000}))
_corpus.add(
    "a sequence for a model without", infer("tiny", _ROW, parameters={"sequence_id": 7, "sequence_start": True})
)
_corpus.add("a parameter of an input", infer("table", tensor("i0", [2, 3], "INT32", [1] * 6, zzz=1)))
_corpus.add("a parameter of an output", infer("table", _TABLE, outputs=[output("o0", zzz=1)]))
for _what, _value in {"true": True, "false": False, "1": 1, "text": "a"}.items():
    _corpus.add(f"binary_data {_what}", infer("table", _TABLE, outputs=[output("o0", binary_data=_value)]))
_corpus.add("binary_data_size", infer("table", tensor("i0", [2, 3], "INT32", [1] * 6, binary_data_size=24)))

for _what, _identity in {"plain": "abc", "of odd letters": 'a"b\\é\n', "long": "x" * 3000}.items():
    _corpus.add(f"id {_what}", infer("table", _TABLE, identity=_identity))
    _corpus.add(f"id {_what} in an error", infer("table", tensor("i0", [3, 2], "INT32", [1] * 6), identity=_identity))

_VERSIONED = tensor("i0", [1, 2], "FP32", [1.0, 2.0])
for _version in (
    "1",
    "3",
    "2",
    "0",
    "01",
    "-1",
    "+3",
    " 3",
    "abc",
    "3abc",
    "1.5",
    "9",
    "4294967296",
    "99999999999999999999",
):
    _corpus.add(f"version '{_version}'", infer("versions_all", _VERSIONED, version=_version))
for _model in ("versions_all", "versions_latest", "versions_specific"):
    _corpus.add(f"latest of {_model}", infer(_model, _VERSIONED))
_corpus.add("unknown model", infer("nope", _TABLE))
_corpus.add("unknown model, bad version", infer("nope", _TABLE, version="abc"))
_corpus.add("no model", infer("", _TABLE))
_corpus.add("unknown model, no input", infer("nope"))

_corpus.add("outputs: the second", infer("two", *_TWO, outputs=[output("o1")]))
_corpus.add("outputs: other order", infer("two", *_TWO, outputs=[output("o1"), output("o0")]))
_corpus.add("outputs: one twice", infer("two", *_TWO, outputs=[output("o0"), output("o0")]))
_corpus.add("outputs: unknown", infer("two", *_TWO, outputs=[output("zz")]))
_corpus.add(
    "outputs: unknown beside a known one, with an id",
    infer("two", *_TWO, outputs=[output("o0"), output("zz")], identity="a"),
)
_corpus.add("outputs: no name", infer("two", *_TWO, outputs=[output("")]))
_corpus.add("outputs: an input's name", infer("two", *_TWO, outputs=[output("i0")]))
_corpus.add("outputs: unknown and an input missing", infer("two", _TWO[0], outputs=[output("zz")]))

for _count in (0, 1, 2, 4, 9, -1, 1 << 32):
    for _model in ("tiny", "labelled"):
        _corpus.add(f"classes: {_count} of {_model}", infer(_model, _ROW, outputs=[output("y", classification=_count)]))
for _what, _value in {"text": "1", "true": True, "unsigned": unsigned(1), "a number": 1.5, "nothing": NOTHING}.items():
    _corpus.add(f"classes: {_what}", infer("tiny", _ROW, outputs=[output("y", classification=_value)]))
_corpus.add(
    "classes: 0, and no data", infer("tiny", tensor("x", [1, 16], "FP32"), outputs=[output("y", classification=0)])
)
_ROWS = tensor("x", [2, 16], "FP32", [index / 16 for index in range(32)])
_corpus.add("classes: of two rows", infer("labelled", _ROWS, outputs=[output("y", classification=2)]))
_corpus.add("classes: of a table", infer("table", _TABLE, outputs=[output("o0", classification=2)]))
_corpus.add(
    "classes: of one output of two", infer("two", *_TWO, outputs=[output("o1", classification=1), output("o0")])
)
_corpus.add(
    "classes: of FP64",
    infer("fp64", tensor("i0", [3], "FP64", [1.5, 3.5, 2.5]), outputs=[output("o0", classification=3)]),
)
_corpus.add(
    "classes: of BOOL",
    infer("bool", tensor("i0", [2], "BOOL", [True, False]), outputs=[output("o0", classification=1)]),
)

CASES = _corpus.cases
