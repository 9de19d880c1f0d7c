"""Tensors in POSIX shared memory over gRPC: registering it, reading inputs from it, writing outputs to it."""

from __future__ import annotations

from typing import Any

from tests.conformance.triton.case import Corpus
from tests.conformance.triton.corpus.shared_memory import KEY, SIZE_BYTES, SPARE_KEY
from tests.conformance.triton.rpc import Rpc
from tests.conformance.triton.rpc_messages import NOTHING, call, infer, output, tensor, unsigned

_corpus = Corpus("grpc shared memory")

_STATUS = call("SystemSharedMemoryStatus")
_CUDA_STATUS = call("CudaSharedMemoryStatus")
_MODELS = (call("RepositoryModelLoad", model_name="t"), call("RepositoryModelLoad", model_name="text"))


def _register(region: str, **fields: Any) -> Rpc:
    return call("SystemSharedMemoryRegister", **{"name": region, "key": KEY, "byte_size": SIZE_BYTES, **fields})


def _unregister(region: str) -> Rpc:
    return call("SystemSharedMemoryUnregister", name=region)


def _of_region(region: str) -> tuple[Rpc, Rpc]:
    return call("SystemSharedMemoryStatus", name=region), call("CudaSharedMemoryStatus", name=region)


def _spans(**spans: Any) -> dict[str, Any]:
    return {f"shared_memory_{key}": value for key, value in spans.items()}


_corpus.add("nothing yet", *_MODELS, _STATUS, _CUDA_STATUS, *_of_region("r"))
_corpus.add("register", _register("r"), _STATUS, *_of_region("r"))
_corpus.add("register again", _register("r"), _STATUS)
_corpus.add("a second segment", _register("s", key=SPARE_KEY), _STATUS, _unregister("s"), _unregister("s"), _STATUS)

_REGISTRATIONS: dict[str, dict[str, Any]] = {
    "no key": {"key": ""},
    "key of nothing": {"key": "/naiad_conformance_absent"},
    "key without slash": {"key": SPARE_KEY[1:]},
    "key with a path": {"key": f"/../shm{SPARE_KEY}"},
    "key with the reserved prefix": {"key": "/triton_python_backend_shm_region_1"},
    "byte_size 0": {"byte_size": 0},
    "byte_size too large": {"byte_size": SIZE_BYTES + 1},
    "byte_size far too large": {"byte_size": 1 << 63},
    "offset at the end": {"offset": SIZE_BYTES, "byte_size": 1},
    "offset and size too large": {"offset": 8},
    "offset not of a page": {"offset": 8, "byte_size": 8},
}
for _name, _fields in _REGISTRATIONS.items():
    _made = _register("x", **{"key": SPARE_KEY, **_fields})
    _corpus.add(f"register: {_name}", _made, _STATUS, _unregister("x"))
_corpus.add("register: odd letters", _register("a b/é", key=SPARE_KEY), _STATUS, _unregister("a b/é"))

_IN = _spans(region="r", byte_size=24)
_OUT = _spans(region="r", byte_size=24, offset=128)
_VALUES = [6, 5, 4, 3, 2, 1]
_corpus.add("input", infer("t", tensor("i0", [2, 3], "INT32", **_IN)))
_corpus.add("input of an offset", infer("t", tensor("i0", [2, 3], "INT32", **{**_IN, "shared_memory_offset": 4})))
_corpus.add("input and contents", infer("t", tensor("i0", [2, 3], "INT32", _VALUES, **_IN)))
_corpus.add("input and raw", infer("t", tensor("i0", [2, 3], "INT32", **_IN), raw=[b"\0" * 24]))
_SPANS = {
    "too small": _spans(region="r", byte_size=20),
    "too large": _spans(region="r", byte_size=28),
    "beyond the region": _spans(region="r", byte_size=24, offset=SIZE_BYTES - 20),
    "far beyond the region": _spans(region="r", byte_size=24, offset=(1 << 63) - 1),
    "offset negative": _spans(region="r", byte_size=24, offset=-4),
    "offset text": _spans(region="r", byte_size=24, offset="0"),
    "offset unsigned": _spans(region="r", byte_size=24, offset=unsigned(0)),
    "offset nothing": _spans(region="r", byte_size=24, offset=NOTHING),
    "without byte_size": _spans(region="r"),
    "without region": _spans(byte_size=24),
    "offset without region": _spans(offset=0),
    "byte_size text": _spans(region="r", byte_size="24"),
    "byte_size negative": _spans(region="r", byte_size=-1),
    "byte_size 0": _spans(region="r", byte_size=0),
    "unknown region": _spans(region="zz", byte_size=24),
    "region a number": _spans(region=1, byte_size=24),
    "region nothing": _spans(region=NOTHING, byte_size=24),
    "region empty": _spans(region="", byte_size=24),
}
for _name, _spec in _SPANS.items():
    _corpus.add(f"input: {_name}", infer("t", tensor("i0", [2, 3], "INT32", **_spec)))
    _corpus.add(f"output: {_name}", infer("t", tensor("i0", [2, 3], "INT32", _VALUES), outputs=[output("o0", **_spec)]))

_BACK = infer("t", tensor("i0", [2, 3], "INT32", **_OUT))
_corpus.add("output", infer("t", tensor("i0", [2, 3], "INT32", _VALUES), outputs=[output("o0", **_OUT)]), _BACK)
_corpus.add("both", infer("t", tensor("i0", [2, 3], "INT32", **_IN), outputs=[output("o0", **_OUT)]), _BACK)
_corpus.add(
    "output with room to spare",
    infer(
        "t", tensor("i0", [2, 3], "INT32", [9] * 6), outputs=[output("o0", **{**_OUT, "shared_memory_byte_size": 100})]
    ),
    _BACK,
)
_corpus.add(
    "output and classification",
    infer("t", tensor("i0", [2, 3], "INT32", **_IN), outputs=[output("o0", classification=1, **_OUT)]),
)
_TEXT_BYTES = 3 * 4 + 5
_STRINGS = _spans(region="r", byte_size=_TEXT_BYTES, offset=64)
_STRINGS_OUT = _spans(region="r", byte_size=_TEXT_BYTES, offset=192)
_corpus.add("strings in", infer("text", tensor("i0", [3], "BYTES", **_STRINGS)))
_corpus.add("strings in, too few", infer("text", tensor("i0", [4], "BYTES", **_STRINGS)))
_corpus.add(
    "strings out",
    infer("text", tensor("i0", [3], "BYTES", [b"ab", b"", b"cde"]), outputs=[output("o0", **_STRINGS_OUT)]),
    infer("text", tensor("i0", [3], "BYTES", **_STRINGS_OUT)),
)
_corpus.add(
    "strings out, too small",
    infer("text", tensor("i0", [1], "BYTES", [b"x" * 40]), outputs=[output("o0", **_STRINGS_OUT)]),
)

_CUDA: dict[str, dict[str, Any]] = {
    "good": {"name": "x", "raw_handle": b"\0" * 64, "device_id": 0, "byte_size": 8},
    "no handle": {"name": "x", "byte_size": 8},
    "nothing": {},
}
for _name, _fields in _CUDA.items():
    _corpus.add(f"cuda register: {_name}", call("CudaSharedMemoryRegister", **_fields), _CUDA_STATUS)
_corpus.add("cuda unregister", call("CudaSharedMemoryUnregister", name="x"), call("CudaSharedMemoryUnregister"))
_corpus.add("unregister through cuda", call("CudaSharedMemoryUnregister", name="r"), _STATUS)
_corpus.add(
    "unregister all", call("SystemSharedMemoryUnregister"), _STATUS, infer("t", tensor("i0", [2, 3], "INT32", **_IN))
)
_corpus.add("register: no name", _register("", key=SPARE_KEY), _STATUS, *_of_region(""), _unregister(""), _STATUS)

CASES = _corpus.cases
