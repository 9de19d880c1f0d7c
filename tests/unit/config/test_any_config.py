"""What holds for every configuration that the message can express, sensible or not."""

from __future__ import annotations

import contextlib
import json
from collections.abc import MutableSequence
from functools import partial
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st

from naiad.config import pbtxt
from naiad.config.autocomplete import complete_backend, complete_from_signature
from naiad.config.model_config import ModelConfig
from naiad.config.normalize import normalize
from naiad.config.render import config_json
from naiad.config.signature import ModelSignature, TensorSignature
from naiad.config.validate import validate, validate_signature
from naiad.config.versions import versions_to_serve
from naiad.datatypes import DATATYPES
from naiad.errors import NaiadError

_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_STRING: st.text(max_size=8),
    # Negative zero is 0 in the JSON that Triton writes.
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32, allow_nan=False).map(lambda number: number or 0.0),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(allow_nan=False).map(lambda number: number or 0.0),
}


@st.composite
def _messages(draw: st.DrawFn, descriptor: Descriptor) -> Any:
    message = message_factory.GetMessageClass(descriptor)()
    known = list(descriptor.fields)
    for field in draw(st.lists(st.sampled_from(known), unique=True, max_size=4)) if known else []:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _fill_map(draw, getattr(message, field.name), field.message_type)
        elif isinstance(getattr(message, field.name), MutableSequence):
            getattr(message, field.name).extend(draw(st.lists(_values(field), max_size=2)))
        elif field.message_type is not None:
            getattr(message, field.name).SetInParent()
            getattr(message, field.name).CopyFrom(draw(_messages(field.message_type)))
        else:
            setattr(message, field.name, draw(_values(field)))
    return message


def _fill_map(draw: st.DrawFn, target: Any, entry: Descriptor) -> None:
    key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
    for name, item in draw(st.dictionaries(_values(key), _values(value), max_size=2)).items():
        if value.message_type is None:
            target[name] = item
        else:
            target[name].CopyFrom(item)


def _values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return _messages(field.message_type)
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    return _SCALARS[field.cpp_type]


CONFIGS = _messages(ModelConfig.DESCRIPTOR)


@given(CONFIGS)
def test_text_round_trips(config: Any) -> None:
    assert pbtxt.parse(pbtxt.render(config), source="rendered") == config


@given(CONFIGS)
def test_json_round_trips(config: Any) -> None:
    assert pbtxt.parse_json(config_json(config), source="rendered") == config


@given(CONFIGS)
def test_json_is_compact_and_in_the_order_of_declaration(config: Any) -> None:
    document = config_json(config)
    keys = list(json.loads(document))
    assert keys == [field.name for field in ModelConfig.DESCRIPTOR.fields if field.name in keys]
    assert b"\n" not in document


_TENSORS = st.builds(
    TensorSignature,
    name=st.sampled_from("abc"),
    datatype=st.sampled_from(DATATYPES),
    shape=st.lists(st.integers(-1, 3), max_size=3).map(tuple),
)
_SIGNATURES = st.builds(
    ModelSignature,
    inputs=st.lists(_TENSORS, max_size=2).map(tuple),
    outputs=st.lists(_TENSORS, max_size=2).map(tuple),
    optional_inputs=st.lists(_TENSORS, max_size=1).map(tuple),
)


@given(CONFIGS)
def test_normalising_twice_changes_nothing(config: Any) -> None:
    normalize(config)
    once = ModelConfig()
    once.CopyFrom(config)
    normalize(config)
    assert config == once


@given(CONFIGS, st.lists(st.integers(), max_size=4))
def test_only_available_versions_are_served(config: Any, available: list[int]) -> None:
    served = versions_to_serve(config, available)
    assert served == sorted(set(served))
    assert set(served) <= set(available)


@given(CONFIGS, _SIGNATURES)
def test_whatever_is_wrong_is_refused_with_a_sentence(config: Any, signature: ModelSignature) -> None:
    checks = partial(validate, config), partial(validate_signature, config, signature)
    complete = (
        partial(complete_backend, config, name="m", entries=["model.onnx"]),
        partial(complete_from_signature, config, signature),
        partial(normalize, config),
    )
    for step in (*checks, *complete, *checks):
        with contextlib.suppress(NaiadError):
            step()
