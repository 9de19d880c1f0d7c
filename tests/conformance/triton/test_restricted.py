"""The same requests to both servers, which restrict some of their protocols."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.environment import TritonInstallation
from tests.conformance.triton import pair
from tests.conformance.triton.case import Case
from tests.conformance.triton.corpus import restricted
from tests.conformance.triton.ledger import Ledger
from tests.conformance.triton.pair import Pair
from tests.support.onnx_models import TINY_CONFIG, tiny, write_model

pytestmark = pytest.mark.timeout(400)

CASES = restricted.CASES


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, installation: TritonInstallation) -> Iterator[Pair]:
    """Both servers with one model."""
    repository = tmp_path_factory.mktemp("repository")
    write_model(repository, "tiny", tiny(), TINY_CONFIG)
    with pair.running(
        repository, *restricted.FLAGS, installation=installation, directory=tmp_path_factory.mktemp("naiad")
    ) as both:
        yield both


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answers_agree(case: Case, servers: Pair, ledger: Ledger) -> None:
    """Who has no key is told which header is missing, and nothing else."""
    unexplained = []
    for request in case.requests:
        unexplained += ledger.record(case.name, servers.differences(request), protocol=request.protocol)
    assert not unexplained
