"""Requests of every kind are accepted and refused as the reference says, and mean what it says they mean."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from naiad.engine.request import InferRequest
from naiad.engine.shared_memory import SharedMemory
from naiad.errors import NaiadError
from naiad.server.http_plans import PlanCache
from tests.fuzz.reference import DTYPES, Port, RefusedError, read_request
from tests.support.engine import RecordingSink, idle_model, spec

LIMIT = 1 << 20
OUTPUTS = ("y", "z")
SINK = RecordingSink()

NUMBERS = (
    *(0, 1, -1, 127, 128, 255, 256, -129, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64 - 1, 2**64),
    *(0.5, -0.0, 1e300, float("inf")),
)
ELEMENTS: st.SearchStrategy[Any] = st.sampled_from([*NUMBERS, True, False, "", "é", "🌙", None, [], {}])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@st.composite
def models(draw: st.DrawFn) -> tuple[list[Port], int]:
    """The inputs of a model, and its max_batch_size."""
    dims = st.lists(st.sampled_from([-1, -1, 1, 2, 3]), min_size=1, max_size=3).map(tuple)
    count = draw(st.integers(1, 3))
    batch_size = draw(st.sampled_from([0, 1, 4]))
    optional = st.booleans() if not batch_size else st.just(False)
    return [
        Port(f"i{index}", draw(st.sampled_from(sorted(DTYPES))), draw(dims), draw(optional)) for index in range(count)
    ], batch_size


@st.composite
def requests(draw: st.DrawFn, ports: list[Port], batch_size: int) -> tuple[Any, bytes]:
    """A request that is right, and then perhaps is not any more."""
    rows = [draw(st.integers(1, batch_size + draw(st.sampled_from([0, 0, 0, 1]))))] if batch_size else []
    inputs, pieces = [], []
    for port in ports:
        if port.optional and draw(st.booleans()):
            continue
        shape = rows + [draw(st.integers(0, 3)) if dim < 0 else dim for dim in port.dims]
        tensor: dict[str, Any] = {"name": port.name, "datatype": port.datatype, "shape": shape}
        count = int(np.prod(shape))
        chance = [True, True, True, False] if port.datatype in ("FP16", "BF16") else [True, False]
        if draw(st.sampled_from(chance)):
            pieces.append(draw(contents(port.datatype, count)))
            tensor["parameters"] = {"binary_data_size": len(pieces[-1])}
        else:
            tensor["data"] = draw(json_data(port.datatype, count))
        inputs.append(tensor)
    document: dict[str, Any] = {"inputs": inputs}
    if draw(st.booleans()):
        outputs = draw(st.lists(st.sampled_from(OUTPUTS), max_size=3))
        document["outputs"] = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    binary = b"".join(pieces)
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        document, binary = draw(spoilt(document, binary))
    return document, binary


def contents(datatype: str, count: int) -> st.SearchStrategy[bytes]:
    """The bytes of a tensor."""
    if datatype == "BYTES":
        elements = st.lists(st.binary(max_size=5), min_size=count, max_size=count)
        return elements.map(lambda texts: b"".join(struct.pack("<I", len(text)) + text for text in texts))
    size = count * np.dtype(DTYPES[datatype]).itemsize
    bits = st.binary(min_size=size, max_size=size)
    return bits.map(lambda data: bytes(byte & 1 for byte in data)) if datatype == "BOOL" else bits


def json_data(datatype: str, count: int) -> st.SearchStrategy[list[Any]]:
    """The elements of a tensor, nested somehow."""
    kinds: dict[str, st.SearchStrategy[Any]] = {"BYTES": TEXTS, "BOOL": st.booleans()}
    numbers: st.SearchStrategy[Any] = st.integers(-(2**63), 2**63 - 1)
    if datatype.startswith("UINT"):
        numbers = st.integers(0, 2**64 - 1)
    if datatype.startswith(("FP", "BF")):
        numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False)
    elements = st.lists(kinds.get(datatype, numbers), min_size=count, max_size=count)
    return elements.flatmap(lambda flat: st.sampled_from([flat, [flat], [flat[:1], flat[1:]], [[[]], *flat]]))


@st.composite
def spoilt(draw: st.DrawFn, document: Any, binary: bytes) -> tuple[Any, bytes]:
    """A request with one thing changed."""
    inputs = [dict(tensor) for tensor in document["inputs"]]
    document = {**document, "inputs": inputs}
    what = draw(
        st.sampled_from(["bytes", "outputs", "drop", "repeat", "name", "type", "shape", "size", "data", "move"])
    )
    if what == "bytes":
        place = draw(st.integers(0, len(binary)))
        return document, binary[:place] + draw(st.binary(max_size=4)) + binary[place + draw(st.integers(0, 4)) :]
    if what == "outputs" or not inputs:
        return {**document, "outputs": [{"name": draw(st.sampled_from([*OUTPUTS, "x"]))}]}, binary
    index = draw(st.integers(0, len(inputs) - 1))
    tensor = inputs[index]
    match what:
        case "drop":
            del inputs[index]
        case "repeat":
            inputs.append(tensor)
        case "move":
            inputs.append(inputs.pop(index))
        case "name":
            tensor["name"] = draw(st.sampled_from(["i0", "i1", "i2", "other", ""]))
        case "type":
            tensor["datatype"] = draw(st.sampled_from(sorted(DTYPES)))
        case "shape":
            shape = list(tensor["shape"])
            place = draw(st.integers(0, len(shape)))
            shape[place : place + draw(st.integers(0, 1))] = draw(
                st.lists(st.sampled_from([0, 1, 2, 5, 2**40, 2**63 - 1]), max_size=2)
            )
            tensor["shape"] = shape
        case "size":
            tensor["parameters"] = {"binary_data_size": draw(st.sampled_from([0, 1, 4, 8, len(binary), 2**40]))}
            if draw(st.booleans()):
                tensor.pop("data", None)
        case _:
            tensor["data"] = [draw(ELEMENTS), *tensor.get("data", [])][draw(st.integers(0, 1)) :]
            if draw(st.booleans()):
                tensor.pop("parameters", None)
    return document, binary


def ask(cache: PlanCache, document: Any, binary: bytes) -> InferRequest | NaiadError:
    text = json.dumps(document).encode()
    try:
        return cache.request(text, binary, SINK, 0)
    except NaiadError as error:
        return error


def read_arrays(ports: list[Port], request: InferRequest) -> dict[str, tuple[tuple[int, ...], npt.NDArray[Any]]]:
    """What the engine would give to the runtime: shapes and elements."""
    arrays = {}
    for port, buffer, shape in zip(ports, request.inputs, request.shapes, strict=True):
        if buffer is not None:
            is_array = isinstance(buffer, np.ndarray)
            arrays[port.name] = shape, buffer.ravel() if is_array else np.frombuffer(buffer, DTYPES[port.datatype])
    return arrays


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.data())
def test_requests_are_what_the_reference_says(data: st.DataObject) -> None:
    ports, batch_size = data.draw(models())
    inputs = [
        spec(port.name, port.datatype, port.dims, batched=batch_size > 0, optional=port.optional) for port in ports
    ]
    outputs = [spec(name, batched=batch_size > 0) for name in OUTPUTS]
    model = idle_model(inputs, outputs, max_batch_size=batch_size)
    used = PlanCache(model, LIMIT, SharedMemory())
    for document, binary in data.draw(st.lists(requests(ports, batch_size), min_size=1, max_size=4)):
        # Twice: what a cache remembers of a request changes nothing about it.
        for cache in (used, used, PlanCache(model, LIMIT, SharedMemory())):
            got = ask(cache, document, binary)
            try:
                expected = read_request(ports, OUTPUTS, batch_size, document, binary)
            except RefusedError:
                event("refused")
                assert isinstance(got, NaiadError), document
                continue
            event("accepted")
            assert isinstance(got, InferRequest), got
            found = read_arrays(ports, got)
            assert found.keys() == expected.keys()
            for name, (shape, elements) in expected.items():
                assert found[name][0] == shape
                assert found[name][1].dtype == elements.dtype
                if elements.dtype == object:
                    assert found[name][1].tolist() == elements.tolist()
                else:
                    assert found[name][1].tobytes() == elements.tobytes()
                assert got.batch_size == (shape[0] if batch_size else 1)
