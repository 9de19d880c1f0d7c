"""Configurations and graphs that are refused, or that this version of naiad does not serve."""

from __future__ import annotations

from tests.conformance.triton.folders.folder import ONE, TABLE_CONFIG, TINY_CONFIG, Folder, X, Y, table

_BATCHING = TINY_CONFIG + " dynamic_batching"


def _instead(part: str, other: str) -> str:
    assert part in TINY_CONFIG
    return TINY_CONFIG.replace(part, other)


TEXT = (
    Folder("text_unknown_field", TINY_CONFIG + " zzz: 1"),
    Folder("text_unknown_enum", _instead("TYPE_FP32", "TYPE_FLOAT")),
    Folder("text_lower_enum", _instead("TYPE_FP32", "type_fp32")),
    Folder("text_enum_quoted", _instead("TYPE_FP32", '"TYPE_FP32"')),
    Folder("text_brace_missing", TINY_CONFIG + " dynamic_batching {"),
    Folder("text_brace_extra", TINY_CONFIG + " }"),
    Folder("text_colon_missing", _instead("max_batch_size: 8", "max_batch_size 8")),
    Folder("text_value_missing", _instead("max_batch_size: 8", "max_batch_size:")),
    Folder("text_string_for_number", _instead("max_batch_size: 8", 'max_batch_size: "8"')),
    Folder("text_number_for_string", _instead('"onnxruntime"', "1")),
    Folder("text_float_for_number", _instead("max_batch_size: 8", "max_batch_size: 8.5")),
    Folder("text_number_large", _instead("max_batch_size: 8", "max_batch_size: 99999999999")),
    Folder("text_field_twice", TINY_CONFIG + " max_batch_size: 4"),
    Folder("text_string_open", TINY_CONFIG + ' name: "zz'),
    Folder("text_json", '{ "backend": "onnxruntime" }'),
    Folder("text_words", "hello there"),
    Folder("text_capital", _instead("max_batch_size", "Max_Batch_Size")),
    Folder("text_oneof_twice", TINY_CONFIG + " dynamic_batching {} sequence_batching {}"),
    Folder("text_boolean", _BATCHING + " { preserve_ordering: yes }"),
)
"""Not a `ModelConfig` in text format."""

BASICS = (
    Folder("name_other", TINY_CONFIG + ' name: "other"'),
    Folder("backend_unknown", _instead('"onnxruntime"', '"zzz"')),
    Folder("platform_unknown", _instead("backend:", "platform:").replace('"onnxruntime"', '"zzz"')),
    Folder("platform_mismatch", TINY_CONFIG + ' platform: "pytorch_libtorch"'),
    Folder("platform_mismatch_unknown", TINY_CONFIG + ' platform: "zzz"'),
    Folder("batch_negative", _instead("max_batch_size: 8", "max_batch_size: -1")),
    Folder("policy_absent", TINY_CONFIG + " version_policy { specific { versions: [9] } }"),
    Folder("policy_partly_absent", TINY_CONFIG + " version_policy { specific { versions: [1, 9] } }"),
    Folder("policy_latest_0", TINY_CONFIG + " version_policy { latest { num_versions: 0 } }"),
    Folder("policy_none_specific", TINY_CONFIG + " version_policy { specific {} }"),
    Folder("policy_negative", TINY_CONFIG + " version_policy { specific { versions: [-1] } }"),
    Folder("group_gpu", _instead("KIND_CPU", "KIND_GPU")),
    Folder("group_cpu_with_gpus", _instead("count: 1", "count: 1 gpus: [0]")),
    Folder("group_auto_with_gpus", _instead("KIND_CPU count: 1", "KIND_AUTO count: 1 gpus: [0]")),
    Folder("group_model_with_gpus", _instead("KIND_CPU count: 1", "KIND_MODEL count: 1 gpus: [0]")),
    Folder("group_negative", _instead("count: 1", "count: -1")),
    Folder("group_passive", _instead("count: 1", "count: 1 passive: true")),
    Folder("preferred_large", _BATCHING + " { preferred_batch_size: [9] }"),
    Folder("preferred_0", _BATCHING + " { preferred_batch_size: [0] }"),
    Folder("preferred_negative", _BATCHING + " { preferred_batch_size: [-3] }"),
    Folder("priority_default_missing", _BATCHING + " { priority_levels: 2 }"),
    Folder("priority_default_large", _BATCHING + " { priority_levels: 2 default_priority_level: 3 }"),
    Folder(
        "priority_policy_large",
        _BATCHING + " { priority_levels: 2 default_priority_level: 1 priority_queue_policy { key: 3 value {} } }",
    ),
    Folder(
        "priority_policy_0",
        _BATCHING + " { priority_levels: 2 default_priority_level: 1 priority_queue_policy { key: 0 value {} } }",
    ),
    Folder("priority_without_levels", _BATCHING + " { default_priority_level: 1 }"),
    Folder(
        "ordered_priorities", _BATCHING + " { preserve_ordering: true priority_levels: 2 default_priority_level: 1 }"
    ),
    Folder(
        "ordered_delay",
        _BATCHING
        + " { preserve_ordering: true default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 9 } }",
    ),
    table("preferred_without_batch", TABLE_CONFIG + " dynamic_batching { preferred_batch_size: [1] }"),
)
"""Fields that contradict each other, or what there is."""

TENSORS = (
    Folder("input_without_name", _instead('name: "x" ', "")),
    Folder("input_without_type", _instead(X, 'input { name: "x" dims: 16 }')),
    Folder("input_type_invalid", _instead(X, 'input { name: "x" data_type: TYPE_INVALID dims: 16 }')),
    Folder("input_without_dims", _instead("dims: 16 ", "")),
    Folder("input_dims_0", _instead("dims: 16", "dims: 0")),
    Folder("input_dims_minus_2", _instead("dims: 16", "dims: -2")),
    Folder("output_without_name", _instead('name: "y" ', "")),
    Folder("output_without_type", _instead(Y, 'output { name: "y" dims: 4 }')),
    Folder("output_without_dims", _instead("dims: 4 ", "")),
    Folder("output_dims_0", _instead("dims: 4", "dims: 0")),
    Folder("input_twice", TINY_CONFIG + f" {X}"),
    Folder("input_unknown", _instead('"x"', '"zz"')),
    Folder("input_unknown_more", TINY_CONFIG + ' input { name: "zz" data_type: TYPE_FP32 dims: 1 }'),
    Folder("output_unknown", _instead('"y"', '"zz"')),
    Folder("input_type_other", _instead(X, X.replace("FP32", "INT32"))),
    Folder("input_dims_other", _instead("dims: 16", "dims: 17")),
    Folder("input_rank_other", _instead("dims: 16", "dims: [4, 4]")),
    Folder("input_optional", _instead("dims: 16", "dims: 16 optional: true")),
    Folder("reshape_size", _instead("dims: 16", "dims: 16 reshape { shape: [5] }")),
    Folder("reshape_0", _instead("dims: 16", "dims: 16 reshape { shape: [0] }")),
    Folder("reshape_empty_many", _instead("dims: 16", "dims: 16 reshape {}")),
    Folder("reshape_open", _instead("dims: 16", "dims: [-1, 2] reshape { shape: [-1, -1] }")),
    Folder("reshape_open_size", _instead("dims: 16", "dims: [-1, 2] reshape { shape: [3, -1] }")),
    table("reshape_empty_table", TABLE_CONFIG.replace("dims: [2, 3]", "dims: [1] reshape {}")),
    Folder("format_dims", _instead("dims: 16", "dims: 16 format: FORMAT_NCHW")),
    Folder("shape_tensor", _instead("dims: 16", "dims: 16 is_shape_tensor: true")),
    Folder("non_linear", _instead("dims: 16", "dims: 16 is_non_linear_format_io: true")),
    Folder("labels_absent", _instead("dims: 4", 'dims: 4 label_filename: "zz.txt"')),
    Folder("labels_outside", _instead("dims: 4", 'dims: 4 label_filename: "../zz.txt"')),
    table("table_batched", TABLE_CONFIG + " max_batch_size: 2"),
    table("table_batch_said", f"max_batch_size: 2 {ONE}"),
    table("table_wild_dims", TABLE_CONFIG.replace("dims: [2, 3]", "dims: [-1, 3]")),
    table("table_dims_other", TABLE_CONFIG.replace("[2, 3]", "[3, 2]")),
)
"""Tensors that are incomplete, or not the graph's."""

FEATURES = (
    Folder(
        "batch_input_source",
        TINY_CONFIG
        + ' batch_input { kind: BATCH_ELEMENT_COUNT target_name: "c" data_type: TYPE_FP32 source_input: "zz" }',
    ),
    Folder(
        "batch_input_none",
        TINY_CONFIG + ' batch_input { kind: BATCH_ELEMENT_COUNT target_name: "c" data_type: TYPE_FP32 }',
    ),
    Folder(
        "batch_input_type",
        TINY_CONFIG
        + ' batch_input { kind: BATCH_ELEMENT_COUNT target_name: "c" data_type: TYPE_BOOL source_input: "x" }',
    ),
    Folder(
        "batch_output_target",
        TINY_CONFIG + ' batch_output { kind: BATCH_SCATTER_WITH_INPUT_SHAPE target_name: "zz" source_input: "x" }',
    ),
    Folder("cache_sequence", TINY_CONFIG + " response_cache { enable: true } sequence_batching {}"),
    Folder(
        "cache_decoupled", TINY_CONFIG + " response_cache { enable: true } model_transaction_policy { decoupled: true }"
    ),
    Folder("ensemble_no_scheduling", 'platform: "ensemble" max_batch_size: 8 ' + X + Y),
    Folder("ensemble_no_step", f'platform: "ensemble" {X} {Y} ensemble_scheduling {{}}'),
    Folder("ensemble_no_platform", TINY_CONFIG + " ensemble_scheduling { step {} }"),
    Folder(
        "ensemble_backend", f'platform: "ensemble" backend: "onnxruntime" {X} {Y} ensemble_scheduling {{ step {{}} }}'
    ),
    Folder("ensemble_no_model", f'platform: "ensemble" {X} {Y} ensemble_scheduling {{ step {{}} }}'),
    Folder("ensemble_no_map", f'platform: "ensemble" {X} {Y} ensemble_scheduling {{ step {{ model_name: "plain" }} }}'),
    Folder(
        "ensemble_unused",
        f'platform: "ensemble" {X} {Y} ensemble_scheduling {{ step {{ model_name: "plain" '
        'input_map { key: "x" value: "t" } output_map { key: "y" value: "y" } } }',
    ),
    Folder(
        "ensemble_group",
        f'platform: "ensemble" {X} {Y} {ONE} ensemble_scheduling {{ step {{ model_name: "plain" '
        'input_map { key: "x" value: "x" } output_map { key: "y" value: "y" } } }',
    ),
    Folder("sequence_control_empty", TINY_CONFIG + ' sequence_batching { control_input { name: "s" } }'),
    Folder(
        "sequence_control_nameless",
        TINY_CONFIG
        + " sequence_batching { control_input { control { kind: CONTROL_SEQUENCE_START int32_false_true: [0, 1] } } }",
    ),
    Folder(
        "sequence_control_halves",
        TINY_CONFIG + ' sequence_batching { control_input { name: "s" '
        "control { kind: CONTROL_SEQUENCE_START int32_false_true: [0] } } }",
    ),
    Folder(
        "sequence_preferred",
        TINY_CONFIG + " sequence_batching { oldest { max_candidate_sequences: 4 preferred_batch_size: [9] } }",
    ),
    Folder(
        "warmup_open",
        TINY_CONFIG + ' model_warmup { name: "w" batch_size: 1 '
        'inputs { key: "x" value { data_type: TYPE_FP32 dims: -1 zero_data: true } } }',
    ),
    Folder(
        "warmup_no_data",
        TINY_CONFIG
        + ' model_warmup { name: "w" batch_size: 1 inputs { key: "x" value { data_type: TYPE_FP32 dims: 16 } } }',
    ),
)
"""What is asked for beyond tensors and batches, wrongly."""

FOLDERS = (*TEXT, *BASICS, *TENSORS, *FEATURES)

GRAPH_REFUSES = (
    *("input_twice", "input_unknown", "input_unknown_more", "input_type_other", "input_dims_other", "input_rank_other"),
    *("input_optional", "output_unknown", "table_batched", "table_dims_other", "table_wild_dims"),
)
"""Those whose configuration is well in itself and not the graph's."""
