"""--trace-config: which requests are traced, in what detail, and where to (triton.md §7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from naiad.config.setting import ValueFault
from naiad.errors import UsageError

TIMESTAMPS: Final = "TIMESTAMPS"
TENSORS: Final = "TENSORS"
LEVELS: Final = (TIMESTAMPS, TENSORS)
OFF: Final = "OFF"

TRITON: Final = "triton"
OPENTELEMETRY: Final = "opentelemetry"
NO_OPENTELEMETRY: Final = "this version of naiad writes traces to a file and does not export them to OpenTelemetry"

MAX_RATE: Final = (1 << 32) - 1
MAX_COUNT: Final = (1 << 31) - 1
UNLIMITED: Final = -1


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """Which requests are traced, and in what detail.

    Attributes:
        levels: of `LEVELS`; none of them when nothing is traced.
        rate: one request in so many.
        count: how many are still to be traced; -1 for no end.
        log_frequency: traces to a numbered file; 0 for one file.
    """

    levels: frozenset[str] = frozenset()
    rate: int = 1000
    count: int = UNLIMITED
    log_frequency: int = 0


class TraceOption(NamedTuple):
    """One value of the setting.

    Attributes:
        name: of the option, with its mode in front when it belongs to one.
        value: in its own type.
    """

    name: str
    value: int | str


def parse_trace_option(text: str) -> TraceOption:
    """Read `<option>=<value>` or `<mode>,<option>=<value>`.

    Raises:
        ValueError: it is of neither form.
        ValueFault: there is no such option, or no such value.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError(text)
    if name.lower().startswith(f"{OPENTELEMETRY},") or (name, value.lower()) == ("mode", OPENTELEMETRY):
        raise ValueFault(NO_OPENTELEMETRY, hint="--trace-config triton,file=<path>")
    read = _OPTIONS.get(name)
    if read is None:
        raise ValueFault(f"there is no option '{name}'", hint=f"there are {' '.join(_OPTIONS)}")
    try:
        return TraceOption(name, read(value))
    except ValueError as error:
        raise ValueFault(f"{name} is '{value}', expected {error}") from None


def _word(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        for word in words:
            if text.lower() == word.lower():
                return word
        raise ValueError(" or ".join(words))

    return read


def _integer(lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text.removeprefix("-").isdecimal() and lowest <= (value := int(text)) <= highest:
            return value
        raise ValueError(f"an integer between {lowest} and {highest}")

    return read


def _path(text: str) -> str:
    if not text:
        raise ValueError("the path of a file")
    return text


_OPTIONS: Final[dict[str, Callable[[str], int | str]]] = {
    "mode": _word(TRITON),
    "level": _word(OFF, *LEVELS),
    "rate": _integer(1, MAX_RATE),
    "count": _integer(UNLIMITED, MAX_COUNT),
    "triton,file": _path,
    "triton,log-frequency": _integer(0, MAX_RATE),
}


def read_trace_config(options: Iterable[TraceOption]) -> tuple[TraceSettings, str]:
    """What the values of the setting say together: levels add up, of everything else the last one given wins.

    Returns:
        The settings, and the file to write to; empty for none.

    Raises:
        UsageError: there are levels and there is no file.
    """
    options = list(options)
    values = dict(options)
    levels = {str(option.value) for option in options if option.name == "level"} - {OFF}
    file = str(values.get("triton,file", ""))
    if levels and not file:
        raise UsageError("--trace-config has a level and no file", hint="--trace-config triton,file=<path>")
    defaults = TraceSettings()
    settings = TraceSettings(
        levels=frozenset(levels),
        rate=int(values.get("rate", defaults.rate)),
        count=int(values.get("count", defaults.count)),
        log_frequency=int(values.get("triton,log-frequency", defaults.log_frequency)),
    )
    return settings, file
