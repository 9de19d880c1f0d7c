"""ModelStreamInfer: many inferences on one stream, their order, their errors inside it and at its end."""

from __future__ import annotations

from tests.conformance.triton.case import Corpus
from tests.conformance.triton.rpc_messages import request, stream, tensor

_corpus = Corpus("grpc streams")

_TABLE = tensor("i0", [2, 3], "INT32", [1, 2, 3, 4, 5, 6])
_ROW = tensor("x", [1, 16], "FP32", [index / 16 for index in range(16)])
_GOOD = request("table", _TABLE)
_WRONG_SHAPE = tensor("i0", [3, 2], "INT32", [1] * 6)
_BROKEN = b"\xff\xff\xff"
_ERRORS_END_IT = {"metadata": (("triton_grpc_error", "true"),)}
_EMPTY_FINAL = {"triton_enable_empty_final_response": True}

_BAD = {
    "unknown model": request("nope", _TABLE),
    "unknown model with an id": request("nope", _TABLE, identity="abc"),
    "unknown version": request("table", _TABLE, version="9"),
    "bad version": request("table", _TABLE, version="abc"),
    "wrong shape": request("table", _WRONG_SHAPE),
    "wrong shape with an id": request("table", _WRONG_SHAPE, identity="abc"),
    "no data": request("table", tensor("i0", [2, 3], "INT32"), identity="abc"),
    "bad parameter": request("table", _TABLE, parameters={"priority": "a"}, identity="abc"),
    "reserved parameter": request("table", _TABLE, parameters={"triton_zzz": 1}, identity="abc"),
    "the runtime fails": request("picker", tensor("index", [1, 1], "INT64", [9]), identity="abc"),
    "an empty message": b"",
}

_corpus.add("nothing", stream())
_corpus.add("one", stream(_GOOD))
_corpus.add("one with an id", stream(request("table", _TABLE, identity="abc")))
_corpus.add("ten in order", stream(*(request("table", _TABLE, identity=str(index)) for index in range(10))))
_corpus.add(
    "models in turn",
    stream(
        *(
            request(model, data, identity=str(index))
            for index, (model, data) in enumerate([("table", _TABLE), ("single", _ROW)] * 3)
        )
    ),
)
_corpus.add("an empty final response asked for", stream(request("table", _TABLE, parameters=_EMPTY_FINAL)))
_corpus.add(
    "an empty final response not wanted",
    stream(request("table", _TABLE, parameters={"triton_enable_empty_final_response": False})),
)
for _what, _bad in _BAD.items():
    _corpus.add(f"{_what}", stream(_bad))
    _corpus.add(f"{_what} between good ones", stream(_GOOD, _bad, request("table", _TABLE, identity="last")))
    _corpus.add(f"{_what}, errors end it", stream(_bad, **_ERRORS_END_IT))
_corpus.add("good ones, errors end it", stream(_GOOD, _GOOD, **_ERRORS_END_IT))
for _value in ("false", "True", "1", ""):
    _corpus.add(
        f"triton_grpc_error '{_value}'", stream(_BAD["unknown model"], _GOOD, metadata=(("triton_grpc_error", _value),))
    )
_corpus.add("no protobuf", stream(_BROKEN))
_corpus.add("no protobuf, errors end it", stream(_BROKEN, **_ERRORS_END_IT))
_corpus.add("left open, cancelled", stream(_GOOD, cancel_after=1))
_corpus.add("left open until the deadline", stream(_GOOD, timeout_s=0.3, cancel_after=2))
for _encoding in ("gzip", "deflate"):
    _corpus.add(f"in {_encoding}", stream(_GOOD, _GOOD, compression=_encoding))
_corpus.add(
    "raw contents", stream(request("table", tensor("i0", [2, 3], "INT32"), raw=[b"\1\0\0\0" * 6], identity="abc"))
)

CASES = _corpus.cases
