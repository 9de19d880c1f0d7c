"""The JSON of an inference request: its grammar, its members, their kinds."""

from __future__ import annotations

from typing import Any

from tests.conformance.triton.case import Corpus, document, infer, infer_text, output, tensor
from tests.support.http_client import json_body

_corpus = Corpus("request JSON")

DATA = list(range(6))
INPUT = tensor("i0", [2, 3], "INT32", DATA)
GOOD = document([INPUT]).decode()
_ROW = tensor("x", [1, 16], "FP32", [0.5] * 16)


def _text(name: str, body: bytes | str) -> None:
    _corpus.add(name, infer_text("table", body))


_GRAMMAR = {
    "cut short": '{"inputs":[',
    "one brace": "{",
    "a word": "hello",
    "an array": "[]",
    "a string": '"a"',
    "a number": "1",
    "null": "null",
    "true": "true",
    "a NUL": "\0",
    "a NUL behind": GOOD + "\0",
    "spaces only": "   ",
    "garbage behind": GOOD + "zz",
    "a second document": GOOD + GOOD,
    "spaces around": f"  \n\t{GOOD}\r\n ",
    "a byte order mark": "\ufeff" + GOOD,
    "a comment": GOOD.replace("{", "{/*x*/", 1),
    "a trailing comma": GOOD[:-1] + ",}",
    "a trailing comma in the data": GOOD.replace("5]", "5,]"),
    "single quotes": GOOD.replace('"', "'"),
    "no quotes": GOOD.replace('"', ""),
    "a number with a plus": GOOD.replace("5]", "+5]"),
    "a number with a leading zero": GOOD.replace("5]", "05]"),
    "a number with a bare point": GOOD.replace("5]", ".5]"),
    "a number with an end point": GOOD.replace("5]", "5.]"),
    "hexadecimal": GOOD.replace("5]", "0x5]"),
    "an exponent too large": GOOD.replace("5]", "1e400]"),
    "a bad escape": '{"id":"\\x","inputs":[]}',
    "a lone surrogate": '{"id":"\\ud800","inputs":[]}',
    "a surrogate pair": GOOD.replace("{", '{"id":"\\ud83d\\ude00",', 1),
    "a line break in a string": '{"id":"a\nb","inputs":[]}',
    "a missing colon": '{"inputs" []}',
    "a missing comma": '{"id":"a" "inputs":[]}',
    "a key that is a number": '{1:2,"inputs":[]}',
    "capital keys": GOOD.replace("inputs", "Inputs"),
    "an escaped key": GOOD.replace("inputs", "\\u0069nputs"),
    "a key twice": GOOD[:-1] + ',"inputs":[]}',
    "an id twice": GOOD.replace("{", '{"id":"a","id":"b",', 1),
    "an unknown member": GOOD.replace("{", '{"zzz":{"a":[1]},', 1),
    "nested 90 deep": GOOD.replace("{", '{"zzz":' + "[" * 90 + "]" * 90 + ",", 1),
}
for name, body in _GRAMMAR.items():
    _text(f"grammar: {name}", body)
_text("grammar: not UTF-8 in the id", GOOD.replace("{", '{"id":"a?b",', 1).encode().replace(b"?", b"\xff"))
_text("grammar: not UTF-8 between values", GOOD.encode().replace(b"5]", b"5\xff]"))
_text("grammar: UTF-16", GOOD.encode("utf-16"))

_KINDS: dict[str, Any] = {
    "null": None,
    "true": True,
    "a number": 1,
    "a float": 1.5,
    "a string": "a",
    "an array": [],
    "an object": {},
}
"""A value of each kind that JSON has."""

_MEMBERS = ("id", "parameters", "inputs", "outputs")
_TENSOR_MEMBERS = ("name", "shape", "datatype", "data", "parameters")
_RESERVED = ("sequence_id", "sequence_start", "sequence_end", "priority", "timeout", "binary_data_output")

for kind, value in _KINDS.items():
    for member in _MEMBERS:
        _text(f"{member}: {kind}", json_body({"inputs": [INPUT], member: value}))
    for member in _TENSOR_MEMBERS:
        _text(f"input {member}: {kind}", document([{**INPUT, member: value}]))
    for parameter in (*_RESERVED, "other", "triton_zzz", "headers"):
        _text(f"parameter {parameter}: {kind}", document([INPUT], parameters={parameter: value}))
    _text(f"input: {kind}", document([value]))
    _text(f"dimension: {kind}", document([{**INPUT, "shape": [2, value]}]))
    _text(f"output: {kind}", document([INPUT], outputs=[value]))
    _text(f"output name: {kind}", document([INPUT], outputs=[{"name": value}]))
    _text(f"output parameters: {kind}", document([INPUT], outputs=[{"name": "o0", "parameters": value}]))
    for parameter in ("binary_data", "classification", "other"):
        _text(f"output {parameter}: {kind}", document([INPUT], outputs=[output("o0", **{parameter: value})]))
    _text(f"binary_data_size: {kind}", document([tensor("i0", [2, 3], "INT32", binary_data_size=value)]))

for member in ("name", "shape", "datatype", "data"):
    _text(f"input without {member}", document([{key: value for key, value in INPUT.items() if key != member}]))
_text("inputs missing", "{}")
_text("inputs missing, with an id", '{"id":"a"}')
_text("output without name", document([INPUT], outputs=[{}]))
_text("data and binary_data_size", document([{**INPUT, "parameters": {"binary_data_size": 24}}]))
_text("data and shared memory", document([{**INPUT, "parameters": {"shared_memory_region": "r"}}]))
_text(
    "binary_data_size and shared memory",
    document(
        [tensor("i0", [2, 3], "INT32", binary_data_size=24, shared_memory_region="r", shared_memory_byte_size=24)]
    ),
)
_text("all three sources", document([{**INPUT, "parameters": {"binary_data_size": 24, "shared_memory_region": "r"}}]))
_text("an unknown input parameter", document([{**INPUT, "parameters": {"zzz": 1}}]))

_IDS = {
    "plain": "abc",
    "empty": "",
    "quotes": 'a"b',
    "a line break": "a\nb",
    "accents": "é",
    "long": "x" * 3000,
    "slash": "a/b",
    "control": "\x01\x7f",
}
for name, identity in _IDS.items():
    _corpus.add(f"id {name}", infer("table", INPUT, id=identity))
    _corpus.add(f"id {name} in an error", infer("table", {**INPUT, "shape": [3, 2]}, id=identity))

for name, value in {"negative": -1, "zero": 0, "large": 1 << 63, "too large": 1 << 64, "one": 1}.items():
    for parameter in ("sequence_id", "priority", "timeout", "other"):
        _corpus.add(f"parameter {parameter} {name}", infer("table", INPUT, parameters={parameter: value}))
_corpus.add("timeout of a second", infer("queued", _ROW, parameters={"timeout": 1_000_000}))
_corpus.add("priority of the second level", infer("queued", _ROW, parameters={"priority": 2}))
_corpus.add("priority beyond the levels", infer("queued", _ROW, parameters={"priority": 9}))
_corpus.add(
    "a sequence for a model without",
    infer("tiny", _ROW, parameters={"sequence_id": 7, "sequence_start": True, "sequence_end": True}),
)
_corpus.add("many parameters", infer("table", INPUT, parameters={f"key{index}": index for index in range(100)}))

CASES = _corpus.cases
