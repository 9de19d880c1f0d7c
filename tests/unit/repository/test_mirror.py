from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from naiad.errors import InternalError
from naiad.repository.mirror import Mirror
from naiad.repository.remote_files import RemoteFile


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    mirror = Mirror(tmp_path / "cache")
    yield mirror
    mirror.close()


def listing(**files: str) -> dict[str, RemoteFile]:
    return {path.replace("__", "/"): RemoteFile(path, len(text), f"stamp of {text}") for path, text in files.items()}


def bring(mirror: Mirror, files: dict[str, RemoteFile]) -> list[str]:
    """Fetch what is missing: every file holds the text that its stamp names."""
    missing = mirror.missing("m", files)
    incoming = mirror.incoming("m")
    for path in missing:
        (incoming / path).parent.mkdir(parents=True, exist_ok=True)
        (incoming / path).write_text(files[path].stamp.removeprefix("stamp of "))
    mirror.apply("m", files, missing)
    return missing


def contents(mirror: Mirror) -> dict[str, str]:
    folder = mirror.path("m")
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_missing_at_first(mirror: Mirror) -> None:
    assert bring(mirror, listing(config="c", a__x="1")) == ["config", "a/x"]
    assert contents(mirror) == {"config": "c", "a/x": "1"}
    assert mirror.missing("m", listing(config="c", a__x="1")) == []


def test_only_what_changed_is_missing(mirror: Mirror) -> None:
    bring(mirror, listing(config="c", a__x="1", a__y="2", b__x="3"))
    inode = (mirror.path("m") / "a/x").stat().st_ino
    assert bring(mirror, listing(config="d", a__x="1", a__z="new")) == ["config", "a/z"]
    assert contents(mirror) == {"config": "d", "a/x": "1", "a/z": "new"}
    assert (mirror.path("m") / "a/x").stat().st_ino == inode
    assert not (mirror.path("m") / "b").exists()


def test_a_folder_becomes_a_file_and_a_file_a_folder(mirror: Mirror) -> None:
    bring(mirror, listing(a__x="1", b="2"))
    bring(mirror, listing(a="3", b__x="4"))
    assert contents(mirror) == {"a": "3", "b/x": "4"}


def test_copies_outlast_the_process(tmp_path: Path) -> None:
    files = listing(config="c")
    for expected in (["config"], []):
        mirror = Mirror(tmp_path)
        assert bring(mirror, files) == expected
        mirror.close()


def test_a_copy_that_somebody_damaged(mirror: Mirror) -> None:
    files = listing(a="1", b="2")
    bring(mirror, files)
    (mirror.path("m") / "a").write_text("longer")
    (mirror.path("m") / "b").unlink()
    assert mirror.missing("m", files) == ["a", "b"]


@pytest.mark.parametrize("text", ["", "[]", "7", '{"a": 1}', '{"a": ["x", "y"]}', "{"])
def test_a_manifest_that_nobody_understands(mirror: Mirror, text: str) -> None:
    files = listing(a="1")
    bring(mirror, files)
    (mirror.root / "manifests" / "m.json").write_text(text)
    assert mirror.missing("m", files) == ["a"]


def test_a_crash_while_files_are_replaced(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(mirror, listing(a="1", b="2"))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(json, "dumps", crash)
    with pytest.raises(KeyboardInterrupt):
        bring(mirror, listing(a="3", b="4"))
    monkeypatch.undo()
    assert mirror.missing("m", listing(a="1", b="2")) == ["a", "b"]
    assert bring(mirror, listing(a="1", b="2")) == ["a", "b"]
    assert contents(mirror) == {"a": "1", "b": "2"}


def test_what_a_crash_left_in_the_incoming_folder(mirror: Mirror) -> None:
    (mirror.incoming("m") / "half").write_text("x")
    assert list(mirror.incoming("m").iterdir()) == []


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    first, second = Mirror(tmp_path), Mirror(tmp_path)
    assert first.root == tmp_path
    assert second.root != tmp_path
    bring(second, listing(a="1"))
    second.close()
    assert not second.root.exists()
    first.close()
    third = Mirror(tmp_path)
    assert third.root == tmp_path
    third.close()


def test_nobody_else_may_look(mirror: Mirror) -> None:
    assert stat.S_IMODE(mirror.root.stat().st_mode) == 0o700


class TestForgetting:
    def test_what_is_gone(self, mirror: Mirror) -> None:
        bring(mirror, listing(a="1"))
        mirror.forget_all_but({"m"}, listed_at=time.monotonic())
        assert contents(mirror) == {"a": "1"}
        mirror.forget_all_but(set(), listed_at=time.monotonic())
        assert not mirror.path("m").exists()
        assert mirror.missing("m", listing(a="1")) == ["a"]

    def test_what_came_after_the_listing_stays(self, mirror: Mirror) -> None:
        listed_at = time.monotonic() - 1
        bring(mirror, listing(a="1"))
        mirror.forget_all_but(set(), listed_at=listed_at)
        assert contents(mirror) == {"a": "1"}

    def test_what_an_earlier_process_left(self, tmp_path: Path) -> None:
        first = Mirror(tmp_path)
        bring(first, listing(a="1"))
        first.close()
        second = Mirror(tmp_path)
        second.forget_all_but(set(), listed_at=time.monotonic())
        assert not second.path("m").exists()
        second.close()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InternalError, match=r"unable to keep copies of models in '.*file/x': Not a directory"):
        Mirror(tmp_path / "file" / "x")


def test_the_lock_is_not_inherited(mirror: Mirror) -> None:
    descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
    held = [number for number in descriptors if _target(number) == str(mirror.root / "lock")]
    assert [os.get_inheritable(number) for number in held] == [False]


def _target(number: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except FileNotFoundError:  # the descriptor of the listing itself
        return ""
