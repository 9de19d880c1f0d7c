from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.errors import InvalidArgumentError
from naiad.repository.remote_files import RemoteFile, check_listing, fingerprint, group_by_model


def info(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "size": 3, "type": "file", "ETag": "e", **more}


def listing(*paths: str, size: int = 1, stamp: str = "s") -> dict[str, RemoteFile]:
    return {path: RemoteFile(f"/root/m/{path}", size, stamp) for path in paths}


class TestGrouping:
    @pytest.mark.parametrize(
        ("root", "start"), [("bucket/models", "bucket/models/"), ("/models", "/models/"), ("", ""), ("/", "/")]
    )
    def test_files_of_models(self, root: str, start: str) -> None:
        found = group_by_model(
            root, [info(f"{start}{path}") for path in ("a/1/m", "a/config.pbtxt", "b/1/m", "README")]
        )
        assert {name: sorted(files) for name, files in found.items()} == {"a": ["1/m", "config.pbtxt"], "b": ["1/m"]}
        assert found["b"]["1/m"] == RemoteFile(f"{start}b/1/m", 3, "e")

    @pytest.mark.parametrize(
        "other",
        [
            info("r/a/1", type="directory"),
            info("r/a/1/", size=0),
            info("r/.git/config"),
            info("r/../etc/passwd"),
            info("r/a\\b/1"),
            info("r//1/m"),
            info("r2/a/1/m"),
        ],
    )
    def test_what_is_no_file_of_a_model(self, other: dict[str, Any]) -> None:
        assert group_by_model("r", [other]) == {}

    @pytest.mark.parametrize(
        ("more", "stamp"),
        [
            ({"ETag": "a", "LastModified": "t"}, "a"),
            ({"ETag": None, "mtime": 5}, "5"),
            ({"ETag": None}, ""),
        ],
    )
    def test_stamps(self, more: dict[str, Any], stamp: str) -> None:
        assert group_by_model("r", [info("r/a/1", **more)])["a"]["1"].stamp == stamp


class TestFingerprints:
    def test_groups(self) -> None:
        seen = fingerprint(listing("config.pbtxt", "configs/x.pbtxt", "labels.txt", "1/m", "2/x/y", "01/m", "warmup/d"))
        assert {row[0] for row in seen.config} == {"config.pbtxt", "configs/x.pbtxt"}
        assert {row[0] for row in seen.shared} == {"labels.txt", "01/m", "warmup/d"}
        assert {version: {row[0] for row in rows} for version, rows in seen.versions.items()} == {
            1: {"1/m"},
            2: {"2/x/y"},
        }

    @pytest.mark.parametrize("other", [listing("1/m", size=2), listing("1/m", stamp="t"), listing("1/n"), listing()])
    def test_a_change_shows(self, other: dict[str, RemoteFile]) -> None:
        assert fingerprint(listing("1/m")) == fingerprint(listing("1/m"))
        assert fingerprint(listing("1/m")) != fingerprint(other)


class TestLimits:
    def test_what_may_be(self) -> None:
        check_listing("m", listing("1/model.onnx", "config.pbtxt", "1/..x", size=5), max_bytes=15, max_files=3)

    def test_too_many_files(self) -> None:
        with pytest.raises(
            InvalidArgumentError, match="model 'm' has 2 files, more than the 1 that are allowed"
        ) as caught:
            check_listing("m", listing("a", "b"), max_bytes=9, max_files=1)
        assert caught.value.hint == "--repository-max-model-files sets the limit"

    def test_too_large(self) -> None:
        with pytest.raises(
            InvalidArgumentError, match="model 'm' has 10 bytes, more than the 9 that are all"
        ) as caught:
            check_listing("m", listing("a", "b", size=5), max_bytes=9, max_files=9)
        assert caught.value.hint == "--repository-max-model-size sets the limit"

    def test_an_unknown_size(self) -> None:
        files = group_by_model("r", [info("r/m/a", size=None)])["m"]
        with pytest.raises(InvalidArgumentError, match="has a file 'a' whose size the repository does not tell"):
            check_listing("m", files, max_bytes=9, max_files=9)

    @pytest.mark.parametrize(
        "path", ["../x", "1/../../x", "..", "/etc/passwd", "a//b", "./a", "a/./b", "a/", "a\\b", "a\0b", "", "."]
    )
    def test_paths_that_lead_elsewhere(self, path: str) -> None:
        with pytest.raises(InvalidArgumentError, match="which cannot be a path in its folder"):
            check_listing("m", listing("ok", path), max_bytes=9, max_files=9)

    def test_a_file_where_a_folder_is(self) -> None:
        with pytest.raises(InvalidArgumentError, match="has '1/m/x' below a file, where only a folder can be"):
            check_listing("m", listing("1/m", "1/m/x"), max_bytes=9, max_files=9)

    @given(st.text(st.sampled_from("ab./\\\0"), max_size=8))
    def test_no_path_leads_out_of_the_folder(self, path: str) -> None:
        try:
            check_listing("m", listing(path), max_bytes=9, max_files=9)
        except InvalidArgumentError:
            return
        parts = path.split("/")
        assert parts
        assert not {"", ".", ".."} & set(parts)
