"""Writes settings.md beside itself, from the table in `naiad.config.settings`; a test fails when they differ."""

from __future__ import annotations

import html
from pathlib import Path

from naiad.config.settings import SETTINGS, UNSERVED_FLAGS, Setting

PAGE = Path(__file__).with_name("settings.md")

INTRODUCTION = """\
<!-- Written by generate_settings.py; change src/naiad/config/settings.py instead. -->

# Settings of `naiad serve`

A setting is given as a flag, `--http-port 8000` or `--http-port=8000`, or as an environment variable,
`NAIAD_HTTP_PORT=8000`. Flags win. The names are tritonserver's where tritonserver has the setting, so its command lines
work; `naiad serve DIR` is short for `naiad serve --model-repository DIR`.
"""

UNSERVED = """\
## Flags that have no effect

tritonserver has these and naiad has not what they set. They are accepted, and where they ask for something else than
naiad does, a warning says so.
"""


def page() -> str:
    """The text of the page."""
    parts = [INTRODUCTION]
    for section in dict.fromkeys(setting.section for setting in SETTINGS):
        rows = [_row(setting) for setting in SETTINGS if setting.section == section]
        parts.append(f"## {section}\n\n{_table(('Setting', 'Value', 'Default', 'What it does'), rows)}")
    unserved = [(f"`--{flag}`", reason) for flag, (_, reason) in UNSERVED_FLAGS.items()]
    parts.append(f"{UNSERVED}\n{_table(('Flag', 'Why'), unserved)}")
    return "\n".join(parts)


def _row(setting: Setting) -> tuple[str, ...]:
    names = f"`--{setting.name}`<br>`{setting.variable}`"
    if setting.aliases:
        names += "<br>also " + ", ".join(f"`--{alias}`" for alias in setting.aliases)
    return names, setting.expected, _default(setting.default), html.escape(setting.help, quote=False)


def _default(value: object) -> str:
    if value is None or value == ():
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
