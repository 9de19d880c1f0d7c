"""Tensors in POSIX shared memory: registering it, reading inputs from it, writing outputs to it."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.conformance.triton.case import Corpus, framed, get, infer, output, post, tensor
from tests.support.http_client import json_body

SIZE_BYTES = 256
KEY = f"/naiad_conformance_{os.getpid()}"
SPARE_KEY = f"{KEY}_spare"
"""The real server of this version cannot hold one segment under two names."""

_TABLE = np.arange(6, dtype=np.int32).tobytes()
_TEXTS = framed(b"ab", b"", b"cde")


@contextmanager
def segments() -> Iterator[None]:
    """The segments that the cases register; gone afterwards. Each starts with a 2×3 table; at 64 lie three strings."""
    paths = [Path("/dev/shm", key.removeprefix("/")) for key in (KEY, SPARE_KEY)]
    try:
        for path in paths:
            path.write_bytes((_TABLE.ljust(64, b"\0") + _TEXTS).ljust(SIZE_BYTES, b"\0"))
        yield
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


_corpus = Corpus("shared memory")


def _system(verb: str, region: str = "") -> str:
    return f"/v2/systemsharedmemory{f'/region/{region}' if region else ''}/{verb}"


def _cuda(verb: str, region: str = "") -> str:
    return _system(verb, region).replace("system", "cuda")


def register(region: str, **fields: Any) -> bytes:
    """A request to register the segment, with other fields where given; a field that is None is left out."""
    wanted = {"key": KEY, "offset": 0, "byte_size": SIZE_BYTES, **fields}
    return post(
        _system("register", region), json_body({key: value for key, value in wanted.items() if value is not None})
    )


def _spans(**spans: Any) -> dict[str, Any]:
    return {f"shared_memory_{key}": value for key, value in spans.items()}


_STATUS = get(_system("status"))

_corpus.add("nothing yet", _STATUS, get(_cuda("status")), get(_system("status", "r")), get(_cuda("status", "r")))
_corpus.add("register", register("r"), _STATUS, get(_system("status", "r")), get(_cuda("status", "r")))
_corpus.add("register again", register("r"), register("r", offset=8, byte_size=8), _STATUS)
_corpus.add("a second name", register("s", offset=64, byte_size=64), _STATUS, post(_system("unregister", "s")))
_corpus.add("a second segment", register("s", key=SPARE_KEY), _STATUS, get(_system("status", "s")))
_corpus.add("unregister the second", post(_system("unregister", "s")), _STATUS, post(_system("unregister", "s")))

_REGISTRATIONS: dict[str, dict[str, Any]] = {
    "no key": {"key": None},
    "no byte_size": {"byte_size": None},
    "no offset": {"offset": None},
    "key a number": {"key": 1},
    "key empty": {"key": ""},
    "key of nothing": {"key": "/naiad_conformance_absent"},
    "key without slash": {"key": SPARE_KEY[1:]},
    "key with a path": {"key": f"/../shm{SPARE_KEY}"},
    "key with the reserved prefix": {"key": "/triton_python_backend_shm_region_1"},
    "byte_size text": {"byte_size": "8"},
    "byte_size negative": {"byte_size": -1},
    "byte_size 0": {"byte_size": 0},
    "byte_size too large": {"byte_size": SIZE_BYTES + 1},
    "byte_size far too large": {"byte_size": 1 << 63},
    "offset text": {"offset": "8"},
    "offset negative": {"offset": -1},
    "offset at the end": {"offset": SIZE_BYTES, "byte_size": 1},
    "offset and size too large": {"offset": 8},
    "offset not of a page": {"offset": 8, "byte_size": 8},
    "an unknown field": {"zzz": 1},
}
for _name, _fields in _REGISTRATIONS.items():
    _made = register("x", **{"key": SPARE_KEY, **_fields})
    _corpus.add(f"register: {_name}", _made, _STATUS, post(_system("unregister", "x")))
for _name, _body in {"nothing": "", "garbage": "zz", "an array": "[]", "null": "null", "an empty object": "{}"}.items():
    _corpus.add(f"register: {_name}", post(_system("register", "x"), _body))
_corpus.add("register: no region", post("/v2/systemsharedmemory/register", json_body({"key": KEY, "byte_size": 8})))
_corpus.add(
    "register: region with odd letters", register("a%20b", key=SPARE_KEY), _STATUS, post(_system("unregister", "a%20b"))
)

_IN = _spans(region="r", byte_size=24)
_corpus.add("input", infer("t", tensor("i0", [2, 3], "INT32", **_IN)))
_corpus.add("input of an offset", infer("t", tensor("i0", [2, 3], "INT32", **_IN, shared_memory_offset=4)))
for _name, _spec in {
    "too small": _spans(region="r", byte_size=20),
    "too large": _spans(region="r", byte_size=28),
    "beyond the region": _spans(region="r", byte_size=24, offset=SIZE_BYTES - 20),
    "far beyond the region": _spans(region="r", byte_size=24, offset=1 << 63),
    "offset that overflows": _spans(region="r", byte_size=24, offset=(1 << 64) - 8),
    "offset negative": _spans(region="r", byte_size=24, offset=-4),
    "offset text": _spans(region="r", byte_size=24, offset="0"),
    "without byte_size": _spans(region="r"),
    "byte_size text": _spans(region="r", byte_size="24"),
    "byte_size negative": _spans(region="r", byte_size=-1),
    "byte_size 0": _spans(region="r", byte_size=0),
    "unknown region": _spans(region="zz", byte_size=24),
    "region a number": _spans(region=1, byte_size=24),
    "region empty": _spans(region="", byte_size=24),
}.items():
    _corpus.add(f"input: {_name}", infer("t", tensor("i0", [2, 3], "INT32", **_spec)))
    _corpus.add(
        f"output: {_name}",
        infer("t", tensor("i0", [2, 3], "INT32", [6, 5, 4, 3, 2, 1]), outputs=[output("o0", **_spec)]),
    )

_OUT = _spans(region="r", byte_size=24, offset=128)
_BACK = infer("t", tensor("i0", [2, 3], "INT32", **_OUT))
_corpus.add(
    "output", infer("t", tensor("i0", [2, 3], "INT32", [6, 5, 4, 3, 2, 1]), outputs=[output("o0", **_OUT)]), _BACK
)
_corpus.add("both", infer("t", tensor("i0", [2, 3], "INT32", **_IN), outputs=[output("o0", **_OUT)]), _BACK)
_corpus.add(
    "output with room to spare",
    infer(
        "t", tensor("i0", [2, 3], "INT32", [9] * 6), outputs=[output("o0", **{**_OUT, "shared_memory_byte_size": 100})]
    ),
    _BACK,
)
_corpus.add(
    "output and binary_data",
    infer("t", tensor("i0", [2, 3], "INT32", **_IN), outputs=[output("o0", binary_data=True, **_OUT)]),
)
_corpus.add(
    "output and no binary_data",
    infer("t", tensor("i0", [2, 3], "INT32", **_IN), outputs=[output("o0", binary_data=False, **_OUT)]),
)
_corpus.add(
    "output and classification",
    infer("t", tensor("i0", [2, 3], "INT32", **_IN), outputs=[output("o0", classification=1, **_OUT)]),
)
_corpus.add(
    "output and the request's binary_data_output",
    infer(
        "t",
        tensor("i0", [2, 3], "INT32", **_IN),
        outputs=[output("o0", **_OUT)],
        parameters={"binary_data_output": True},
    ),
)

_STRINGS = _spans(region="r", byte_size=len(_TEXTS), offset=64)
_corpus.add("strings in", infer("text", tensor("i0", [3], "BYTES", **_STRINGS)))
_corpus.add("strings in, too few", infer("text", tensor("i0", [4], "BYTES", **_STRINGS)))
_corpus.add(
    "strings in, cut short",
    infer("text", tensor("i0", [3], "BYTES", **{**_STRINGS, "shared_memory_byte_size": len(_TEXTS) - 1})),
)
_STRINGS_OUT = _spans(region="r", byte_size=len(_TEXTS), offset=192)
_corpus.add(
    "strings out",
    infer("text", tensor("i0", [3], "BYTES", ["ab", "", "cde"]), outputs=[output("o0", **_STRINGS_OUT)]),
    infer("text", tensor("i0", [3], "BYTES", **_STRINGS_OUT)),
)
_corpus.add(
    "strings out, too small",
    infer("text", tensor("i0", [1], "BYTES", ["x" * 40]), outputs=[output("o0", **_STRINGS_OUT)]),
)

_HANDLE = {"b64": b64encode(b"\0" * 64).decode()}
_CUDA_REGISTRATIONS: dict[str, dict[str, Any]] = {
    "good": {"raw_handle": _HANDLE, "device_id": 0, "byte_size": 8},
    "no handle": {"device_id": 0, "byte_size": 8},
    "no byte_size": {"raw_handle": _HANDLE, "device_id": 0},
    "handle a string": {"raw_handle": "aa", "device_id": 0, "byte_size": 8},
    "handle not in base64": {"raw_handle": {"b64": "!!"}, "device_id": 0, "byte_size": 8},
    "nothing": {},
}
for _name, _wanted in _CUDA_REGISTRATIONS.items():
    _corpus.add(f"cuda register: {_name}", post(_cuda("register", "x"), json_body(_wanted)), get(_cuda("status")))
_corpus.add("cuda register: garbage", post(_cuda("register", "x"), "zz"))
_corpus.add("cuda unregister", post(_cuda("unregister", "x")), post(_cuda("unregister")))
_corpus.add("unregister through cuda", post(_cuda("unregister", "r")), _STATUS)
_corpus.add(
    "unregister all",
    register("r2", key=SPARE_KEY, byte_size=8),
    post(_system("unregister")),
    _STATUS,
    infer("t", tensor("i0", [2, 3], "INT32", **_IN)),
)

CASES = _corpus.cases
