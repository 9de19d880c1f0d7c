"""A row of the settings table, and the kinds of values that settings have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

TRUE: Final = frozenset({"true", "on", "1"})
FALSE: Final = frozenset({"false", "off", "0"})


class ValueFault(ValueError):
    """A value is of the right kind and yet cannot be; the message says why in a sentence of its own.

    Args:
        message: the sentence.
        hint: what could be given instead.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value.

    Attributes:
        expected: what a value must be, in words.
        parse: text to value; raises ValueError, or ValueFault for a sentence of its own.
        is_secret: values are not shown in messages.
    """

    expected: str
    parse: Callable[[str], Any]
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Attributes:
        name: of the flag, without dashes in front.
        kind: of its value.
        default: its value when nobody gives it.
        help: what it does.
        section: where the help lists it.
        repeats: may be given several times; the value is a tuple.
        bare: may stand without a value, which then means true.
        aliases: other names of the flag.
    """

    name: str
    kind: Kind
    default: Any
    help: str
    section: str
    repeats: bool = False
    bare: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def attribute(self) -> str:
        """The key of the value in `Settings`."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"NAIAD_{self.attribute.upper()}"


def choice(*words: str) -> Kind:
    """One of some words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return Kind(f"{', '.join(words[:-1])} or {words[-1]}", parse)


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered not in TRUE | FALSE:
        raise ValueError(text)
    return lowered in TRUE


def _integer(lowest: int, highest: float = float("inf")) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not lowest <= (value := int(text)) <= highest:
            raise ValueError(text)
        return value

    return parse


def _seconds(text: str) -> float:
    if not 0 < (value := float(text)) < float("inf"):
        raise ValueError(text)
    return value


def _verbosity(text: str) -> int:
    lowered = text.lower()
    return int(lowered == "true") if lowered in ("true", "false") else COUNT.parse(text)


def _name(text: str) -> str:
    if not text or text in (".", "..") or any(letter in "/\\" or letter.isspace() for letter in text):
        raise ValueError(text)
    return text


TEXT: Final = Kind("text", str)
BOOLEAN: Final = Kind("true or false", _boolean)
POSITIVE: Final = Kind("an integer above 0", _integer(1))
COUNT: Final = Kind("an integer of at least 0", _integer(0))
PORT: Final = Kind("a port between 0 and 65535", _integer(0, 65535))
MILLISECONDS: Final = Kind("an integer of milliseconds above 0", _integer(1))
SECONDS: Final = Kind("a number of seconds above 0", _seconds)
VERBOSITY: Final = Kind("an integer of at least 0, true or false", _verbosity)
FILE_STEM: Final = Kind("a name without spaces and slashes", _name)
