from __future__ import annotations

from pathlib import Path

import pytest

from naiad.errors import ConfigError
from naiad.targets import source_copy
from naiad.targets.source_copy import copy_source


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    for name in ("score.py", "lib/helper.py", "lib/data/big.bin", "data/big.bin", "notes.txt", "deep/a/b/c.txt"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    return source


def copied(source: Path, *rules: str, name: str = ".amlignore") -> set[str]:
    """What is copied, without the file of rules."""
    if rules:
        (source / name).write_text("\n".join(rules))
    target = source.parent / "target"
    copy_source(source, target)
    names = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    return names - set(source_copy.IGNORE_FILES)


EVERYTHING = {"score.py", "lib/helper.py", "lib/data/big.bin", "data/big.bin", "notes.txt", "deep/a/b/c.txt"}


def test_a_folder_is_copied_with_everything_that_can_be_written(source: Path) -> None:
    (source / "score.py").chmod(0o640)
    assert copied(source) == EVERYTHING
    copy = source.parent / "target" / "score.py"
    assert copy.read_text() == "score.py"
    copy.write_text("changed")
    assert (source / "score.py").read_text() == "score.py"


def test_what_tools_leave_behind_stays_behind(source: Path) -> None:
    for folder in (".git", "lib/__pycache__", ".naiad"):
        (source / folder).mkdir()
        (source / folder / "x").touch()
    assert copied(source) == EVERYTHING


@pytest.mark.parametrize(
    ("rules", "left_out"),
    [
        (["*.txt"], {"notes.txt", "deep/a/b/c.txt"}),
        (["# a comment", "", "/*.txt"], {"notes.txt"}),
        (["data/"], {"data/big.bin", "lib/data/big.bin"}),
        (["/data"], {"data/big.bin"}),
        (["lib/data"], {"lib/data/big.bin"}),
        (["deep/**/c.txt"], {"deep/a/b/c.txt"}),
        (["**/big.bin"], {"data/big.bin", "lib/data/big.bin"}),
        (["*.bin", "!data/big.bin"], {"lib/data/big.bin"}),
        (["n?tes.txt"], {"notes.txt"}),
        (["[mn]otes.txt"], {"notes.txt"}),
        (["[!n]otes.txt"], set()),
        (["notes.txt/"], set()),
        (["deep/*/c.txt"], set()),
        (["no(tes.txt", "[", "***"], {*EVERYTHING}),
    ],
)
def test_an_ignore_file_leaves_out(source: Path, rules: list[str], left_out: set[str]) -> None:
    assert copied(source, *rules) == EVERYTHING - left_out


def test_azures_file_goes_before_gits(source: Path) -> None:
    (source / ".gitignore").write_text("notes.txt")
    assert copied(source, "score.py") == EVERYTHING - {"score.py"}


def test_gits_file_counts_where_there_is_no_other(source: Path) -> None:
    assert copied(source, "notes.txt", name=".gitignore") == EVERYTHING - {"notes.txt"}


def test_a_link_inside_becomes_a_file(source: Path) -> None:
    (source / "alias.txt").symlink_to("notes.txt")
    assert copied(source) == EVERYTHING | {"alias.txt"}
    assert not (source.parent / "target" / "alias.txt").is_symlink()


def test_a_link_outside_is_refused_and_may_be_ignored(source: Path) -> None:
    (source.parent / "secret").write_text("secret")
    (source / "alias.txt").symlink_to("../secret")
    with pytest.raises(ConfigError, match="points outside the source directory"):
        copy_source(source, source.parent / "refused")
    assert copied(source, "alias.txt") == EVERYTHING


def test_pipes_and_dangling_links_are_left_out(source: Path) -> None:
    (source / "nowhere").symlink_to("absent")
    assert copied(source) == EVERYTHING


@pytest.mark.parametrize("limit", [{"MAX_FILES": 2}, {"MAX_SIZE_BYTES": 20}])
def test_too_much_is_refused(source: Path, monkeypatch: pytest.MonkeyPatch, limit: dict[str, int]) -> None:
    for name, value in limit.items():
        monkeypatch.setattr(source_copy, name, value)
    with pytest.raises(ConfigError, match="holds more than") as raised:
        copy_source(source, source.parent / "target")
    assert raised.value.hint is not None
    assert ".amlignore" in raised.value.hint
