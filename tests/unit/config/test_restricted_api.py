from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.config.restricted_api import CATEGORIES, RestrictedApi, check_restricted_apis, parse_restricted_api
from naiad.config.setting import ValueFault
from naiad.errors import UsageError


def test_parts() -> None:
    group = parse_restricted_api("health,model-config:X-Key=a=b: c")
    assert group == RestrictedApi(("health", "model-config"), "X-Key", "a=b: c")


def test_the_value_is_not_shown() -> None:
    assert "s3cret" not in repr(parse_restricted_api("health:key=s3cret"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "health",
        "health:",
        "health:key",
        "health:key=",
        "health:=value",
        ":key=value",
        "health=key:value",
        "health:a key=value",
        "health:kéy=value",
        "health:key=välue",
        "health:key= value",
        "health:key=value ",
        "health:key=a\r\nb",
    ],
)
def test_malformed(text: str) -> None:
    with pytest.raises(ValueError, match=r"^malformed$"):
        parse_restricted_api(text)


@pytest.mark.parametrize("names", ["Health", "health,", ",health", "health, metadata", "all"])
def test_unknown_categories(names: str) -> None:
    with pytest.raises(ValueFault, match=r"^unknown restricted api '"):
        parse_restricted_api(f"{names}:key=value")


@given(
    st.lists(st.sampled_from(CATEGORIES), min_size=1, unique=True),
    st.text(st.sampled_from("abcXYZ019-_!~"), min_size=1),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
)
def test_what_is_written_is_read(categories: list[str], header: str, value: str) -> None:
    text = f"{','.join(categories)}:{header}={value}"
    assert parse_restricted_api(text) == RestrictedApi(tuple(categories), header, value)


def test_no_category_twice() -> None:
    groups = [parse_restricted_api(text) for text in ("health:a=b", "metadata,inference:a=b")]
    check_restricted_apis(groups)
    for more in ("inference:c=d", "trace,trace:c=d"):
        with pytest.raises(UsageError, match="can not be specified in multiple config groups"):
            check_restricted_apis([*groups, parse_restricted_api(more)])
