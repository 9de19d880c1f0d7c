"""Configurations that are completed, normalised and served."""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper

from tests.conformance.triton.folders.folder import ONE, TABLE_CONFIG, TINY, TINY_CONFIG, Folder, X, Y, table
from tests.support import onnx_models

_BATCHING = TINY_CONFIG + " dynamic_batching"


def _scalars(dims: tuple[str, ...]) -> bytes:
    return bytes(onnx_models.identity(("FP32", dims)).SerializeToString())


def _with_default() -> bytes:
    """x FP32[2] and a bias that has a default → y."""
    bias = numpy_helper.from_array(np.array([1.0, 2.0], np.float32), "bias")
    tensors = [onnx_models.tensor(name, "FP32", (2,)) for name in ("x", "bias", "y")]
    made = onnx_models.model([helper.make_node("Add", ["x", "bias"], ["y"])], tensors[:2], tensors[2:], [bias])
    return bytes(made.SerializeToString())


COMPLETED = (
    Folder("no_file", None),
    Folder("empty_file", ""),
    Folder("name_only", 'name: "name_only"'),
    Folder("backend_only", 'backend: "onnxruntime"'),
    Folder("platform_only", 'platform: "onnxruntime_onnx"'),
    Folder("input_only", f'backend: "onnxruntime" {X} {ONE}'),
    Folder("output_only", f'backend: "onnxruntime" {Y} {ONE}'),
    Folder("batch_of_1", f"max_batch_size: 1 {ONE}"),
    Folder("batch_of_8", f"max_batch_size: 8 {ONE}"),
    Folder("no_batch_said", f"max_batch_size: 0 {ONE}"),
    Folder(
        "no_batch_given",
        f'max_batch_size: 0 {ONE} input {{ name: "x" data_type: TYPE_FP32 dims: [-1, 16] }} '
        'output { name: "y" data_type: TYPE_FP32 dims: [-1, 4] }',
    ),
    Folder("tensors_only", f"{X} {Y} {ONE} max_batch_size: 2"),
    table("table_no_file", None),
    table("table_input_only", f'{ONE} input {{ name: "i0" data_type: TYPE_INT32 dims: [2, 3] }}'),
    Folder("scalar_rows", ONE, {"1/model.onnx": _scalars(("N",))}),
    Folder("one_scalar", ONE, {"1/model.onnx": _scalars(())}),
    Folder("named_dims", ONE, {"1/model.onnx": _scalars(("N", "width", "height"))}),
    Folder("input_with_default", ONE, {"1/model.onnx": _with_default()}),
    Folder("file_named", f'default_model_filename: "net.onnx" {ONE}', {"1/net.onnx": TINY}),
    Folder(
        "file_named_backend", f'backend: "onnxruntime" default_model_filename: "net.onnx" {ONE}', {"1/net.onnx": TINY}
    ),
    Folder("two_files", ONE, {"1/model.onnx": TINY, "1/model.pt": b""}),
)
"""What is left out of the file is found in the graph."""

NORMALISED = (
    Folder("plain"),
    Folder(
        "policy_latest_2",
        f"{TINY_CONFIG} version_policy {{ latest {{ num_versions: 2 }} }}",
        {"1/model.onnx": TINY, "2/model.onnx": TINY, "7/model.onnx": TINY},
    ),
    Folder(
        "policy_specific",
        f"{TINY_CONFIG} version_policy {{ specific {{ versions: [2, 1] }} }}",
        {"1/model.onnx": TINY, "2/model.onnx": TINY, "7/model.onnx": TINY},
    ),
    Folder("batching_preferred", f"{_BATCHING} {{ preferred_batch_size: [4, 2, 8] }}"),
    Folder(
        "batching_policies",
        f"{_BATCHING} {{ priority_levels: 10 default_priority_level: 2 "
        "default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 5 max_queue_size: 3 } "
        "priority_queue_policy { key: 10 value { allow_timeout_override: true } } "
        "priority_queue_policy { key: 2 value { default_timeout_microseconds: 7 } } }",
    ),
    Folder("groups_none", TINY_CONFIG.replace(ONE, "")),
    Folder("group_cpu", TINY_CONFIG.replace(ONE, "instance_group { kind: KIND_CPU }")),
    Folder("group_auto", TINY_CONFIG.replace(ONE, "instance_group { kind: KIND_AUTO count: 1 }")),
    Folder("group_model", TINY_CONFIG.replace(ONE, "instance_group { kind: KIND_MODEL count: 1 }")),
    Folder("group_named", TINY_CONFIG.replace(ONE, 'instance_group { name: "fast" kind: KIND_CPU count: 1 }')),
    Folder("groups_two", f'{TINY_CONFIG} instance_group {{ name: "more" count: 1 kind: KIND_CPU }}'),
    Folder("group_profile", TINY_CONFIG.replace(ONE, 'instance_group { kind: KIND_CPU count: 1 profile: ["1"] }')),
    Folder(
        "group_limited",
        TINY_CONFIG.replace(
            ONE,
            "instance_group { kind: KIND_CPU count: 1 rate_limiter { priority: 2 "
            'resources { name: "R" count: 4 global: true } resources { name: "S" count: 1 } } }',
        ),
    ),
    Folder("optimization_pinned", f"{TINY_CONFIG} optimization {{ input_pinned_memory {{ enable: false }} }}"),
    Folder(
        "optimization_cuda",
        f"{TINY_CONFIG} optimization {{ cuda {{ graphs: true busy_wait_events: true output_copy_stream: true }} }}",
    ),
    Folder(
        "many_fields",
        f'{TINY_CONFIG} cc_model_filenames {{ key: "7.5" value: "model.onnx" }} response_cache {{ enable: false }} '
        "optimization { priority: PRIORITY_MAX graph { level: 1 } eager_batching: true "
        "gather_kernel_buffer_threshold: 5 } "
        "dynamic_batching { max_queue_delay_microseconds: 12345678901 preserve_ordering: true } "
        "model_transaction_policy { decoupled: false } model_operations {} version_policy { all {} } "
        'metric_tags { key: "b" value: "2" } metric_tags { key: "a" value: "1" }',
    ),
    Folder(
        "parameters",
        f'{TINY_CONFIG} parameters {{ key: "b" value {{ string_value: "2" }} }} '
        'parameters { key: "a" value { string_value: "" } } parameters { key: "c" value {} }',
    ),
    Folder(
        "labels",
        TINY_CONFIG.replace("dims: 4", 'dims: 4 label_filename: "l.txt"'),
        {"1/model.onnx": TINY, "l.txt": b"a\nb\n"},
    ),
    Folder("runtime_named", f'{TINY_CONFIG} runtime: "model.py"'),
    table("table_reshaped", TABLE_CONFIG.replace("dims: [2, 3]", "dims: [6] reshape { shape: [2, 3] }")),
    table("table_group_cpu", TABLE_CONFIG.replace("count: 1", "")),
    Folder(
        "image_format",
        'backend: "onnxruntime" max_batch_size: 2 '
        'input { name: "i0" data_type: TYPE_FP32 format: FORMAT_NCHW dims: [3, -1, -1] } '
        f'output {{ name: "o0" data_type: TYPE_FP32 dims: [-1, -1, -1] }} {ONE}',
        {"1/model.onnx": _scalars(("N", "c", "h", "w"))},
    ),
)
"""What is in the file is shown with its defaults."""

WRITTEN = (
    Folder(
        "text_separators",
        TINY_CONFIG.replace("dims: 16", "dims: 16,").replace(" max_batch_size: 8", "; max_batch_size: 8,"),
    ),
    Folder(
        "text_colons_and_quotes",
        TINY_CONFIG.replace("input {", "input: {").replace('"onnxruntime"', "\"onnx\" 'runtime'"),
    ),
    Folder(
        "text_spaces",
        f"# first\r\n{TINY_CONFIG}".replace(" max", " # why\n\tmax").replace(": ", ":").replace(" {", "{"),
    ),
    Folder("text_angles", TINY_CONFIG.replace("{", "<").replace("}", ">")),
    Folder("text_list", TINY_CONFIG.replace(X, f"input [ {X.removeprefix('input ')} ]")),
    Folder("text_escapes", TINY_CONFIG + r' parameters { key: "\x61\142\u00e9\n\"" value { string_value: "\t€" } }'),
    Folder(
        "text_numbers", TINY_CONFIG.replace("max_batch_size: 8", "max_batch_size: 0x8").replace("dims: 16", "dims: 020")
    ),
    Folder("text_enum_number", TINY_CONFIG.replace("TYPE_FP32", "11")),
    Folder(
        "text_booleans", f"{TINY_CONFIG} dynamic_batching {{ preserve_ordering: True }} response_cache {{ enable: f }}"
    ),
)
"""Ways to write a text-format message."""

FOLDERS = (*COMPLETED, *NORMALISED, *WRITTEN)
