from __future__ import annotations

import getpass
from typing import Any

import pytest

from naiad.errors import InvalidArgumentError
from naiad.workspace.labels import changed_tags, check_labels, current_user, extended_properties, has_labels


@pytest.mark.parametrize("given", [{"": "x"}, {"k": 1}, {1: "x"}, {"k": None}])
def test_labels_are_text(given: dict[Any, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match="a tag must be a non-empty text with a text as its value"):
        check_labels("tag", given)


def test_labels_that_are_wanted() -> None:
    assert has_labels({"a": "1", "b": "2"}, {"a": "1", "b": None})
    assert has_labels({}, None)
    assert not has_labels({"a": "1"}, {"a": "2"})
    assert not has_labels({}, {"a": None})


def test_tags_change() -> None:
    assert changed_tags({"a": "1", "b": "2"}, add={"b": "3", "c": "4"}, remove=["a", "z"]) == {"b": "3", "c": "4"}


def test_properties_only_grow() -> None:
    assert extended_properties({"a": "1"}, add={"a": "1", "b": "2"}) == {"a": "1", "b": "2"}
    with pytest.raises(InvalidArgumentError, match=r"properties are immutable, the following keys .*: a$"):
        extended_properties({"a": "1"}, add={"a": "2", "b": "2"})


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    assert current_user()
    monkeypatch.setattr(getpass, "getuser", nameless)
    assert current_user().isdecimal()
