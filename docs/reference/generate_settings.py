"""Writes settings.md beside itself, from the tables in `naiad.config`; a test fails when they differ."""

from __future__ import annotations

import html
from pathlib import Path

from naiad.config.setting import Setting
from naiad.config.settings_table import SETTINGS
from naiad.config.unserved_flags import UNSERVED_FLAGS, UnservedFlag

PAGE = Path(__file__).with_name("settings.md")

INTRODUCTION = """\
<!-- Written by generate_settings.py; change src/naiad/config/settings_table.py instead. -->

# Settings of `naiad serve`

A setting is given as a flag, `--http-port 8000` or `--http-port=8000`, as an environment variable,
`NAIAD_HTTP_PORT=8000`, or in the YAML file that `--config` names. Flags win over variables, variables over the file.
`naiad serve DIR` is short for `naiad serve --model-repository DIR`.

```yaml
# naiad serve --config serve.yaml
model-repository:
  - models
  - s3://bucket/models
http-port: 8000
http-restricted-api:
  - model-repository,logging:admin-key=a-secret
```

The names are tritonserver's where tritonserver has the setting. Its command lines work unchanged with
`naiad-tritonserver`, whose defaults are tritonserver's: it listens on every address of the machine.
"""

UNSERVED = """\
## Flags that have no effect

tritonserver has these flags, and naiad has not, or need not, what they set. They are accepted. A value that asks for
something else than naiad does anyway gets a warning in the log.
"""


def page() -> str:
    """The text of the page."""
    parts = [INTRODUCTION]
    for section in dict.fromkeys(setting.section for setting in SETTINGS):
        rows = [_row(setting) for setting in SETTINGS if setting.section == section]
        parts.append(f"## {section}\n\n{_table(('Setting', 'Value', 'Default', 'What it does'), rows)}")
    unserved = [(f"`--{flag.name}`", _harmless(flag), flag.reason) for flag in UNSERVED_FLAGS]
    parts.append(f"{UNSERVED}\n{_table(('Flag', 'Values without a warning', 'Why'), unserved)}")
    return "\n".join(parts)


def _row(setting: Setting) -> tuple[str, ...]:
    names = f"`--{setting.name}`<br>`{setting.variable}`"
    if setting.aliases:
        names += "<br>also " + ", ".join(f"`--{alias}`" for alias in setting.aliases)
    expected, text = (html.escape(text, quote=False) for text in (setting.kind.expected, setting.help))
    return names, expected, _default(setting.default), text


def _harmless(flag: UnservedFlag) -> str:
    return "all" if "*" in flag.harmless else ", ".join(f"`{value}`" for value in flag.harmless)


def _default(value: object) -> str:
    if value is None or value == ():
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
