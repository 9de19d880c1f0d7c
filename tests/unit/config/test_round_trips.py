"""Every configuration survives being written and read, as text and as JSON."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st

from naiad.config import pbtxt
from naiad.config.model_config import ModelConfig
from naiad.config.render import config_json

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
        elif field.is_repeated:
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
