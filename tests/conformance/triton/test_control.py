"""The same requests to both servers in explicit mode: models come and go, tensors travel through shared memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.environment import TritonInstallation
from tests.conformance.triton import pair
from tests.conformance.triton.case import Case
from tests.conformance.triton.corpus import control, grpc_control, grpc_shared_memory, shared_memory
from tests.conformance.triton.ledger import Ledger
from tests.conformance.triton.pair import SHARE_MEMORY, Pair

pytestmark = pytest.mark.timeout(400)

CASES = [case for corpus in (control, shared_memory, grpc_control, grpc_shared_memory) for case in corpus.CASES]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, installation: TritonInstallation) -> Iterator[Pair]:
    """Both servers without a model, in explicit mode."""
    repository = tmp_path_factory.mktemp("repository")
    for folder in (*control.FOLDERS, *grpc_control.FOLDERS):
        folder.write(repository)
    with (
        shared_memory.segments(),
        pair.running(
            repository,
            "--model-control-mode=explicit",
            installation=installation,
            directory=tmp_path_factory.mktemp("naiad"),
            naiad_flags=SHARE_MEMORY,
        ) as both,
    ):
        yield both


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answers_agree(case: Case, servers: Pair, ledger: Ledger) -> None:
    """Status, headers and body are the same, but for what is known to differ; the cases build upon each other."""
    unexplained = []
    for request in case.requests:
        unexplained += ledger.record(case.name, servers.differences(request), protocol=request.protocol)
    assert not unexplained
