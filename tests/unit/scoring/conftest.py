"""Scripts as users write them, loaded from a folder of the test's own."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from naiad.scoring.entry_script import EntryScript
from naiad.scoring.import_paths import MODULES
from tests.support.entry_script import LoadScript

_AZURE_ROOTS = tuple({f"{name.partition('.')[0]}" for name in MODULES})


@pytest.fixture(autouse=True)
def interpreter(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What loading a script does to the interpreter ends with the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    for name in [name for name in sys.modules if name.partition(".")[0] in _AZURE_ROOTS]:
        monkeypatch.delitem(sys.modules, name)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name in ("entry_module", "main", "helper") or name.partition(".")[0] in _AZURE_ROOTS:
            del sys.modules[name]


@pytest.fixture
def load(tmp_path: Path) -> LoadScript:
    """Write a script, and load it; without an `init()` it gets one that does nothing."""

    def load(text: str, **options: Any) -> EntryScript:
        source = textwrap.dedent(text)
        if "def init" not in source:
            source += "\ndef init():\n    pass\n"
        path = tmp_path / "score.py"
        path.write_text(source)
        return EntryScript.load(path, **{"app_root": tmp_path, **options})

    return load


@pytest.fixture
def ready(load: LoadScript) -> LoadScript:
    """As `load`, with `init()` called."""

    def ready(text: str, **options: Any) -> EntryScript:
        script = load(text, **options)
        script.init()
        return script

    return ready
