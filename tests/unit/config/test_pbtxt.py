"""config.pbtxt and configuration JSON are read strictly, and a refusal says where and what."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.config import pbtxt
from naiad.config.model_config import ModelConfig
from naiad.errors import ConfigError

DENSENET = """
name: "densenet_onnx"
platform: "onnxruntime_onnx"
max_batch_size : 0
input [
  {
    name: "data_0"  # the picture
    data_type: TYPE_FP32
    format: FORMAT_NCHW
    dims: [ 3, 224, 224 ]
    reshape { shape: [ 1, 3, 224, 224 ] }
  }
]
output [ { name: "fc6_1" data_type: TYPE_FP32 dims: [ 1000 ] label_filename: 'labels' ".txt" } ]
version_policy: { latest { num_versions: 2 }}
parameters: { key: "a" value: { string_value: "b" } }
"""


def _complaint(read: Callable[[], object]) -> str | None:
    try:
        read()
    except ConfigError as error:
        return error.message
    return None


def test_a_written_configuration_is_read() -> None:
    config = pbtxt.parse(DENSENET, source="config.pbtxt")
    (picture,), (classes,) = config.input, config.output
    assert (config.name, config.platform, config.max_batch_size) == ("densenet_onnx", "onnxruntime_onnx", 0)
    assert (picture.name, list(picture.dims), list(picture.reshape.shape)) == (
        "data_0",
        [3, 224, 224],
        [1, 3, 224, 224],
    )
    assert classes.label_filename == "labels.txt"
    assert config.version_policy.latest.num_versions == 2
    assert config.parameters["a"].string_value == "b"


@pytest.mark.parametrize("text", ["", b"", "# nothing\n", "\ufeff", b"\xef\xbb\xbf# nothing"])
def test_nothing_is_an_empty_configuration(text: str | bytes) -> None:
    assert pbtxt.parse(text, source="config.pbtxt") == ModelConfig()


@pytest.mark.parametrize(
    ("text", "line", "what", "hint"),
    [
        (
            'name: "m"\nmax_batchsize: 3',
            2,
            'Message type "inference.ModelConfig" has no field named "max_batchsize".',
            "did you mean 'max_batch_size'?",
        ),
        (
            "input {\n\n  zzz: 1\n}",
            3,
            'Message type "inference.ModelInput" has no field named "zzz".',
            "expected one of: " + ", ".join(field.name for field in ModelConfig().input.add().DESCRIPTOR.fields),
        ),
        (
            "input { data_type: FP32 }",
            1,
            'Enum type "inference.DataType" has no value named FP32.',
            "did you mean 'TYPE_FP32'?",
        ),
        (
            "instance_group { kind: ABC }",
            1,
            'Enum type "inference.ModelInstanceGroup.Kind" has no value named ABC.',
            "expected one of: KIND_AUTO, KIND_GPU, KIND_CPU, KIND_MODEL",
        ),
        ("input [\n{ dims: [1,] } ]", 2, "Couldn't parse integer: ]", None),
        ("max_batch_size: 99999999999", 1, "Value out of range: 99999999999", None),
        (
            'name: "a"\n\nname: "b"',
            3,
            'Message type "inference.ModelConfig" should not have multiple "name" fields.',
            None,
        ),
        (b'name: "a"\n\n\xff', 3, "byte 0xff is not UTF-8 text", None),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str | bytes, line: int, what: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        pbtxt.parse(text, source="m/config.pbtxt")
    assert caught.value.message == f"m/config.pbtxt:{line}: {what}"
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    "quoted",
    ["Message type 'x.Y' has no field named 'z'".replace("'", '"'), 'Enum type "x.Y" has no value named Z'],
)
def test_a_complaint_inside_a_value_gets_no_hint(quoted: str) -> None:
    with pytest.raises(ConfigError) as caught:
        pbtxt.parse(f"max_batch_size: '{quoted}'", source="config.pbtxt")
    assert caught.value.hint is None


def test_two_schedulers_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r'^c:2: Field "sequence_batching" is specified along with field "dynamic_bat'
    ):
        pbtxt.parse("dynamic_batching {}\nsequence_batching {}", source="c")


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "name: " + "'" * 99_999, "[" * 100_000, "max_batch_size: " + "9" * 9999]
)
def test_a_refusal_stays_short(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        pbtxt.parse(text, source="config.pbtxt")
    assert len(caught.value.message) < 500


@given(st.text() | st.binary() | st.text(alphabet='name: "{}[]<>,;#\\\n01x'))
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    complaint = _complaint(lambda: pbtxt.parse(text, source="config.pbtxt"))
    assert complaint is None or complaint.startswith("config.pbtxt:")


@pytest.mark.parametrize(
    "document",
    [
        {"max_batch_size": 2, "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [-1, 4]}]},
        {"maxBatchSize": 2, "input": [{"name": "x", "dataType": "TYPE_FP32", "dims": ["-1", "4"]}]},
        {"max_batch_size": "2", "input": [{"name": "x", "data_type": "type_fp32", "dims": [-1, 4]}]},
        {"max_batch_size": 2.0, "input": [{"name": "x", "data_type": "tYpE-fp32", "dims": [-1, 4]}], "output": None},
        {"max_batch_size": 2, "input": [{"name": "x", "data_type": 11, "dims": [-1, 4]}]},
    ],
)
def test_json_has_several_spellings(document: object) -> None:
    expected = 'max_batch_size: 2 input { name: "x" data_type: TYPE_FP32 dims: [-1, 4] }'
    assert pbtxt.parse_json(json.dumps(document), source="json") == pbtxt.parse(expected, source="text")


def test_json_enums_have_any_case_inside_maps_too() -> None:
    document = b'{"model_warmup": [{"inputs": {"x": {"data_type": "type_int8"}}}]}'
    expected = 'model_warmup { inputs { key: "x" value { data_type: TYPE_INT8 } } }'
    assert pbtxt.parse_json(document, source="json") == pbtxt.parse(expected, source="text")


@pytest.mark.parametrize(
    ("text", "complaint", "hint"),
    [
        (
            '{"nme": "a"}',
            'override: Message type "inference.ModelConfig" has no field named "nme" at "ModelConfig"',
            "did you mean 'name'?",
        ),
        (
            '{"input": [{}, {"data_type": "fp32"}]}',
            "override: input.data_type: Invalid enum value fp32 for enum type inference.DataType",
            "did you mean 'TYPE_FP32'?",
        ),
        ('{"max_batch_size": 99999999999}', "override: max_batch_size: Value out of range: 99999999999", None),
        ('{"input": [{"data_type": 1e999}]}', "override: cannot convert float infinity to integer", None),
        ('{"name": "a", "name": "b"}', "override: field 'name' is given more than once", None),
        ('{\n"name" "a"}', "override:2: Expecting ':' delimiter", None),
        ("[]", "override: expected an object for inference.ModelConfig, got []", None),
        ('{"input": [3]}', "override: expected an object for inference.ModelInput, got 3", None),
        ('{"name": "\\ud800"}', "override: a string holds half of a surrogate pair", None),
        ("[" * 100_000, "override: nested too deeply", None),
        (
            '{"max_batch_size": ' + "9" * 5000 + "}",
            "override: Exceeds the limit (4300 digits) for integer string",
            None,
        ),
    ],
)
def test_a_json_mistake_is_named(text: str, complaint: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        pbtxt.parse_json(text, source="override")
    assert caught.value.message.startswith(complaint)
    assert caught.value.hint == hint


@pytest.mark.parametrize("value", ["1", '"x"', "[1]", "{}", "null", "true", "1.5", "1e999", "NaN", '"\\ud800"'])
@pytest.mark.parametrize("field", ["name", "max_batch_size", "input", "dynamic_batching", "parameters", "metric_tags"])
def test_a_json_value_of_the_wrong_type_is_refused_not_raised(field: str, value: str) -> None:
    complaint = _complaint(lambda: pbtxt.parse_json(f'{{"{field}": {value}}}', source="json"))
    assert complaint is None or complaint.startswith("json: ")


_NAMES = st.sampled_from(
    ["name", "input", "dims", "data_type", "parameters", "model_warmup", "inputs", "versionPolicy"]
)
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
)


@given(st.dictionaries(_NAMES, _DOCUMENTS, max_size=3))
def test_any_json_is_read_or_refused(document: object) -> None:
    complaint = _complaint(lambda: pbtxt.parse_json(json.dumps(document), source="json"))
    assert complaint is None or complaint.startswith("json: ")
