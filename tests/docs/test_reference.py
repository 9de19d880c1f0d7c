"""Pages that are written by a program are what the program writes now."""

from __future__ import annotations

import runpy
from pathlib import Path

from naiad.config.settings_table import SETTINGS

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


def test_settings_page_is_up_to_date() -> None:
    written = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    page = runpy.run_path(str(REFERENCE / "generate_settings.py"))["page"]
    assert written == page(), "write it again: python docs/reference/generate_settings.py"


def test_settings_page_has_every_setting() -> None:
    written = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    assert [setting.name for setting in SETTINGS if f"`--{setting.name}`<br>`{setting.variable}`" not in written] == []
