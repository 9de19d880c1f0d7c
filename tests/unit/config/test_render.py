"""The JSON of the configuration route, byte for byte as Triton writes it (triton.md §3.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from naiad.config import pbtxt
from naiad.config.normalize import normalize
from naiad.config.render import config_json

INT64_MAX = 2**63 - 1
UINT64_MAX = 2**64 - 1


def _document(text: str) -> Any:
    return json.loads(config_json(pbtxt.parse(text, source="config.pbtxt")))


def test_what_nobody_set_is_shown_or_left_out() -> None:
    config = pbtxt.parse('name: "m" backend: "python" default_model_filename: "model.py"', source="config.pbtxt")
    normalize(config)
    assert config_json(config) == (
        b'{"name":"m","platform":"","backend":"python","runtime":"","version_policy":{"latest":{"num_versions":1}},'
        b'"max_batch_size":0,"input":[],"output":[],"batch_input":[],"batch_output":[],"optimization":{"priority":'
        b'"PRIORITY_DEFAULT","input_pinned_memory":{"enable":true},"output_pinned_memory":{"enable":true},'
        b'"gather_kernel_buffer_threshold":0,"eager_batching":false},"instance_group":[{"name":"m","kind":"KIND_CPU",'
        b'"count":1,"gpus":[],"secondary_devices":[],"profile":[],"passive":false,"host_policy":""}],'
        b'"default_model_filename":"model.py","cc_model_filenames":{},"metric_tags":{},"parameters":{},'
        b'"model_warmup":[]}'
    )


def test_tensors() -> None:
    text = 'input { name: "x" data_type: TYPE_FP32 dims: [-1, 16] } output { name: "é" reshape { } }'
    assert (
        b'"input":[{"name":"x","data_type":"TYPE_FP32","format":"FORMAT_NONE","dims":[-1,16],"is_shape_tensor":false,'
        b'"allow_ragged_batch":false,"optional":false,"is_non_linear_format_io":false}],"output":[{"name":"\xc3\xa9",'
        b'"data_type":"TYPE_INVALID","dims":[],"reshape":{"shape":[]},"label_filename":"","is_shape_tensor":false,'
        b'"is_non_linear_format_io":false}]' in config_json(pbtxt.parse(text, source="config.pbtxt"))
    )


def test_dynamic_batching() -> None:
    text = 'name: "m" dynamic_batching { max_queue_delay_microseconds: 42 }'
    assert (
        b'"dynamic_batching":{"preferred_batch_size":[],"max_queue_delay_microseconds":42,"preserve_ordering":false,'
        b'"priority_levels":0,"default_priority_level":0,"priority_queue_policy":{}},"instance_group":[]'
        in config_json(pbtxt.parse(text, source="config.pbtxt"))
    )


@pytest.mark.parametrize(
    ("text", "path", "shown"),
    [
        (f"input {{ dims: {INT64_MAX} }}", ("input", 0, "dims"), [INT64_MAX]),
        (f"output {{ dims: {-(2**63)} }}", ("output", 0, "dims"), [-(2**63)]),
        (f"input {{ reshape {{ shape: {INT64_MAX} }} }}", ("input", 0, "reshape", "shape"), [INT64_MAX]),
        (
            f"version_policy {{ specific {{ versions: {INT64_MAX} }} }}",
            ("version_policy", "specific", "versions"),
            [INT64_MAX],
        ),
        *(
            (f"dynamic_batching {{ {field}: {UINT64_MAX} }}", ("dynamic_batching", field), UINT64_MAX)
            for field in ("max_queue_delay_microseconds", "priority_levels", "default_priority_level")
        ),
        (
            f"dynamic_batching {{ default_queue_policy {{ default_timeout_microseconds: {UINT64_MAX} }} }}",
            ("dynamic_batching", "default_queue_policy", "default_timeout_microseconds"),
            UINT64_MAX,
        ),
        (
            f"dynamic_batching {{ priority_queue_policy {{ key: {UINT64_MAX} value {{ }} }} }}",
            ("dynamic_batching", "priority_queue_policy", str(UINT64_MAX), "default_timeout_microseconds"),
            0,
        ),
        (
            f"sequence_batching {{ max_sequence_idle_microseconds: {UINT64_MAX} }}",
            ("sequence_batching", "max_sequence_idle_microseconds"),
            UINT64_MAX,
        ),
        *(
            (
                f"sequence_batching {{ {strategy} {{ max_queue_delay_microseconds: {UINT64_MAX} }} }}",
                ("sequence_batching", strategy, "max_queue_delay_microseconds"),
                UINT64_MAX,
            )
            for strategy in ("direct", "oldest")
        ),
        (
            f"sequence_batching {{ state {{ dims: {INT64_MAX} }} }}",
            ("sequence_batching", "state", 0, "dims"),
            [INT64_MAX],
        ),
        (
            "ensemble_scheduling { step { model_version: -1 } }",
            ("ensemble_scheduling", "step", 0, "model_version"),
            -1,
        ),
        (
            f'model_warmup {{ inputs {{ key: "x" value {{ dims: {INT64_MAX} }} }} }}',
            ("model_warmup", 0, "inputs", "x", "dims"),
            [INT64_MAX],
        ),
    ],
)
def test_64_bit_integers_are_numbers(text: str, path: tuple[str | int, ...], shown: object) -> None:
    value = _document(text)
    for key in path:
        value = value[key]
    assert value == shown


@pytest.mark.parametrize(
    ("text", "path", "shown"),
    [
        (
            "sequence_batching { state { initial_state { dims: [1, 2] } } }",
            ("sequence_batching", "state", 0, "initial_state", 0, "dims"),
            ["1", "2"],
        ),
        (
            'optimization { cuda { graph_spec { input { key: "x" value { dim: 7 } } } } }',
            ("optimization", "cuda", "graph_spec", 0, "input", "x", "dim"),
            ["7"],
        ),
        (
            'optimization { cuda { graph_spec { graph_lower_bound { input { key: "x" value { dim: 7 } } } } } }',
            ("optimization", "cuda", "graph_spec", 0, "graph_lower_bound", "input", "x", "dim"),
            ["7"],
        ),
        (
            f"instance_group {{ secondary_devices {{ device_id: {INT64_MAX} }} }}",
            ("instance_group", 0, "secondary_devices", 0, "device_id"),
            str(INT64_MAX),
        ),
    ],
)
def test_the_64_bit_integers_that_triton_forgets_are_strings(
    text: str, path: tuple[str | int, ...], shown: object
) -> None:
    value = _document(text)
    for key in path:
        value = value[key]
    assert value == shown


def test_the_scalar_of_a_oneof_comes_last() -> None:
    state = _document('sequence_batching { state { initial_state { zero_data: false name: "z" } } }')
    assert list(state["sequence_batching"]["state"][0]["initial_state"][0].items()) == [
        ("data_type", "TYPE_INVALID"),
        ("dims", []),
        ("name", "z"),
        ("zero_data", False),
    ]


def test_an_enum_number_without_a_name_stays_a_number() -> None:
    assert _document("instance_group { kind: 77 }")["instance_group"][0]["kind"] == 77


def test_maps_are_sorted() -> None:
    text = "".join(f'metric_tags {{ key: "{key}" value: "v" }}' for key in "cab")
    policies = "".join(f"priority_queue_policy {{ key: {key} value {{ }} }}" for key in (10, 9, 1))
    document = _document(f"{text} dynamic_batching {{ {policies} }}")
    assert list(document["metric_tags"]) == ["a", "b", "c"]
    assert list(document["dynamic_batching"]["priority_queue_policy"]) == ["1", "9", "10"]


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("0", "0"),
        ("-0.0", "0"),
        ("1", "1"),
        ("-2.5", "-2.5"),
        ("0.1", "0.1"),
        ("0.3333333", "0.333333313"),
        ("1e-5", "0.00001"),
        ("1e-6", "0.000001"),
        ("1e-7", "1e-7"),
        ("1.5e-9", "1.5e-9"),
        ("16777216", "16777216"),
        ("123456789", "123456792"),
        ("1e10", "10000000000.0"),
        ("1e20", "100000000000000000000.0"),
        ("1e21", "1e21"),
        ("3e38", "3e38"),
        ("inf", '"Infinity"'),
        ("-inf", '"-Infinity"'),
        ("nan", '"NaN"'),
    ],
)
def test_single_precision(number: str, shown: str) -> None:
    config = pbtxt.parse(
        f"sequence_batching {{ control_input {{ control {{ fp32_false_true: {number} }} }} }}", source="config.pbtxt"
    )
    assert f'"fp32_false_true":[{shown}]'.encode() in config_json(config)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("1", "1"),
        ("0.1", "0.1"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("1e300", "1e300"),
        ("5e15", "5000000000000000.0"),
    ],
)
def test_double_precision(number: str, shown: str) -> None:
    config = pbtxt.parse(
        f"model_metrics {{ metric_control {{ histogram_options {{ buckets: {number} }} }} }}", source="config.pbtxt"
    )
    assert f'"buckets":[{shown}]'.encode() in config_json(config)
