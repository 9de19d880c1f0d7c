"""The models that both servers serve: one repository, every datatype, with and without batching."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import helper, numpy_helper

from naiad import datatypes
from tests.support import onnx_models
from tests.support.onnx_models import TINY_CONFIG, identity, model, ports_config, tensor, write_model

# Triton's Python backend, in which its ONNX models run here, has no BF16.
DATATYPES = tuple(name for name in datatypes.BY_NAME if name != "BF16")
BATCHED_DATATYPES = ("BOOL", "INT64", "UINT8", "FP16", "FP32", "BYTES")

ONE_INSTANCE = "instance_group { kind: KIND_CPU count: 1 }"
"""Each instance is a process to the real server here, so no model has more than it needs."""

QUEUE_DELAY_US = 400_000
"""How long `delayed` waits for more requests."""

LABELS = ("cat", "dog", "bird")


def write_repository(repository: Path) -> Path:
    """Write every model; returns the folder."""
    _write_tiny(repository)
    _write_typed(repository)
    _write_shaped(repository)
    _write_versions(repository)
    _write_peculiar(repository)
    return repository


def _write_tiny(repository: Path) -> None:
    tiny = onnx_models.tiny()
    write_model(repository, "tiny", tiny, TINY_CONFIG)
    write_model(repository, "counted", tiny, TINY_CONFIG)
    labelled = TINY_CONFIG.replace("dims: 4 }", 'dims: 4 label_filename: "labels.txt" }')
    write_model(repository, "labelled", tiny, labelled, labels=LABELS)
    write_model(repository, "auto", tiny)
    queued = TINY_CONFIG.replace(
        "dynamic_batching {}",
        "dynamic_batching { priority_levels: 2 default_priority_level: 1 "
        "default_queue_policy { default_timeout_microseconds: 5000000 allow_timeout_override: true } }",
    )
    write_model(repository, "queued", tiny, queued)
    delayed = TINY_CONFIG.replace(
        "dynamic_batching {}", f"dynamic_batching {{ max_queue_delay_microseconds: {QUEUE_DELAY_US} }}"
    )
    write_model(repository, "delayed", tiny, delayed)
    single = TINY_CONFIG.replace("max_batch_size: 64", "max_batch_size: 1").replace("dynamic_batching {}", "")
    write_model(repository, "single", tiny, single)


def _write_typed(repository: Path) -> None:
    for datatype in DATATYPES:
        _write_identity(repository, datatype.lower(), [(datatype, [-1])])
    for datatype in BATCHED_DATATYPES:
        _write_identity(repository, f"rows_{datatype.lower()}", [(datatype, [-1])], max_batch_size=8)


def _write_shaped(repository: Path) -> None:
    _write_identity(repository, "two", [("FP32", [-1]), ("INT32", [-1])], max_batch_size=8)
    _write_identity(repository, "three", [("FP32", [2]), ("BYTES", [-1]), ("BOOL", [1, 2])])
    _write_identity(repository, "grid", [("FP32", [-1, -1])])
    _write_identity(repository, "table", [("INT32", [2, 3])])
    _write_identity(repository, "image", [("FP32", [3, 2, 2])], max_batch_size=4)
    _write_identity(repository, "word", [("BYTES", [1])], max_batch_size=4)
    _write_identity(repository, "open_row", [("FP32", [2, -1, 3])], max_batch_size=4)
    square = identity(("FP32", ("N", 4, 4)))
    reshape = "reshape { shape: [4, 4] }"
    write_model(repository, "reshaped", square, _one_port("FP32", "[16]", max_batch_size=8, extra=reshape))
    column = identity(("FP32", ("N",)))
    write_model(repository, "row_scalar", column, _one_port("FP32", "[1]", max_batch_size=8, extra="reshape {}"))
    write_model(repository, "scalar", identity(("FP32", ())), _one_port("FP32", "[1]"))


def _write_versions(repository: Path) -> None:
    policies = {
        "versions_all": ((1, 3), "all {}"),
        "versions_latest": ((1, 2, 5), "latest { num_versions: 2 }"),
        "versions_specific": ((1, 2), "specific { versions: [1] }"),
    }
    for name, (versions, policy) in policies.items():
        config = f"{_one_port('FP32', '[2]', max_batch_size=4)}\nversion_policy {{ {policy} }}\n"
        for version in versions:
            made = _adder(float(version))
            write_model(repository, name, made, config if version == versions[0] else None, version=version)


def _write_peculiar(repository: Path) -> None:
    picker = (
        'input { name: "index" data_type: TYPE_INT64 dims: 1 } output { name: "value" data_type: TYPE_FP32 dims: 1 }'
    )
    config = f'backend: "onnxruntime" max_batch_size: 4 {picker} {ONE_INSTANCE}'
    write_model(repository, "picker", onnx_models.picker(), config)
    bias = numpy_helper.from_array(np.array([10.0, 20.0], np.float32), "bias")
    nodes = [helper.make_node("Add", ["x", "bias"], ["y"])]
    made = model(nodes, [tensor("x", "FP32", (2,)), tensor("bias", "FP32", (2,))], [tensor("y", "FP32", (2,))], [bias])
    config = (
        'backend: "onnxruntime" input { name: "x" data_type: TYPE_FP32 dims: 2 } '
        'input { name: "bias" data_type: TYPE_FP32 dims: 2 optional: true } '
        f'output {{ name: "y" data_type: TYPE_FP32 dims: 2 }} {ONE_INSTANCE}'
    )
    write_model(repository, "optional", made, config)
    write_model(repository, "auto_table", identity(("INT32", (2, 3))))


def _write_identity(
    repository: Path, name: str, ports: Sequence[tuple[str, Sequence[int]]], *, max_batch_size: int = 0
) -> None:
    graph_ports = [
        (datatype, (*(("N",) if max_batch_size else ()), *_graph_dims(dims, index)))
        for index, (datatype, dims) in enumerate(ports)
    ]
    config = ports_config(ports, max_batch_size=max_batch_size, extra=ONE_INSTANCE)
    write_model(repository, name, identity(*graph_ports), config)


def _graph_dims(dims: Sequence[int], port: int) -> tuple[int | str, ...]:
    return tuple(f"d{port}_{axis}" if dim == -1 else dim for axis, dim in enumerate(dims))


def _one_port(datatype: str, dims: str, *, max_batch_size: int = 0, extra: str = "") -> str:
    row = f"data_type: {datatypes.BY_NAME[datatype].config_name} dims: {dims} {extra}"
    return (
        f'backend: "onnxruntime"\nmax_batch_size: {max_batch_size}\n'
        f'input {{ name: "i0" {row} }}\noutput {{ name: "o0" {row} }}\n{ONE_INSTANCE}'
    )


def _adder(amount: float) -> object:
    nodes = [helper.make_node("Add", ["i0", "amount"], ["o0"])]
    constant = numpy_helper.from_array(np.array(amount, np.float32), "amount")
    return model(nodes, [tensor("i0", "FP32", ("N", 2))], [tensor("o0", "FP32", ("N", 2))], [constant])
