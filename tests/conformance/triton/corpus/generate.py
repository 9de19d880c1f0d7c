"""The generate extension: flat JSON in and out, at once and as a stream of events."""

from __future__ import annotations

from typing import Any

from tests.conformance.triton.case import Corpus, Request, get, post
from tests.support.http_client import json_body

_corpus = Corpus("generate")

_ROW = [index / 16 for index in range(16)]
_GOOD: dict[str, tuple[str, dict[str, Any]]] = {
    "a row": ("tiny", {"x": _ROW}),
    "a row with an id": ("tiny", {"x": _ROW, "id": "abc"}),
    "an empty id": ("tiny", {"x": _ROW, "id": ""}),
    "other keys": ("tiny", {"x": _ROW, "temperature": 0.5, "stream": False, "name": "a", "top": 3}),
    "parameters": ("tiny", {"x": _ROW, "parameters": {"temperature": 0.5, "stop": "a"}}),
    "timeout": ("queued", {"x": _ROW, "timeout": 1000000}),
    "priority": ("queued", {"x": _ROW, "parameters": {"priority": 2}}),
    "a word": ("word", {"i0": "hello"}),
    "a word in a list": ("word", {"i0": ["hello"]}),
    "a word of escapes": ("word", {"i0": 'a"b\\c\né'}),
    "an empty word": ("word", {"i0": ""}),
    "words": ("bytes", {"i0": ["a", "", "c"]}),
    "one word where any number fits": ("bytes", {"i0": "a"}),
    "no words": ("bytes", {"i0": []}),
    "two inputs": ("two", {"i0": [1.5, 2.5], "i1": [1, 2, 3]}),
    "three inputs": ("three", {"i0": [1.5, 2.5], "i1": ["a"], "i2": [True, False]}),
    "a table": ("table", {"i0": [1, 2, 3, 4, 5, 6]}),
    "a grid": ("grid", {"i0": [1, 2, 3, 4]}),
    "an image": ("image", {"i0": list(range(12))}),
    "a scalar": ("scalar", {"i0": 4.5}),
    "a scalar in a list": ("scalar", {"i0": [4.5]}),
    "a whole number for a float": ("scalar", {"i0": 4}),
    "booleans": ("bool", {"i0": [True, False]}),
    "one boolean": ("bool", {"i0": True}),
    "numbers that wrap": ("uint8", {"i0": [300]}),
    "the largest": ("int64", {"i0": [(1 << 63) - 1]}),
    "an optional input left out": ("optional", {"x": [1.0, 2.0]}),
    "a batch of open length": ("rows_fp32", {"i0": [1.0, 2.0]}),
    "rows of open length": ("open_row", {"i0": list(range(12))}),
    "the latest of several versions": ("versions_all", {"i0": [1.0, 2.0]}),
}
_BAD: dict[str, tuple[str, Any]] = {
    "too few": ("tiny", {"x": [1]}),
    "too many": ("tiny", {"x": [*_ROW, 1]}),
    "two rows": ("tiny", {"x": [*_ROW, *_ROW]}),
    "nested": ("tiny", {"x": [_ROW]}),
    "no input": ("tiny", {}),
    "an unknown input": ("tiny", {"zzz": _ROW}),
    "one of two": ("two", {"i0": [1.5]}),
    "a string for a number": ("tiny", {"x": ["a"] * 16}),
    "a number for a string": ("word", {"i0": 5}),
    "null": ("word", {"i0": None}),
    "an object": ("word", {"i0": {"a": 1}}),
    "a boolean for a number": ("scalar", {"i0": True}),
    "a float for a whole number": ("table", {"i0": [1.5] * 6}),
    "a negative for an unsigned": ("uint8", {"i0": [-1]}),
    "FP16": ("fp16", {"i0": [1.0]}),
    "a parameter null": ("word", {"i0": "a", "other": None}),
    "a parameter list": ("word", {"i0": "a", "other": [1]}),
    "a parameter object": ("word", {"i0": "a", "other": {"a": 1}}),
    "parameters a list": ("word", {"i0": "a", "parameters": [1]}),
    "parameters null": ("word", {"i0": "a", "parameters": None}),
    "nested parameter null": ("word", {"i0": "a", "parameters": {"other": None}}),
    "nested parameter list": ("word", {"i0": "a", "parameters": {"other": [1]}}),
    "id a number": ("word", {"i0": "a", "id": 1}),
    "priority a string": ("word", {"i0": "a", "priority": "x"}),
    "a reserved parameter": ("word", {"i0": "a", "triton_zzz": 1}),
    "the runtime fails": ("picker", {"index": 9}),
    "an unknown model": ("nope", {"i0": "a"}),
    "an array": ("word", ["a"]),
    "a string": ("word", "a"),
    "null itself": ("word", None),
}


def _path(model: str, route: str, version: str = "") -> str:
    return f"/v2/models/{model}{f'/versions/{version}' if version else ''}/{route}"


for _route in ("generate", "generate_stream"):
    for _name, (_model, _document) in (*_GOOD.items(), *_BAD.items()):
        _corpus.add(f"{_route}: {_name}", post(_path(_model, _route), json_body(_document)))
    _body = json_body({"i0": "a"})
    _corpus.add(f"{_route}: an empty body", post(_path("word", _route)))
    _corpus.add(f"{_route}: cut short", post(_path("word", _route), "{"))
    _corpus.add(f"{_route}: garbage behind", post(_path("word", _route), _body + b"zz"))
    _corpus.add(f"{_route}: an input twice", post(_path("word", _route), '{"i0":"a","i0":"b"}'))
    _corpus.add(f"{_route}: a version", post(_path("word", _route, "1"), _body))
    _corpus.add(f"{_route}: an unknown version", post(_path("word", _route, "7"), _body))
    _corpus.add(f"{_route}: GET", get(_path("word", _route)))
    _corpus.add(f"{_route}: gzip", post(_path("word", _route), _body, "Content-Encoding: gzip"))
    _corpus.add(f"{_route}: identity", post(_path("word", _route), _body, "Content-Encoding: identity"))
    _corpus.add(f"{_route}: gzip accepted", post(_path("word", _route), _body, "Accept-Encoding: gzip"))
    _corpus.add(f"{_route}: close", post(_path("word", _route), _body, "Connection: close"))
    _corpus.add(
        f"{_route}: load metrics asked for", post(_path("word", _route), _body, "endpoint-load-metrics-format: json")
    )
    _corpus.add(
        f"{_route}: twice", Request(post(_path("word", _route), _body)), Request(post(_path("word", _route), _body))
    )
_corpus.add("generate: a trailing slash", post(_path("word", "generate/"), json_body({"i0": "a"})))

CASES = _corpus.cases
