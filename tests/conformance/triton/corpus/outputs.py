"""Which outputs come back, in what order and form; versions; answers that fail; classification."""

from __future__ import annotations

from tests.conformance.triton.case import Corpus, binary, infer, infer_binary, output, post, tensor
from tests.conformance.triton.corpus.datatypes import listed, sample
from tests.conformance.triton.models import DATATYPES

_corpus = Corpus("outputs")

_FIRST, _SECOND = tensor("i0", [1, 2], "FP32", [1.5, 2.5]), tensor("i1", [1, 2], "INT32", [7, 8])
_ROW = tensor("x", [1, 16], "FP32", [index / 16 for index in range(16)])
_ROWS = tensor("x", [2, 16], "FP32", [index / 16 for index in range(32)])

_corpus.add("none listed", infer("two", _FIRST, _SECOND, outputs=[]))
_corpus.add("the first", infer("two", _FIRST, _SECOND, outputs=[output("o0")]))
_corpus.add("the second", infer("two", _FIRST, _SECOND, outputs=[output("o1")]))
_corpus.add("other order", infer("two", _FIRST, _SECOND, outputs=[output("o1"), output("o0")]))
_corpus.add("one twice", infer("two", _FIRST, _SECOND, outputs=[output("o0"), output("o0")]))
_corpus.add(
    "one twice, in two forms", infer("two", _FIRST, _SECOND, outputs=[output("o0"), output("o0", binary_data=True)])
)
_corpus.add("unknown", infer("two", _FIRST, _SECOND, outputs=[output("zz")]))
_corpus.add("unknown beside a known one", infer("two", _FIRST, _SECOND, outputs=[output("o0"), output("zz")]))
_corpus.add("an empty name", infer("two", _FIRST, _SECOND, outputs=[output("")]))
_corpus.add("an input's name", infer("two", _FIRST, _SECOND, outputs=[output("i0")]))
_corpus.add("unknown and an input missing", infer("two", _FIRST, outputs=[output("zz")]))
_corpus.add("unknown with an id", infer("two", _FIRST, _SECOND, id="a", outputs=[output("zz")]))
_corpus.add("bytes and JSON", infer("two", _FIRST, _SECOND, outputs=[output("o1", binary_data=True), output("o0")]))
_corpus.add(
    "an empty tensor as bytes",
    infer("two", tensor("i0", [1, 0], "FP32", []), _SECOND, outputs=[output("o0", binary_data=True)]),
)

for _version in ("1", "3", "2", "01", "0", "9", "99999999999999999999"):
    _corpus.add(
        f"version {_version}", infer("versions_all", tensor("i0", [1, 2], "FP32", [1.0, 2.0]), version=_version)
    )
for _model in ("versions_all", "versions_latest", "versions_specific"):
    _corpus.add(f"latest of {_model}", infer(_model, tensor("i0", [1, 2], "FP32", [1.0, 2.0])))
_corpus.add("unknown model", infer("nope", _ROW))
_corpus.add("unknown model with a malformed body", post("/v2/models/nope/infer", b"{"))
_corpus.add("unknown version with a malformed body", post("/v2/models/tiny/versions/9/infer", b"{"))

_corpus.add("the runtime fails", infer("picker", tensor("index", [1, 1], "INT64", [9])))
_corpus.add("the runtime fails, with an id", infer("picker", tensor("index", [1, 1], "INT64", [9]), id="a"))
_corpus.add("the runtime is well again", infer("picker", tensor("index", [2, 1], "INT64", [1, 3])))

for _count in (0, 1, 2, 3, 4, 9, 1000000):
    _corpus.add(f"classes: {_count}", infer("tiny", _ROW, outputs=[output("y", classification=_count)]))
    _corpus.add(f"classes: {_count} with labels", infer("labelled", _ROW, outputs=[output("y", classification=_count)]))
_corpus.add("classes: 4294967296", infer("tiny", _ROW, outputs=[output("y", classification=1 << 32)]))
_corpus.add("classes: of two rows", infer("tiny", _ROWS, outputs=[output("y", classification=2)]))
_corpus.add("classes: of two rows with labels", infer("labelled", _ROWS, outputs=[output("y", classification=4)]))
_corpus.add("classes: as bytes", infer("labelled", _ROW, outputs=[output("y", classification=2, binary_data=True)]))
_corpus.add(
    "classes: by the request as bytes",
    infer("labelled", _ROW, parameters={"binary_data_output": True}, outputs=[output("y", classification=2)]),
)
_corpus.add(
    "classes: of a table",
    infer("table", tensor("i0", [2, 3], "INT32", [5, 1, 4, 2, 9, 0]), outputs=[output("o0", classification=2)]),
)
_corpus.add(
    "classes: of an image",
    infer(
        "image",
        tensor("i0", [1, 3, 2, 2], "FP32", [float(index) for index in range(12)]),
        outputs=[output("o0", classification=3)],
    ),
)
_corpus.add(
    "classes: of a scalar", infer("scalar", tensor("i0", [1], "FP32", [4.5]), outputs=[output("o0", classification=1)])
)
_corpus.add(
    "classes: ties",
    infer("fp32", tensor("i0", [5], "FP32", [1.0, 3.0, 3.0, 2.0, 3.0]), outputs=[output("o0", classification=4)]),
)
_corpus.add(
    "classes: large and small",
    infer(
        "fp32",
        tensor("i0", [4], "FP32", [1e20, -1e-7, 123456.789, 0.0000005]),
        outputs=[output("o0", classification=4)],
    ),
)
for _datatype in DATATYPES:
    if _datatype == "BYTES":
        continue
    _entry, _tail = binary("i0", sample(_datatype)[:3])
    _corpus.add(
        f"classes: of {_datatype}",
        infer_binary(_datatype.lower(), _entry, tail=_tail, outputs=[output("o0", classification=2)]),
    )
_corpus.add(
    "classes: of one output of two",
    infer("two", _FIRST, _SECOND, outputs=[output("o1", classification=1), output("o0")]),
)

for _repeat in range(3):
    _corpus.add(
        f"the same head again {_repeat}",
        infer("fp32", tensor("i0", [3], "FP32", listed(sample("FP32")[:3])), id=f"turn {_repeat}"),
    )

CASES = _corpus.cases
