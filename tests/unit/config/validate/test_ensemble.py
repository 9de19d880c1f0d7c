"""Ensembles: what may stand beside the steps, and how tensors flow between them (triton.md §3.5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest


def _maps(kind: str, names: str) -> str:
    pairs = (pair.split("=") for pair in names.split())
    return " ".join(f'{kind} {{ key: "{key}" value: "{value}" }}' for key, value in pairs)


def _step(inputs: str, outputs: str, *, model: str = "s") -> str:
    return f'step {{ model_name: "{model}" {_maps("input_map", inputs)} {_maps("output_map", outputs)} }}'


def _ensemble(steps: str, *, inputs: str = "IN", outputs: str = "OUT", more: str = "") -> str:
    tensors = [f'input {{ name: "{name}" data_type: TYPE_FP32 dims: 1 }}' for name in inputs.split()]
    tensors += [f'output {{ name: "{name}" data_type: TYPE_FP32 dims: 1 }}' for name in outputs.split()]
    return f'name: "e" platform: "ensemble" {" ".join(tensors)} {more} ensemble_scheduling {{ {steps} }}'


@pytest.mark.parametrize(
    "text",
    [
        _ensemble(_step("x=IN", "y=OUT")),
        _ensemble(_step("x=MID", "y=OUT") + _step("x=IN", "y=MID")),
        _ensemble(_step("x=IN", "y=A z=B") + _step("x=A", "y=OUT") + _step("x=B w=IN", "y=OUT2"), outputs="OUT OUT2"),
        _ensemble(_step("x=IN", "y=OUT") + _step("x=OUT", "y=OUT2"), outputs="OUT OUT2"),
    ],
)
def test_accepted(text: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'name: "e" platform: "ensemble"',
            "ensemble scheduling must be set for ensemble e whose platform is ensemble",
        ),
        (
            'name: "e" platform: "ensemble" backend: "python"',
            "Ensemble model 'e' must have platform type 'ensemble' and empty backend type",
        ),
        (
            'name: "e" backend: "python" ensemble_scheduling { }',
            "ensemble scheduling cannot be set for model 'e' whose platform is not ensemble",
        ),
        (
            _ensemble("", more="instance_group { }"),
            "instance group should not be specified for ensemble 'e'",
        ),
        (_ensemble("", more="optimization { }"), "optimization should not be specified for ensemble 'e'"),
        (_ensemble("", more="model_warmup { }"), "model_warmup can not be specified for ensemble 'e'"),
        (_ensemble(""), "must specify 'step' for ensemble 'e'"),
        (_ensemble("step { }"), "must specify 'model_name' in step 0 of ensemble 'e'"),
        (
            _ensemble(_step("x=IN", "y=OUT") + _step("", "y=MORE")),
            "must specify 'input_map' in step 1 of ensemble 'e'",
        ),
        (_ensemble(_step("x=IN", "")), "must specify 'output_map' in step 0 of ensemble 'e'"),
        (
            _ensemble(_step("x=IN", "y=OUT") + _step("x=IN", "y=OUT")),
            "ensemble tensor 'OUT' can appear in an output map only once for ensemble 'e' step 1",
        ),
        (
            _ensemble(_step("x=IN", "y=OUT z=OUT")),
            "ensemble tensor 'OUT' can appear in an output map only once for ensemble 'e' step 0",
        ),
        (
            _ensemble(_step("x=IN", "y=OUT"), inputs="IN SPARE"),
            "ensemble input 'SPARE' for ensemble e' is not used",
        ),
        (
            _ensemble(_step("x=IN", "y=OUT"), outputs="OUT SPARE"),
            "ensemble output 'SPARE' for ensemble e' is not used",
        ),
        (
            _ensemble(_step("x=IN w=MISSING", "y=MID") + _step("x=MID", "y=OUT")),
            (
                "output 'OUT' for ensemble 'e' is not written: at least one of its depending tensors, 'MISSING', is "
                "not connected"
            ),
        ),
        (
            _ensemble(_step("x=IN y=OUT", "y=MID"), outputs="OUT"),
            "output 'OUT' for ensemble 'e' is not written",
        ),
        (
            _ensemble(_step("x=IN w=LATER", "y=MID") + _step("x=MID", "y=LATER z=OUT")),
            (
                "output 'OUT' for ensemble 'e' is not written: at least one of its depending tensors, 'LATER', is not "
                "connected"
            ),
        ),
        (
            _ensemble(_step("x=IN", "y=OUT z=DROPPED")),
            "ensemble tensor 'DROPPED' is unused in ensemble 'e'",
        ),
        (
            _ensemble(_step("x=IN", "y=OUT") + _step("x=FREE", "y=MID") + _step("x=MID", "y=FREE")),
            "ensemble tensor 'MID' is unused in ensemble 'e'",
        ),
    ],
)
def test_refused(text: str, sentence: str, refusal: Callable[[str], str | None]) -> None:
    assert refusal(text) == sentence
