"""The same requests to both servers over the same models: everything that does not load or unload any."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.environment import TritonInstallation
from tests.conformance.triton import models, pair
from tests.conformance.triton.case import Case
from tests.conformance.triton.corpus import (
    binary,
    compression,
    connections,
    counters,
    datatypes,
    extensions,
    generate,
    grpc_calls,
    grpc_contents,
    grpc_requests,
    grpc_settings,
    grpc_streams,
    grpc_views,
    metadata,
    one_sided,
    outputs,
    plain,
    repository,
    request_json,
    routes,
    shapes,
)
from tests.conformance.triton.ledger import Ledger
from tests.conformance.triton.pair import SHARE_MEMORY, Pair
from tests.conformance.triton.wire import ask

pytestmark = pytest.mark.timeout(400)

# The repository's cases come first: they look at statistics that later ones fill.
_CORPORA = (
    grpc_views,
    *(repository, plain, routes, metadata, connections, request_json, datatypes, binary),
    *(shapes, outputs, compression, generate, extensions),
    *(grpc_calls, grpc_contents, grpc_requests, grpc_settings, grpc_streams),
    counters,
)
CASES = [case for corpus in _CORPORA for case in corpus.CASES]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, installation: TritonInstallation) -> Iterator[Pair]:
    """Both servers with every model loaded at the start."""
    repository = models.write_repository(tmp_path_factory.mktemp("repository"))
    with pair.running(
        repository,
        installation=installation,
        directory=tmp_path_factory.mktemp("naiad"),
        naiad_flags=SHARE_MEMORY,
    ) as both:
        yield both


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answers_agree(case: Case, servers: Pair, ledger: Ledger) -> None:
    """Status, headers and body are the same, but for what is known to differ."""
    unexplained = []
    for request in case.requests:
        unexplained += ledger.record(case.name, servers.differences(request), protocol=request.protocol)
    assert not unexplained


@pytest.mark.parametrize("case", one_sided.CASES, ids=lambda case: case.name)
def test_naiad_answers_what_the_real_server_does_not(case: one_sided.OneSided, servers: Pair) -> None:
    """These requests kill the real server or leave it silent; naiad answers and goes on."""
    reply = ask(servers.naiad.http_port, case.data, answers=len(case.statuses))
    assert [answer.status for answer in reply.answers] == list(case.statuses)
