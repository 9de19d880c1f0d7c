"""naiad and the real tritonserver over the same model repository."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import grpc

from benchmarks.environment import TritonInstallation
from benchmarks.server import ServerError
from benchmarks.triton import TritonServer
from tests.conformance.triton.case import Request
from tests.conformance.triton.comparison import Difference, compare, compare_values
from tests.conformance.triton.rpc import Outcome, Rpc, compare_outcomes, connect, invoke
from tests.conformance.triton.wire import Reply, ask
from tests.support import server as naiad_server
from tests.support.waiting import wait_for

_START_S = 240.0
_STARTS = 3
_SETTLE_S = 60.0

# Loading is mostly waiting for the processes that the real server starts, so more than its four at a time.
_LOADS_AT_A_TIME = "--model-load-thread-count=24"

SHARE_MEMORY = ("--allow-client-shm=true",)
"""For naiad: the real server of this version has no such flag, and its clients may always share memory."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Both servers, ready.

    Attributes:
        triton: the real one.
        naiad: ours.
        channels: to the gRPC port of the one and of the other.
    """

    triton: TritonServer
    naiad: naiad_server.Server
    channels: tuple[grpc.Channel, grpc.Channel]

    def differences(self, request: Request | Rpc) -> list[Difference]:
        """Send a request to both, and say where their answers differ."""
        if isinstance(request, Rpc):
            outcomes = [_invoke(channel, request) for channel in self.channels]
            self._assert_alive()
            return compare_outcomes(request, *outcomes)
        one, other = self.ask(request)
        if request.view is None:
            return compare(one, other)
        return compare_values("view", *(request.view(reply.answers[-1]) for reply in (one, other)))

    def ask(self, request: Request) -> tuple[Reply, Reply]:
        """Send a request to both; the real server's reply first."""
        ports = (
            (self.triton.metrics_port, self.naiad.metrics_port)
            if request.metrics
            else (self.triton.http_port, self.naiad.http_port)
        )
        one, other = (_ask(port, request) for port in ports)
        self._assert_alive()
        return one, other

    def _assert_alive(self) -> None:
        assert self.triton.process.poll() is None, "the real server died of this request: it belongs into one_sided.py"


@contextmanager
def running(
    repository: Path,
    *flags: str,
    installation: TritonInstallation,
    directory: Path,
    triton_flags: Sequence[str] = (),
    naiad_flags: Sequence[str] = (),
) -> Iterator[Pair]:
    """Both servers over a repository; gone afterwards.

    Args:
        repository: the models.
        flags: for both.
        installation: of the real server.
        directory: for naiad's log.
        triton_flags, naiad_flags: for one of them alone.
    """
    flags_of_triton = (*flags, *triton_flags, _LOADS_AT_A_TIME)
    triton = TritonServer(repository, installation=installation, extra_flags=flags_of_triton, ready_timeout_s=_START_S)
    # The name in server metadata is a setting; with Triton's, one difference less needs to be known.
    ours = naiad_server.spawn(repository, "--id=triton", *flags, *naiad_flags, directory=directory)
    try:
        _start(triton)
        try:
            ours.wait_until_ready()
            with connect(triton.grpc_port) as one, connect(ours.grpc_port) as other:
                yield Pair(triton, ours, (one, other))
        finally:
            # Unloading every model takes the real server longer than all the rest, and nobody wants them back.
            os.killpg(triton.process.pid, signal.SIGKILL)
            triton.stop()
    finally:
        naiad_server.end(ours)


def _start(server: TritonServer) -> None:
    # On a busy machine its processes now and then lose a lock that they share, and then it dies while it starts.
    for _ in range(_STARTS - 1):
        with suppress(ServerError):
            server.start()
            return
    server.start()


def _invoke(channel: grpc.Channel, rpc: Rpc) -> Outcome:
    outcomes = list[Outcome]()

    def is_settled() -> bool:
        outcomes.append(invoke(channel, rpc))
        return rpc.until is None or rpc.until(rpc.decoded(outcomes[-1].responses[-1]))

    wait_for(is_settled, f"the outcome of {rpc.path}", deadline_s=_SETTLE_S)
    return outcomes[-1]


def _ask(port: int, request: Request) -> Reply:
    replies = list[Reply]()

    def is_settled() -> bool:
        replies.append(ask(port, request.data, then=request.then, answers=request.answers))
        return request.until is None or request.until(replies[-1].answers[-1])

    wait_for(is_settled, f"the answer to {request.data[:200]!r}", deadline_s=_SETTLE_S)
    return replies[-1]
