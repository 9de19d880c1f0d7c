"""The bodies of index, load and unload requests (triton.md §1.7)."""

from __future__ import annotations

import pytest

from naiad.errors import InternalError, InvalidArgumentError, NaiadError
from naiad.protocol.repository import LoadParameters, parse_index, parse_load, parse_unload


@pytest.mark.parametrize(("body", "ready"), [(b"", False), (b"{}", False), (b'{"ready":true}', True)])
def test_index(body: bytes, ready: bool) -> None:
    assert parse_index(body) is ready


def test_index_wants_a_boolean() -> None:
    with pytest.raises(InvalidArgumentError, match="Invalid value for 'ready': expected a boolean"):
        parse_index(b'{"ready":1}')


def test_load_takes_a_configuration_and_files() -> None:
    body = b'{"parameters":{"config":"{}","file:1/model.onnx":"YWI="}}'
    assert parse_load(body) == LoadParameters("{}", {"1/model.onnx": b"ab"})


@pytest.mark.parametrize("body", [b"", b"{}", b'{"parameters":{}}', b"[]"])
def test_load_needs_nothing(body: bytes) -> None:
    assert parse_load(body) == LoadParameters()


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (b'{"parameters":[]}', InternalError, "attempt to get members for non-object"),
        (b'{"parameters":{"config":1}}', InternalError, "attempt to access JSON non-string as string"),
        (b'{"parameters":{"file:x":"%"}}', InvalidArgumentError, "parameter 'file:x' is not valid base64"),
        (b'{"parameters":{"other":"x"}}', InternalError, "unexpected error on creating Triton parameter"),
        (b'{"parameters":{"other":1}}', InternalError, "attempt to access JSON non-string as string"),
        (b"{", InternalError, "failed to parse the request JSON buffer"),
    ],
)
def test_load_bodies_that_cannot_be(body: bytes, error: type[NaiadError], message: str) -> None:
    with pytest.raises(error) as caught:
        parse_load(body)
    assert message in caught.value.message


def test_the_hint_names_what_the_sentence_does_not() -> None:
    with pytest.raises(InternalError) as caught:
        parse_load(b'{"parameters":{"config":1}}')
    assert caught.value.hint == "'config' must be of the kind string"


def test_unload_dependents() -> None:
    assert parse_unload(b'{"parameters":{"unload_dependents":true}}') is True
    assert parse_unload(b"") is False
    with pytest.raises(InternalError, match="failed to parse the request JSON buffer"):
        parse_unload(b"{")


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b'{"parameters":[]}', b'{"parameters":{"unload_dependents":1}}', b'{"parameters":{"other":true}}'],
)
def test_unload_bodies_that_say_nothing(body: bytes) -> None:
    assert parse_unload(body) is False
