"""Folders whose contents, versions or names are unusual."""

from __future__ import annotations

from tests.conformance.triton.folders.folder import ONE, TINY, TINY_CONFIG, Folder

FOLDERS = (
    Folder("layout_nothing", None, {}),
    Folder("layout_config_only", TINY_CONFIG, {}),
    Folder("layout_version_empty", TINY_CONFIG, {}, ("1",)),
    Folder("layout_version_empty_no_config", None, {}, ("1",)),
    Folder("layout_graph_unversioned", TINY_CONFIG, {"model.onnx": TINY}),
    Folder("layout_graph_broken", TINY_CONFIG, {"1/model.onnx": b"not a graph"}),
    Folder("layout_graph_empty", TINY_CONFIG, {"1/model.onnx": b""}),
    Folder("layout_graph_folder", None, {"1/model.onnx/model.onnx": TINY}),
    Folder("layout_graph_of_nobody", None, {"1/model.zzz": TINY}),
    Folder(
        "layout_one_version_broken",
        TINY_CONFIG + " version_policy { all {} }",
        {"1/model.onnx": TINY, "2/model.onnx": b"zz"},
    ),
    Folder("layout_version_0", TINY_CONFIG, {"0/model.onnx": TINY}),
    Folder("layout_version_01", TINY_CONFIG, {"01/model.onnx": TINY}),
    Folder("layout_version_word", TINY_CONFIG, {"abc/model.onnx": TINY}),
    Folder("layout_version_negative", TINY_CONFIG, {"-1/model.onnx": TINY}),
    Folder("layout_version_tail", TINY_CONFIG, {"1a/model.onnx": TINY}),
    Folder("layout_version_large", TINY_CONFIG, {"4294967296/model.onnx": TINY}),
    Folder(
        "layout_versions_mixed",
        TINY_CONFIG + " version_policy { all {} }",
        {"1/model.onnx": TINY, "01/model.onnx": TINY, "abc/model.onnx": TINY, "10/model.onnx": TINY},
    ),
    Folder(
        "layout_more_files",
        TINY_CONFIG,
        {
            "1/model.onnx": TINY,
            "README.md": b"x",
            "1/notes.txt": b"x",
            "warmup/data": b"x",
            "configs/other.pbtxt": b"x",
            ".hidden/x": b"x",
        },
    ),
    Folder("layout_version_is_file", TINY_CONFIG, {"1": TINY}),
    Folder("named.onnxruntime", f"max_batch_size: 0 {ONE}", {"1/model.onnx": TINY}),
    Folder("named.zzz", None, {"1/model.zzz": b"x"}),
    Folder("with-dash_and.dot", TINY_CONFIG),
    Folder("größe", TINY_CONFIG),
    Folder("0", TINY_CONFIG),
    Folder("stats", TINY_CONFIG),
    Folder("n" * 100, TINY_CONFIG),
)
"""What lies in a repository by accident or by habit."""

ONE_SIDED = (
    Folder("with space", TINY_CONFIG),
    Folder("layout_version_too_large", TINY_CONFIG, {"99999999999999999999/model.onnx": TINY}),
)
"""The real server does not come up over the one, and waits for the other for ever."""
