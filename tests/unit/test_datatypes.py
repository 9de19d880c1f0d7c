"""The datatype table agrees with the protobuf it mirrors, and BYTES framing round-trips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad import datatypes
from naiad.messages import model_config_pb2


def test_every_protobuf_type_has_a_row() -> None:
    names = dict(model_config_pb2.DataType.items())
    names.pop("TYPE_INVALID")
    assert names == {row.config_name: row.config_number for row in datatypes.DATATYPES}


@given(st.lists(st.binary(max_size=20)))
def test_bytes_framing_round_trips(elements: list[bytes]) -> None:
    assert list(datatypes.iterate_bytes(datatypes.encode_bytes(elements))) == elements


def test_text_is_framed_as_utf8() -> None:
    assert datatypes.encode_bytes(["é"]) == b"\x02\x00\x00\x00\xc3\xa9"


@pytest.mark.parametrize(
    ("framed", "error", "said"),
    [(b"\x01\x00", ValueError, (2,)), (b"\x05\x00\x00\x00ab", IndexError, (5, 2))],
)
def test_truncated_framing_is_refused(framed: bytes, error: type[Exception], said: tuple[int, ...]) -> None:
    with pytest.raises(error) as caught:
        list(datatypes.iterate_bytes(framed))
    assert caught.value.args == said


def test_object_array_keeps_sequences_as_elements() -> None:
    array = datatypes.object_array([b"ab", b"cd"], (1, 2))
    assert array.shape == (1, 2)
    assert array.dtype == np.object_
    assert array[0, 1] == b"cd"
