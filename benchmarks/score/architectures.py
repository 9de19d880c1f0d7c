"""The same model behind a script in two ways: run by the script itself (A), and by the engine that it asks (C)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from benchmarks.contenders import graph_of, open_session
from benchmarks.models import INPUT, MLP, OUTPUT
from benchmarks.naiad import NaiadServer
from benchmarks.recorded_request import RecordedRequest, WrongAnswerError
from benchmarks.score.hosts import NaiadHost, ScoreRow

WORKERS: Final = 2
ROW: Final = ScoreRow("score-c-16", 16, 0.8, "/score, MLP, C against A, 16 clients, 2 workers")

_HERE: Final = Path(__file__).parent
_BODY: Final = json.dumps({"data": MLP.input(1)[0].tolist()}).encode()
_REQUEST: Final = RecordedRequest("/score", {"Content-Type": "application/json"}, _BODY)


class PlainHost(NaiadHost):
    """Architecture A.

    Args:
        repository: that holds the model.
    """

    name: ClassVar[str] = "A, script alone"
    script: ClassVar[Path] = _HERE / "plain.py"
    request: ClassVar[RecordedRequest] = _REQUEST

    def __init__(self, repository: Path) -> None:
        super().__init__(workers=WORKERS)
        self.repository = repository

    def environment(self) -> Mapping[str, str]:
        """With the model's folder."""
        return {**super().environment(), "AZUREML_MODEL_DIR": str(self.repository)}

    def check(self, row: ScoreRow) -> None:
        """Compare one answer with onnxruntime's (raises `WrongAnswerError`)."""
        (expected,) = open_session(graph_of(self.repository, MLP)).run([OUTPUT], {INPUT: MLP.input(1)})
        if not np.allclose(answer := self.score(), expected[0], rtol=1e-4, atol=1e-5):
            raise WrongAnswerError(f"{self.http_url}/score answered {answer}, not {expected[0]}")


class EngineHost(PlainHost):
    """Architecture C.

    Args:
        engine: serves the model, and runs as long as this host.
    """

    name: ClassVar[str] = "C, script and engine"
    script: ClassVar[Path] = _HERE / "through_engine.py"

    def __init__(self, engine: NaiadServer) -> None:
        super().__init__(engine.repository)
        self._engine = engine

    def environment(self) -> Mapping[str, str]:
        """With the engine's address, which `localhost:8001` in the script means."""
        return {**super().environment(), "NAIAD_ENGINE_GRPC_URL": self._engine.grpc_url}
