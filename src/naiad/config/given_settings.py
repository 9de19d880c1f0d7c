"""What one source of settings gives: a command line, the environment, or a file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

from naiad.config.setting import Setting, ValueFault
from naiad.config.settings_table import SETTINGS
from naiad.config.unserved_flags import UNSERVED_FLAGS, UnservedFlag
from naiad.errors import InvalidArgumentError

FLAGS: Final[Mapping[str, Setting | UnservedFlag]] = {
    **{flag: setting for setting in SETTINGS for flag in (setting.name, *setting.aliases)},
    **{flag.name: flag for flag in UNSERVED_FLAGS},
}
"""Everything that a flag without its dashes, or a key of the file, can name."""


class GivenSettings:
    """Values by `Setting.attribute`, as one source gives them.

    Args:
        fault: what a value that cannot be raises.
        last_wins: of several values for a setting that has one, rather than that they are a fault.

    Attributes:
        warnings: about what has no effect.
    """

    def __init__(self, fault: type[InvalidArgumentError], *, last_wins: bool = False) -> None:
        self._fault = fault
        self._last_wins = last_wins
        self._given: dict[str, list[Any]] = {}
        self.warnings: list[str] = []

    @property
    def values(self) -> dict[str, Any]:
        """What is given; tuples for settings that repeat."""
        repeats = {setting.attribute for setting in SETTINGS if setting.repeats}
        return {key: tuple(given) if key in repeats else given[-1] for key, given in self._given.items()}

    def add(self, flag: Setting | UnservedFlag, text: str, *, source: str) -> None:
        """Read one value.

        Args:
            flag: what it is for.
            text: the value.
            source: how messages call it, such as `--http-port`.

        Raises:
            InvalidArgumentError: it cannot be, or is one too many.
        """
        if isinstance(flag, UnservedFlag):
            if (warning := flag.warning(text)) and warning not in self.warnings:
                self.warnings.append(warning)
            return
        given = self._given.setdefault(flag.attribute, [])
        if given and not (flag.repeats or self._last_wins):
            raise self._fault(f"{source} is given more than once, expected once")
        given.append(self._read(flag, text, source))

    def _read(self, setting: Setting, text: str, source: str) -> Any:
        kind = setting.kind
        try:
            return kind.parse(text)
        except ValueFault as fault:
            raise self._fault(f"{source}: {fault}", hint=fault.hint) from None
        except ValueError:
            what = "is not" if kind.is_secret else f"is '{text}', expected"
            raise self._fault(f"{source} {what} {kind.expected}") from None


def nearest_flag(name: str) -> str | None:
    """The flag that somebody who wrote `name` may have meant."""
    return next(iter(difflib.get_close_matches(name, FLAGS, n=1)), None)
