"""The traces that both servers write of the same requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.environment import TritonInstallation
from tests.conformance.triton import case, pair, rpc_messages
from tests.conformance.triton.case import Case, Corpus
from tests.conformance.triton.comparison import compare_values
from tests.conformance.triton.ledger import Ledger
from tests.conformance.triton.pair import Pair
from tests.support.http_client import json_body
from tests.support.onnx_models import TINY_CONFIG, tiny, write_model
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(400)

_corpus = Corpus("traces")
_VALUES = [0.5] * 16
_ROW = rpc_messages.tensor("x", [1, 16], "FP32", _VALUES)
_corpus.add("infer over HTTP", case.infer("tiny", case.tensor("x", [1, 16], "FP32", _VALUES), id="a"))
_corpus.add("generate", case.post("/v2/models/tiny/generate", json_body({"x": _VALUES, "id": "a"})))
_corpus.add("infer over gRPC", rpc_messages.infer("tiny", _ROW, identity="a"))
_corpus.add("infer over gRPC, no id", rpc_messages.infer("tiny", _ROW))
_corpus.add("a stream", rpc_messages.stream(rpc_messages.request("tiny", _ROW, identity="a")))
CASES = _corpus.cases


@dataclass(frozen=True, slots=True)
class Tracing:
    """Both servers, and where each writes a file for every trace."""

    servers: Pair
    folders: tuple[Path, Path]

    def traces(self, number: int) -> list[dict[str, Any]]:
        """One trace of each, the real server's first: what it is of, and its moments."""
        return [_trace(folder / f"trace.{number}") for folder in self.folders]


def _trace(path: Path) -> dict[str, Any]:
    def rows() -> list[dict[str, Any]]:
        try:
            return list(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return []

    found = wait_for(rows, f"{path} is whole")
    # The real server writes the moments of each of its threads for themselves.
    moments = sorted(moment["name"] for row in found for moment in row.pop("timestamps", ()))
    of = [{key: value for key, value in row.items() if key != "id"} for row in found]
    return {"of": [row for row in of if row], "moments": moments}


@pytest.fixture(scope="module")
def tracing(tmp_path_factory: pytest.TempPathFactory, installation: TritonInstallation) -> Iterator[Tracing]:
    """Both servers with one model, which write what they do with every request."""
    repository = tmp_path_factory.mktemp("repository")
    write_model(repository, "tiny", tiny(), TINY_CONFIG)
    folders = tmp_path_factory.mktemp("triton"), tmp_path_factory.mktemp("naiad")
    flags = [[f"--trace-config=triton,file={folder}/trace"] for folder in folders]
    with pair.running(
        repository,
        *("--trace-config=level=TIMESTAMPS", "--trace-config=rate=1", "--trace-config=triton,log-frequency=1"),
        installation=installation,
        directory=tmp_path_factory.mktemp("log"),
        triton_flags=flags[0],
        naiad_flags=flags[1],
    ) as both:
        yield Tracing(both, folders)


@pytest.mark.parametrize(("number", "case"), list(enumerate(CASES)), ids=[case.name for case in CASES])
def test_traces_agree(number: int, case: Case, tracing: Tracing, ledger: Ledger) -> None:
    """Which moments are told, and of which request of which model."""
    (request,) = case.requests
    unexplained = ledger.record(case.name, tracing.servers.differences(request), protocol=request.protocol)
    differences = compare_values("trace", *tracing.traces(number))
    unexplained += ledger.record(case.name, differences, protocol=request.protocol)
    assert not unexplained
