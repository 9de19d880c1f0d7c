"""The sequence batcher's controls, strategies and states (triton.md §3.5, §4.3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from naiad.config import pbtxt
from naiad.config.validate.sequence import ControlTensor, control_tensors
from naiad.messages import model_config_pb2

_START = "kind: CONTROL_SEQUENCE_START"


def _control(control: str, *, name: str = "C") -> str:
    return f'control_input {{ name: "{name}" control {{ {control} }} }}'


def _sequence(text: str) -> str:
    return f"max_batch_size: 4 sequence_batching {{ {text} }}"


def _state(initial: str, *, dims: str = "[-1, 3]") -> str:
    state = f'input_name: "i" output_name: "o" data_type: TYPE_FP32 dims: {dims}'
    return _sequence(f"state {{ {state} {initial} }}")


_ZERO = 'initial_state { name: "z" data_type: TYPE_FP32 dims: [2, 3] zero_data: true }'


@pytest.mark.parametrize(
    "text",
    [
        _sequence(""),
        _sequence("direct { }"),
        _sequence("direct { minimum_slot_utilization: 1.0 }"),
        _sequence("oldest { preferred_batch_size: [1, 4] }"),
        _sequence(_control(f"{_START} int32_false_true: [0, 1]")),
        _sequence(_control("kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_STRING")),
        _sequence('control_input { name: "nothing" }'),
        _state(_ZERO),
        _state(""),
    ],
)
def test_accepted(text: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            _sequence("") + " response_cache { enable: true }",
            (
                "Response Cache does not currently support model m with sequence batching scheduler. "
                "Please disable the response cache."
            ),
        ),
        (_sequence("control_input { }"), "sequence batching control tensor must have a name for m"),
        (
            _sequence('control_input { name: "C" } control_input { name: "C" }'),
            "sequence batching control tensor 'C' is specified for multiple control kinds for m",
        ),
        (
            _sequence(
                _control(f"{_START} int32_false_true: [0, 1]")
                + _control(f"{_START} int32_false_true: [0, 1]", name="D")
            ),
            "sequence batching specifies multiple CONTROL_SEQUENCE_START tensors for m",
        ),
        (
            _sequence(
                _control("kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_INT64")
                + _control("kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_INT64", name="D")
            ),
            "sequence batching specifies multiple CONTROL_SEQUENCE_CORRID tensors for m",
        ),
        (
            _sequence(_control("kind: CONTROL_SEQUENCE_END")),
            (
                "sequence batching must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for "
                "CONTROL_SEQUENCE_END for m"
            ),
        ),
        (
            _sequence(_control("kind: CONTROL_SEQUENCE_READY int32_false_true: [0, 1] bool_false_true: [false, true]")),
            (
                "sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and "
                "'bool_false_true' for CONTROL_SEQUENCE_READY for m"
            ),
        ),
        *(
            (
                _sequence(_control(f"{_START} {field}: {value}")),
                f"sequence batching control '{field}' must have exactly 2 entries for CONTROL_SEQUENCE_START for m",
            )
            for field, value in (
                ("int32_false_true", "[0, 1, 2]"),
                ("fp32_false_true", "0.5"),
                ("bool_false_true", "true"),
            )
        ),
        (
            _sequence(_control("kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_INT64 fp32_false_true: [0, 1]")),
            (
                "sequence batching must not specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' "
                "for CONTROL_SEQUENCE_CORRID for m"
            ),
        ),
        (
            _sequence(_control("kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_INT8")),
            (
                "unexpected data type for control CONTROL_SEQUENCE_CORRID for m. Allowed data types are TYPE_UINT64, "
                "TYPE_INT64, TYPE_UINT32, TYPE_INT32 and TYPE_STRING"
            ),
        ),
        (
            _sequence("oldest { preferred_batch_size: 0 }"),
            "sequence batching preferred batch size must be positive for m",
        ),
        (
            _sequence("oldest { preferred_batch_size: 5 }"),
            "sequence batching preferred batch size must be <= max batch size for m",
        ),
        *(
            (
                _sequence(f"direct {{ minimum_slot_utilization: {value} }}"),
                "sequence batching minimum slot utilization must be in range (0.0, 1.0] for m",
            )
            for value in ("1.1", "-0.1")
        ),
    ],
)
def test_refused(text: str, sentence: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            _state("initial_state { } initial_state { }"),
            "initial_state field for state input 'i' must contain exactly one or zero element. Found '2' elements.",
        ),
        (
            _state('initial_state { name: "z" data_type: TYPE_INT32 }'),
            "The data type used for 'initial_state' field of state 'i' does not match the state data type.",
        ),
        (
            _state("initial_state { data_type: TYPE_FP32 }"),
            "Field 'name' must be set when using initial_state for state input 'i'.",
        ),
        (
            _state('initial_state { name: "z" data_type: TYPE_FP32 dims: 1 }'),
            (
                "Number of dimensions in 'initial_state' doesn't match the size of 'state' dimensions for state input "
                "'i'. 1 != 2"
            ),
        ),
        (
            _state('initial_state { name: "z" data_type: TYPE_FP32 dims: [-1, 3] }'),
            "'initial_state' field for state input name 'i' contains variable dimensions.",
        ),
        (
            _state('initial_state { name: "z" data_type: TYPE_FP32 dims: [2, 4] }'),
            "'initial_state' dim for input name 'i' doesn't match 'state' dim description. 4 != 3",
        ),
        (
            _state('initial_state { name: "z" data_type: TYPE_FP32 dims: [2, 3] }'),
            "initial_state setting expects state'i' to have state_data set",
        ),
        (
            _sequence(f'state {{ input_name: "i" data_type: TYPE_FP32 dims: [2, 3] {_ZERO} }}' * 2),
            "State input name 'i' specified more than once.",
        ),
    ],
)
def test_states_refused(text: str, sentence: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) == sentence


def test_control_tensors_are_resolved() -> None:
    text = _sequence(
        'control_input { name: "READY" control { kind: CONTROL_SEQUENCE_READY bool_false_true: [false, true] } }'
        'control_input { name: "BOTH" control { kind: CONTROL_SEQUENCE_START fp32_false_true: [0, 1] }'
        "control { kind: CONTROL_SEQUENCE_END int32_false_true: [0, 1] } }"
        'control_input { name: "ID" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 } }'
    )
    assert control_tensors(pbtxt.parse(text, source="config.pbtxt")) == [
        ControlTensor("BOTH", "CONTROL_SEQUENCE_START", model_config_pb2.TYPE_FP32),
        ControlTensor("BOTH", "CONTROL_SEQUENCE_END", model_config_pb2.TYPE_INT32),
        ControlTensor("READY", "CONTROL_SEQUENCE_READY", model_config_pb2.TYPE_BOOL),
        ControlTensor("ID", "CONTROL_SEQUENCE_CORRID", model_config_pb2.TYPE_UINT64),
    ]
