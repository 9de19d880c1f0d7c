"""The help of the commands that serve: every setting, from the table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from naiad.config.setting import Setting
from naiad.config.settings import Dialect
from naiad.config.settings_table import SETTINGS
from naiad.config.unserved_flags import UNSERVED_FLAGS

_ANY_SOURCE = (
    "Each flag can also be given by an environment variable, --http-port by NAIAD_HTTP_PORT,",
    "or in the YAML file that --config names. Flags win over variables, variables over the file.",
)


def settings_help(usage: Sequence[str], *, dialect: Dialect, width: int) -> str:
    """All flags, by section.

    Args:
        usage: lines before them.
        dialect: of the command; its defaults are told.
        width: columns to wrap at.
    """
    width = max(60, min(width, 120))
    lines = [*usage, *_ANY_SOURCE]
    for section in dict.fromkeys(setting.section for setting in SETTINGS):
        lines += ["", f"{section}:"]
        for setting in SETTINGS:
            if setting.section == section:
                lines += _describe(setting, dialect.defaults.get(setting.attribute, setting.default), width)
    unserved = " ".join(f"--{flag.name}" for flag in UNSERVED_FLAGS)
    lines += ["", "Flags of tritonserver that are accepted and have no effect:"]
    lines += textwrap.wrap(unserved, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(lines)


def _describe(setting: Setting, default: Any, width: int) -> Iterator[str]:
    expected = setting.kind.expected
    yield f"  --{setting.name} {expected if expected.startswith('<') else f'<{expected}>'}"
    if isinstance(default, bool):
        default = str(default).lower()
    tail = f" Default: {default}." if default not in (None, ()) else ""
    yield from textwrap.wrap(setting.help + tail, width, initial_indent=" " * 6, subsequent_indent=" " * 6)
