from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from naiad.errors import InternalError, InvalidArgumentError
from naiad.workspace.keys import ServiceKeys


def test_generated_keys_are_long_and_differ() -> None:
    keys = [key for _ in range(50) for pair in [ServiceKeys.generate()] for key in (pair.primary, pair.secondary)]
    assert len(set(keys)) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9]{32}", key) for key in keys)


def test_the_file_is_what_the_server_reads(tmp_path: Path) -> None:
    keys = ServiceKeys.generate()
    keys.write(tmp_path / "keys.json")
    assert json.loads((tmp_path / "keys.json").read_text()) == {
        "primaryKey": keys.primary,
        "secondaryKey": keys.secondary,
    }
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert ServiceKeys.read(tmp_path / "keys.json") == keys


def test_the_file_is_replaced_whole(tmp_path: Path) -> None:
    ServiceKeys.generate().write(tmp_path / "keys.json")
    before = (tmp_path / "keys.json").stat().st_ino
    ServiceKeys.generate().write(tmp_path / "keys.json")
    assert (tmp_path / "keys.json").stat().st_ino != before
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_keys_are_not_in_the_representation() -> None:
    keys = ServiceKeys.generate()
    assert keys.primary not in repr(keys)
    assert keys.secondary not in repr(keys)


@pytest.mark.parametrize("key", ["", "short", "with space in it", "line\nbreak here", "ümlaut-is-not", "x" * 257])
def test_unusable_keys(key: str) -> None:
    with pytest.raises(InvalidArgumentError, match="8 to 256 visible ASCII characters"):
        ServiceKeys(key, "x" * 32)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"primaryKey": "x"}', '{"primaryKey": 1, "secondaryKey": 2}'])
def test_unreadable_files(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys.json").write_text(content)
    with pytest.raises(InternalError, match="cannot be read"):
        ServiceKeys.read(tmp_path / "keys.json")
