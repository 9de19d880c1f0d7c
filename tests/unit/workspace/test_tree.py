from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from naiad.errors import ContentTooLargeError, InvalidArgumentError, NotFoundError
from naiad.workspace.tree import ModelLimits, SourceTree, draw_tree, scan


def listed(tree: SourceTree) -> dict[str, int]:
    return {entry.path: entry.size_bytes for entry in tree.entries}


def scan_default(path: Path) -> SourceTree:
    return scan(path, limits=ModelLimits())


def test_a_file_is_a_tree_of_one(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"abc")
    tree = scan_default(tmp_path / "model.onnx")
    assert tree.entry == "model.onnx"
    assert listed(tree) == {"model.onnx": 3}
    assert tree.size_bytes == 3


def test_a_folder_keeps_its_basename_and_its_empty_folders(tmp_path: Path) -> None:
    (tmp_path / "models" / "ensemble" / "1").mkdir(parents=True)
    (tmp_path / "models" / "config").write_bytes(b"x")
    tree = scan_default(tmp_path / "models")
    assert listed(tree) == {"models/config": 1, "models/ensemble/1": 0}
    assert [entry.path for entry in tree.entries if entry.source is None] == ["models/ensemble/1"]


def test_the_working_directory_has_a_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "a").write_bytes(b"")
    monkeypatch.chdir(tmp_path / "project")
    assert listed(scan(".", limits=ModelLimits())) == {"project/a": 0}


def test_the_root_folder_has_none() -> None:
    with pytest.raises(InvalidArgumentError, match="no name of its own"):
        scan("/", limits=ModelLimits())


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="Path does not exist: "):
        scan_default(tmp_path / "nothing")


def test_links_that_stay_inside_are_followed(tmp_path: Path) -> None:
    (tmp_path / "m" / "real").mkdir(parents=True)
    (tmp_path / "m" / "real" / "file").write_bytes(b"12")
    (tmp_path / "m" / "link").symlink_to("real")
    (tmp_path / "m" / "file").symlink_to(tmp_path / "m" / "real" / "file")
    assert listed(scan_default(tmp_path / "m")) == {"m/file": 2, "m/link/file": 2, "m/real/file": 2}


def test_the_registered_path_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_bytes(b"1")
    (tmp_path / "models").symlink_to("data")
    assert listed(scan_default(tmp_path / "models")) == {"models/file": 1}


@pytest.mark.parametrize("target", ["../secret", "/etc", "/etc/passwd"])
def test_links_to_the_outside_are_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "secret").write_bytes(b"key")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "link").symlink_to(target)
    with pytest.raises(InvalidArgumentError, match="points outside the registered folder"):
        scan_default(tmp_path / "m")


def test_links_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "link").symlink_to("gone")
    with pytest.raises(InvalidArgumentError, match="leads nowhere"):
        scan_default(tmp_path / "m")


def test_links_that_lead_to_each_other_end(tmp_path: Path) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / "m" / one).mkdir(parents=True)
        (tmp_path / "m" / one / "link").symlink_to(f"../{other}")
    with pytest.raises(InvalidArgumentError, match="a folder that contains it"):
        scan_default(tmp_path / "m")


def test_a_named_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    os.mkfifo(tmp_path / "m" / "pipe")
    with pytest.raises(InvalidArgumentError, match="m/pipe is a named pipe"):
        scan_default(tmp_path / "m")


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m").mkdir()
    monkeypatch.chdir(tmp_path / "m")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        with pytest.raises(InvalidArgumentError, match="m/s is a socket"):
            scan_default(tmp_path / "m")


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (Path(os.fsdecode(os.fsencode(tmp_path / "m") + b"/\xff"))).write_bytes(b"")
    with pytest.raises(InvalidArgumentError, match="not valid UTF-8"):
        scan_default(tmp_path / "m")


def test_the_excluded_folder_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "m" / ".naiad").mkdir(parents=True)
    (tmp_path / "m" / ".naiad" / "workspace.db").write_bytes(b"x")
    (tmp_path / "m" / "file").write_bytes(b"x")
    tree = scan(tmp_path / "m", limits=ModelLimits(), excluded=tmp_path / "m" / ".naiad")
    assert listed(tree) == {"m/file": 1}


def test_limits(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(b"12345")
    scan(tmp_path, limits=ModelLimits(max_files=3, max_size_bytes=15))
    with pytest.raises(ContentTooLargeError, match="more than 2 files"):
        scan(tmp_path, limits=ModelLimits(max_files=2))
    with pytest.raises(ContentTooLargeError, match="bigger than 14 bytes"):
        scan(tmp_path, limits=ModelLimits(max_size_bytes=14))


def test_limits_from_the_environment() -> None:
    assert ModelLimits.from_environment({}) == ModelLimits()
    limits = ModelLimits.from_environment({"NAIAD_MODEL_MAX_FILES": "7", "NAIAD_MODEL_MAX_SIZE_BYTES": "9"})
    assert limits == ModelLimits(max_files=7, max_size_bytes=9)


@pytest.mark.parametrize("value", ["0", "-1", "many", "", "1.5", "²"])
def test_limits_that_are_none(value: str) -> None:
    with pytest.raises(InvalidArgumentError, match="NAIAD_MODEL_MAX_FILES must be a positive integer"):
        ModelLimits.from_environment({"NAIAD_MODEL_MAX_FILES": value})


def test_drawing() -> None:
    assert draw_tree(("m/b/1/model", "m/a/1", "m/z")) == "m/\n  a/\n    1\n  b/\n    1/\n      model\n  z"


def test_a_drawing_ends_after_forty_lines() -> None:
    lines = draw_tree(tuple(f"m/{number:03}" for number in range(100))).splitlines()
    assert len(lines) == 40
    assert lines[-1] == "… and 62 more"
