from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from naiad.cli.main import run


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        assert self.status == 0, self.err
        return json.loads(self.out)


Naiad = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Commands set up this process' logging; what comes after a test must not notice."""
    yield
    logger = logging.getLogger("naiad")
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def naiad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Naiad:
    """The command line in this process, on a workspace of its own, from a folder of its own."""
    monkeypatch.setenv("NAIAD_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Outcome:
        capsys.readouterr()
        status = run(arguments)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return call


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with a model repository, `models/triton/bert/1/model.onnx`."""
    version = tmp_path / "models" / "triton" / "bert" / "1"
    version.mkdir(parents=True)
    (version / "model.onnx").write_bytes(b"weights")
    return tmp_path / "models"
