"""Writes score-settings.md beside itself, from the table in `naiad.scoring.settings`; a test fails when they differ."""

from __future__ import annotations

from pathlib import Path

from naiad.scoring.settings import SOURCES

PAGE = Path(__file__).with_name("score-settings.md")

INTRODUCTION = """\
<!-- Written by generate_score_settings.py; change src/naiad/scoring/settings.py instead. -->

# Settings of `naiad score`

A setting is given as a flag, `--worker-count 4`, `--worker_count=4`, as an environment variable, `WORKER_COUNT=4`, or
under the variable's name in a JSON file: the one that `--config-file` names, else a `config.json` in `AML_APP_ROOT` or
beside the script. Flags win over variables, variables over the file. `naiad score SCRIPT` is short for
`naiad score --entry-script SCRIPT`; `python -m naiad.scoring` takes the same flags.

The names are those of azureml-inference-server-http where it has the setting.

"""


def page() -> str:
    """The text of the page."""
    lines = ["| Setting | Value | Default | What it does |\n| --- | --- | --- | --- |\n"]
    for name, source in SOURCES.items():
        default = str(source.default).lower() if isinstance(source.default, bool) else source.default
        shown = "" if default in (None, "") else f"`{default}`"
        names = f"`--{name.replace('_', '-')}`<br>`{source.variable}`"
        lines.append(f"| {names} | {source.kind.expected} | {shown} | {source.help} |\n")
    return INTRODUCTION + "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
