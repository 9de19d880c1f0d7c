"""--trace-config: its options one by one, and what they say together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.config.setting import ValueFault
from naiad.config.settings import read_settings
from naiad.config.trace_config import TraceOption, TraceSettings, parse_trace_option, read_trace_config
from naiad.errors import UsageError


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("level=TIMESTAMPS", TraceOption("level", "TIMESTAMPS")),
        ("level=tensors", TraceOption("level", "TENSORS")),
        ("level=off", TraceOption("level", "OFF")),
        ("mode=TRITON", TraceOption("mode", "triton")),
        ("rate=1", TraceOption("rate", 1)),
        ("count=-1", TraceOption("count", -1)),
        ("triton,file=a=b,c", TraceOption("triton,file", "a=b,c")),
        ("triton,log-frequency=0", TraceOption("triton,log-frequency", 0)),
    ],
)
def test_an_option(text: str, option: TraceOption) -> None:
    assert parse_trace_option(text) == option


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("level=BAD", "level is 'BAD', expected OFF or TIMESTAMPS or TENSORS"),
        ("mode=x", "mode is 'x', expected triton"),
        ("rate=0", "rate is '0', expected an integer between 1 and 4294967295"),
        ("rate=x", "rate is 'x', expected an integer between 1 and 4294967295"),
        ("rate=1_0", "rate is '1_0', expected an integer between 1 and 4294967295"),
        ("count=-2", "count is '-2', expected an integer between -1 and 2147483647"),
        ("triton,log-frequency=-1", "triton,log-frequency is '-1', expected an integer between 0 and 4294967295"),
        ("triton,file=", "triton,file is '', expected the path of a file"),
        ("file=x", "there is no option 'file'"),
        ("triton,rate=5", "there is no option 'triton,rate'"),
        ("zipkin,a=b", "there is no option 'zipkin,a'"),
        ("mode=opentelemetry", "this version of naiad writes traces to a file and does not export them"),
        ("OpenTelemetry,url=x", "this version of naiad writes traces to a file and does not export them"),
    ],
)
def test_an_option_that_cannot_be(text: str, sentence: str) -> None:
    with pytest.raises(ValueFault) as caught:
        parse_trace_option(text)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("text", ["", "level", "=x"])
def test_what_is_no_option(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text}$"):
        parse_trace_option(text)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        option = parse_trace_option(text)
    except ValueError:
        return
    assert text.startswith(f"{option.name}=")


def together(*texts: str) -> tuple[TraceSettings, str]:
    return read_trace_config([parse_trace_option(text) for text in texts])


def test_nothing_is_traced_by_default() -> None:
    assert together() == (TraceSettings(frozenset(), rate=1000, count=-1, log_frequency=0), "")


def test_levels_add_up_and_of_the_rest_the_last_wins() -> None:
    settings, file = together(
        "level=TIMESTAMPS",
        "rate=5",
        "triton,file=a",
        "level=TENSORS",
        "level=OFF",
        "rate=7",
        "triton,file=b",
        "count=3",
    )
    assert settings == TraceSettings(frozenset({"TIMESTAMPS", "TENSORS"}), rate=7, count=3)
    assert file == "b"


def test_a_level_needs_a_file() -> None:
    with pytest.raises(UsageError, match="has a level and no file"):
        together("level=TIMESTAMPS")
    assert together("level=OFF")[1] == ""


def test_it_is_a_flag() -> None:
    flags = ["--trace-config", "level=TENSORS", "--trace-config=triton,file=t.json", "models"]
    assert together("level=TENSORS", "triton,file=t.json") == read_trace_config(read_settings(flags, {}).trace_config)
    with pytest.raises(UsageError, match="--trace-config: this version of naiad writes traces to a file"):
        read_settings(["--trace-config", "mode=opentelemetry"], {})
