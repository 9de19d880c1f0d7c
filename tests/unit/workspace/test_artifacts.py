from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from naiad.errors import InternalError, InvalidArgumentError
from naiad.workspace.artifacts import Artifact, ArtifactStore
from naiad.workspace.tree import ModelLimits, scan


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


def add(store: ArtifactStore, path: Path) -> Artifact:
    return store.add(scan(path, limits=ModelLimits()))


def blobs(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "artifacts" / "sha256").rglob("*") if path.is_file()]


def contents(root: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
        if path.is_file() or not any(path.iterdir())
    }


def test_a_tree_comes_back_as_it_was(store: ArtifactStore, tmp_path: Path, repository: Path) -> None:
    (repository / "triton" / "ensemble" / "1").mkdir(parents=True)
    artifact = add(store, repository)
    store.copy(artifact, tmp_path / "copied")
    store.link(artifact, tmp_path / "linked")
    expected = contents(repository)
    assert contents(tmp_path / "copied" / "models") == expected
    assert contents(tmp_path / "linked" / "models") == expected
    assert artifact.size_bytes == sum(len(content) for content in expected.values() if content)


def test_equal_files_are_stored_once(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    for name in "abc":
        (tmp_path / "m" / name).write_bytes(b"same")
    add(store, tmp_path / "m")
    add(store, tmp_path / "m")
    assert len(blobs(tmp_path)) == 1
    assert list((tmp_path / "artifacts" / "incoming").iterdir()) == []


def test_stored_files_are_read_only_and_links_of_them(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"x")
    artifact = add(store, tmp_path / "m")
    store.link(artifact, tmp_path / "linked")
    (blob,) = blobs(tmp_path)
    assert stat.S_IMODE(blob.stat().st_mode) == 0o444
    assert blob.samefile(tmp_path / "linked" / "m")


def test_without_hard_links_files_are_copied(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    (tmp_path / "m").write_bytes(b"x")
    artifact = add(store, tmp_path / "m")
    monkeypatch.setattr(os, "link", refuse)
    store.link(artifact, tmp_path / "linked")
    assert (tmp_path / "linked" / "m").read_bytes() == b"x"
    assert stat.S_IMODE((tmp_path / "linked" / "m").stat().st_mode) == 0o444


def test_the_digest_is_of_names_and_contents(store: ArtifactStore, tmp_path: Path) -> None:
    digests = set()
    for number, (name, content) in enumerate([("a", b"1"), ("a", b"2"), ("b", b"1"), ("a", b"1")]):
        folder = tmp_path / str(number) / "m"
        folder.mkdir(parents=True)
        (folder / name).write_bytes(content)
        digests.add(add(store, folder).digest)
    assert len(digests) == 3


def test_an_empty_folder_is_not_an_empty_file(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "1" / "m" / "x").mkdir(parents=True)
    (tmp_path / "2" / "m").mkdir(parents=True)
    (tmp_path / "2" / "m" / "x").write_bytes(b"")
    assert add(store, tmp_path / "1" / "m").digest != add(store, tmp_path / "2" / "m").digest


def test_progress_counts_bytes(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a").write_bytes(b"1" * (3 << 20))
    (tmp_path / "m" / "b").write_bytes(b"22")
    seen: list[tuple[int, int]] = []
    store.add(scan(tmp_path / "m", limits=ModelLimits()), progress=lambda done, total: seen.append((done, total)))
    total = (3 << 20) + 2
    assert seen == [(1 << 20, total), (2 << 20, total), (3 << 20, total), (total, total)]


def test_a_damaged_file_is_noticed(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"right")
    artifact = add(store, tmp_path / "m")
    (blob,) = blobs(tmp_path)
    blob.chmod(0o644)
    blob.write_bytes(b"wrong")
    with pytest.raises(InternalError, match="the stored file of m is damaged"):
        store.copy(artifact, tmp_path / "copied")


def test_a_missing_file_is_noticed(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"right")
    artifact = add(store, tmp_path / "m")
    assert store.holds(artifact)
    store.remove([entry.digest for entry in artifact.entries if entry.digest])
    assert not store.holds(artifact)
    with pytest.raises(InternalError, match="the stored file of m is missing"):
        store.link(artifact, tmp_path / "linked")


def test_a_file_that_vanishes_leaves_nothing_behind(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"x")
    tree = scan(tmp_path / "m", limits=ModelLimits())
    (tmp_path / "m").unlink()
    with pytest.raises(InvalidArgumentError, match="cannot be stored: No such file"):
        store.add(tree)
    assert [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()] == []


def test_what_a_crashed_writer_left_is_removed_after_a_day(store: ArtifactStore, tmp_path: Path) -> None:
    incoming = tmp_path / "artifacts" / "incoming"
    incoming.mkdir(parents=True)
    for name, age_s in (("old", 25 * 3600), ("new", 0)):
        (incoming / name).write_bytes(b"")
        moment = (incoming / name).stat().st_mtime - age_s
        os.utime(incoming / name, (moment, moment))
    store.remove([])
    assert [path.name for path in incoming.iterdir()] == ["new"]
