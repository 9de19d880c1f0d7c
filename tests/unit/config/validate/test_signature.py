"""A configuration against the graph that it describes (triton.md §3.5, last paragraph)."""

from __future__ import annotations

import pytest

from naiad.config import pbtxt
from naiad.config.autocomplete import complete_from_signature
from naiad.config.signature import ModelSignature, TensorSignature
from naiad.config.validate import validate_signature
from naiad.datatypes import BY_NAME
from naiad.errors import ConfigError, InternalError, NaiadError


def _tensor(name: str, *shape: int, datatype: str = "FP32") -> TensorSignature:
    return TensorSignature(name, BY_NAME[datatype], shape)


BATCHABLE = ModelSignature(
    inputs=(_tensor("INPUT0", -1, 16), _tensor("INPUT1", -1, -1, 3, datatype="BYTES")),
    outputs=(_tensor("OUTPUT0", -1, 16), _tensor("OUTPUT1", -1, -1)),
)
FIXED = ModelSignature(
    inputs=(_tensor("x", 2, -1),), outputs=(_tensor("y", -1), _tensor("s")), optional_inputs=(_tensor("w", 3),)
)
RAGGED = ModelSignature(inputs=(_tensor("x", -1), _tensor("n", 1)), outputs=(_tensor("y", -1, 1), _tensor("z", -1)))
SEQUENCE = ModelSignature(
    inputs=(
        _tensor("x", -1, 1),
        _tensor("START", -1, 1, datatype="INT32"),
        _tensor("ID", -1, 1, datatype="UINT64"),
        _tensor("STATE", -1, 2),
    ),
    outputs=(_tensor("y", -1, 1), _tensor("STATE_OUT", -1, 2)),
)

_IO = 'name: "INPUT0" data_type: TYPE_FP32'
_INPUTS = """
input { name: "INPUT0" data_type: TYPE_FP32 dims: 16 } input { name: "INPUT1" data_type: TYPE_STRING dims: [7, 3] }
"""
_OUTPUTS = 'output { name: "OUTPUT0" data_type: TYPE_FP32 dims: 16 }'
_X = 'input { name: "x" data_type: TYPE_FP32 dims: [2, 5] }'
_RAGGED_X = 'max_batch_size: 4 input { name: "x" data_type: TYPE_FP32 dims: -1 allow_ragged_batch: true }'
_BATCH_INPUT = 'batch_input { target_name: "n" data_type: TYPE_FP32 source_input: "x" }'
_SEQUENCE_X = 'max_batch_size: 4 input { name: "x" data_type: TYPE_FP32 dims: 1 }'
_START = 'control_input { name: "START" control { kind: CONTROL_SEQUENCE_START int32_false_true: [0, 1] } }'
_ID = 'control_input { name: "ID" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 } }'
_STATE = 'state { input_name: "STATE" output_name: "STATE_OUT" data_type: TYPE_FP32 dims: 2 }'


def _refusal(text: str, signature: ModelSignature) -> NaiadError | None:
    config = pbtxt.parse(f'name: "m" {text}', source="config.pbtxt")
    try:
        validate_signature(config, signature)
    except NaiadError as error:
        return error
    return None


@pytest.mark.parametrize("signature", [BATCHABLE, FIXED, ModelSignature((_tensor("x", -1),), (_tensor("y", -1),))])
def test_what_is_completed_from_a_graph_fits_it(signature: ModelSignature) -> None:
    config = pbtxt.parse("", source="config.pbtxt")
    complete_from_signature(config, signature)
    validate_signature(config, signature)


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        pytest.param(f"max_batch_size: 8 {_INPUTS} {_OUTPUTS}", BATCHABLE, id="batching, one output left out"),
        pytest.param(
            f"max_batch_size: 8 {_INPUTS} output {{ name: 'OUTPUT0' data_type: TYPE_FP32 dims: [4, 4] "
            "reshape { shape: 16 } }",
            BATCHABLE,
            id="the reshape counts",
        ),
        pytest.param(_X, FIXED, id="open dimensions of an input take any size"),
        pytest.param(
            f'{_X} input {{ name: "w" data_type: TYPE_FP32 dims: 3 optional: true }}', FIXED, id="initializer"
        ),
        pytest.param(f'{_X} output {{ name: "s" data_type: TYPE_FP32 dims: 1 }}', FIXED, id="scalar"),
        pytest.param(
            f'{_RAGGED_X} {_BATCH_INPUT} output {{ name: "y" data_type: TYPE_FP32 dims: 1 }}', RAGGED, id="ragged"
        ),
        pytest.param(
            f'{_RAGGED_X} {_BATCH_INPUT} output {{ name: "z" data_type: TYPE_FP32 dims: [4, 4] }}'
            'batch_output { target_name: "z" source_input: "x" }',
            RAGGED,
            id="a scattered output has any shape",
        ),
        pytest.param(f"{_SEQUENCE_X} sequence_batching {{ {_START} {_ID} {_STATE} }}", SEQUENCE, id="sequence"),
    ],
)
def test_accepted(text: str, signature: ModelSignature) -> None:
    assert _refusal(text, signature) is None


@pytest.mark.parametrize(
    ("text", "signature", "sentence"),
    [
        (
            f"max_batch_size: 8 input {{ {_IO} dims: 16 }}",
            BATCHABLE,
            "unable to load model 'm', configuration expects 1 inputs, model provides 2",
        ),
        (
            f"max_batch_size: 8 {_INPUTS} input {{ }}",
            BATCHABLE,
            "unable to load model 'm', configuration expects 3 inputs, model provides 2",
        ),
        (
            f'max_batch_size: 8 input {{ {_IO} dims: 16 }} input {{ name: "OTHER" data_type: TYPE_FP32 dims: 1 }}',
            BATCHABLE,
            "unexpected inference input 'OTHER', allowed inputs are: INPUT0, INPUT1",
        ),
        (
            f'{_X} input {{ name: "v" data_type: TYPE_FP32 dims: 3 optional: true }}',
            FIXED,
            "unexpected inference input 'v', allowed inputs are: w, x",
        ),
        (
            f'max_batch_size: 8 {_INPUTS} output {{ name: "OTHER" data_type: TYPE_FP32 dims: 16 }}',
            BATCHABLE,
            "unexpected inference output 'OTHER', allowed outputs are: OUTPUT0, OUTPUT1",
        ),
        (
            f"max_batch_size: 8 {_INPUTS.replace('TYPE_STRING', 'TYPE_INT64')}",
            BATCHABLE,
            (
                "unable to load model 'm', configuration expects datatype TYPE_INT64 for input 'INPUT1', "
                "model provides TYPE_BYTES"
            ),
        ),
        (
            f"max_batch_size: 8 {_INPUTS} {_OUTPUTS.replace('FP32', 'FP64')}",
            BATCHABLE,
            (
                "unable to load model 'm', configuration expects datatype TYPE_FP64 for output 'OUTPUT0', "
                "model provides TYPE_FP32"
            ),
        ),
        (
            f"max_batch_size: 8 {_INPUTS.replace('16', '[16, 1]')} {_OUTPUTS}",
            BATCHABLE,
            (
                "model 'm', tensor 'INPUT0': the model expects 2 dimensions (shape [-1,16]) but the model "
                "configuration specifies 3 dimensions (an initial batch dimension because max_batch_size > 0 followed "
                "by the explicit tensor shape, making complete shape [-1,16,1])"
            ),
        ),
        (
            f"max_batch_size: 8 {_INPUTS} {_OUTPUTS.replace('16', '1')}",
            BATCHABLE,
            (
                "model 'm', tensor 'OUTPUT0': the model expects 2 dimensions (shape [-1,16]) but the model "
                "configuration specifies 2 dimensions (an initial batch dimension because max_batch_size > 0 followed "
                "by the explicit tensor shape, making complete shape [-1,1])"
            ),
        ),
        (
            f'{_X} output {{ name: "y" data_type: TYPE_FP32 dims: 4 }}',
            FIXED,
            (
                "model 'm', tensor 'y': the model expects 1 dimensions (shape [-1]) but the model configuration "
                "specifies 1 dimensions (shape [4])"
            ),
        ),
        (
            f"max_batch_size: 8 {_X}",
            FIXED,
            (
                "model 'm', tensor 'x': for the model to support batching the shape should have at least 1 dimension "
                "and the first dimension must be -1; but shape expected by the model is [2,-1]"
            ),
        ),
        (
            f'{_X} output {{ name: "s" data_type: TYPE_FP32 dims: [1, 2] }}',
            FIXED,
            (
                "unable to load model 'm', scalar tensor 's', should only provide 1 in the model configuration when "
                "the model doesn't support batching. Model configuration provided: [1,2]."
            ),
        ),
        (
            f'max_batch_size: 8 {_X} input {{ name: "w" data_type: TYPE_FP32 dims: 3 optional: true }}',
            ModelSignature((_tensor("x", -1, 2, 5),), (), (_tensor("w", 3),)),
            "unable to load model 'm', optional input 'w' is not supported for models that support batching",
        ),
        (
            f"{_RAGGED_X.replace('dims', 'optional: true dims').replace('max_batch_size: 4', '')}",
            ModelSignature((), (), (_tensor("x", -1),)),
            (
                "unable to load model 'm', configuration expects model provides input with shape [-1] for ragged input "
                "'x', which is not supported for optional input"
            ),
        ),
        (
            _RAGGED_X,
            ModelSignature((_tensor("x", -1, -1),), ()),
            (
                "unable to load model 'm', configuration expects model provides input with shape [-1]  for ragged "
                "input 'x', model provides [-1,-1]"
            ),
        ),
        (
            f"{_SEQUENCE_X} sequence_batching {{ {_ID.replace('UINT64', 'STRING')} }}",
            SEQUENCE,
            (
                "unable to load model 'm', sequence control 'ID', the model expects data-type UINT64 but the model "
                "configuration specifies data-type TYPE_STRING"
            ),
        ),
        (
            f"{_SEQUENCE_X} sequence_batching {{ {_START.replace('int32', 'fp32')} }}",
            SEQUENCE,
            (
                "unable to load model 'm', sequence control 'START', the model expects data-type INT32 but the model "
                "configuration specifies data-type TYPE_FP32"
            ),
        ),
        (
            f"{_SEQUENCE_X} sequence_batching {{ {_START.replace('START', 'STATE', 1)} }}",
            SEQUENCE,
            "unable to load model 'm', sequence control 'STATE' in model has dims [2] but dims [1] is expected",
        ),
        (
            f"{_SEQUENCE_X} sequence_batching {{ {_START} {_ID} }}",
            SEQUENCE,
            "unable to load model 'm', configuration expects 3 inputs, model provides 4",
        ),
        (
            f"{_SEQUENCE_X} sequence_batching {{ {_START} {_ID} {_STATE.replace('_OUT', '_GONE')} }}",
            SEQUENCE,
            "unexpected inference output 'STATE_GONE', allowed outputs are: STATE_OUT, y",
        ),
        (
            f"{_SEQUENCE_X} sequence_batching {{ {_START} {_ID} {_STATE.replace('FP32', 'INT8')} }}",
            SEQUENCE,
            (
                "unable to load model 'm', configuration expects datatype TYPE_INT8 for output state 'STATE_OUT', "
                "model provides TYPE_FP32"
            ),
        ),
    ],
)
def test_refused(text: str, signature: ModelSignature, sentence: str) -> None:
    error = _refusal(text, signature)
    assert isinstance(error, ConfigError)
    assert error.message == sentence


def test_a_missing_sequence_control_is_an_internal_error() -> None:
    error = _refusal(f"{_SEQUENCE_X} sequence_batching {{ {_START} }}", BATCHABLE)
    assert isinstance(error, InternalError)
    assert error.message == "configuration specified sequence control 'START', but model does not provide that input"
