from __future__ import annotations

from pathlib import Path

import pytest

from naiad.workspace.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """`models/triton/{bert,cnn}/…`, as the seed draws it but for the place of the configuration."""
    root = tmp_path / "models"
    for model in ("bert", "cnn"):
        version = root / "triton" / model / "1"
        version.mkdir(parents=True)
        (version / "model.onnx").write_bytes(f"weights of {model}".encode())
    (root / "triton" / "cnn" / "config.pbtxt").write_text("max_batch_size: 8")
    return root
