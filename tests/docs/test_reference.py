"""Pages that are written by a program are what the program writes now."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from naiad.config.settings_table import SETTINGS

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.mark.parametrize(
    ("name", "generator"),
    [
        ("settings.md", "generate_settings.py"),
        ("score-settings.md", "generate_score_settings.py"),
        ("triton-differences.md", "generate_triton_differences.py"),
    ],
)
def test_a_page_is_up_to_date(name: str, generator: str) -> None:
    written = (REFERENCE / name).read_text(encoding="utf-8")
    page = runpy.run_path(str(REFERENCE / generator))["page"]
    assert written == page(), f"write it again: python docs/reference/{generator}"


def test_settings_page_has_every_setting() -> None:
    written = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    assert [setting.name for setting in SETTINGS if f"`--{setting.name}`<br>`{setting.variable}`" not in written] == []
