from __future__ import annotations

import pytest

from naiad.config.backend_options import options_by_backend, parse_backend_option


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("onnxruntime,default-max-batch-size=8", ("onnxruntime", "default-max-batch-size", "8")),
        ("default-max-batch-size=8", ("", "default-max-batch-size", "8")),
        ("python,env=a=b,c", ("python", "env", "a=b,c")),
        ("env=a,b", ("", "env", "a,b")),
        ("x=", ("", "x", "")),
    ],
)
def test_parts(text: str, parts: tuple[str, str, str]) -> None:
    assert parse_backend_option(text) == parts


@pytest.mark.parametrize("text", ["", "x", "onnxruntime,x", "=1", "onnxruntime,=1"])
def test_malformed(text: str) -> None:
    with pytest.raises(ValueError, match=text or "^$"):
        parse_backend_option(text)


def test_the_last_of_several_wins() -> None:
    options = [parse_backend_option(text) for text in ("a,x=1", "x=2", "a,x=3", "b,y=4")]
    assert options_by_backend(options) == {"a": {"x": "3"}, "": {"x": "2"}, "b": {"y": "4"}}
