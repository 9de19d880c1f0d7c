"""Model folders, good and bad, as they lie in a repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import onnx_models

TINY = onnx_models.tiny().SerializeToString()
"""x FP32[N,16] → y FP32[N,4]."""

TABLE = onnx_models.identity(("INT32", (2, 3))).SerializeToString()
"""i0 INT32[2,3] → o0, unchanged: no batch dimension."""

X = 'input { name: "x" data_type: TYPE_FP32 dims: 16 }'
Y = 'output { name: "y" data_type: TYPE_FP32 dims: 4 }'
ONE = "instance_group { kind: KIND_CPU count: 1 }"
TINY_CONFIG = f'backend: "onnxruntime" max_batch_size: 8 {X} {Y} {ONE}'
TABLE_CONFIG = (
    'backend: "onnxruntime" input { name: "i0" data_type: TYPE_INT32 dims: [2, 3] } '
    f'output {{ name: "o0" data_type: TYPE_INT32 dims: [2, 3] }} {ONE}'
)


@dataclass(frozen=True, slots=True)
class Folder:
    """One model's folder.

    Attributes:
        name: of the folder.
        config: text of config.pbtxt; None for no file.
        files: contents by path inside the folder.
        folders: paths of empty folders inside it.
    """

    name: str
    config: str | None = TINY_CONFIG
    files: Mapping[str, bytes] = field(default_factory=lambda: {"1/model.onnx": TINY})
    folders: tuple[str, ...] = ()

    def write(self, repository: Path) -> None:
        """Make the folder."""
        root = repository / self.name
        root.mkdir()
        for path in self.folders:
            (root / path).mkdir(parents=True)
        for path, content in self.files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        if self.config is not None:
            (root / "config.pbtxt").write_text(self.config, encoding="utf-8")


def table(name: str, config: str | None) -> Folder:
    """A folder with the graph that does not batch."""
    return Folder(name, config, {"1/model.onnx": TABLE})
