"""A server that gets HTTP/2 and gRPC as nobody should speak them answers, or closes, and stays as it was.

`NAIAD_FUZZ_SECONDS` says how long it goes on (8), `NAIAD_FUZZ_SEED` with what (0), `NAIAD_FUZZ_ROUND` where it begins.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from tests.conformance.http2.client import Client, Stream
from tests.fuzz.corpus import ATTACKED, WATCHED, write_models
from tests.fuzz.http2_attack import attack, greet, make_talks
from tests.fuzz.http2_corpus import conversation, interleave
from tests.fuzz.watch import Watch
from tests.support.server import Server, running

SECONDS = float(os.environ.get("NAIAD_FUZZ_SECONDS", "8"))
SEED = os.environ.get("NAIAD_FUZZ_SEED", "0")
FIRST_ROUND = int(os.environ.get("NAIAD_FUZZ_ROUND", "0"))

ROUNDS_BETWEEN_CHECKS = 10
WARM_UP = 0.4
"""The part of the time after which memory may not grow."""
MAX_GROWTH_BYTES = 16 << 20
MIN_OUTCOMES = 25
"""How many different answers the least run brings."""

FLAGS = (
    "--model-control-mode=explicit",
    *(f"--load-model={name}" for name in (WATCHED, *ATTACKED)),
    "--http-max-input-size=1000000",
    "--http-max-body-size=2000000",
    "--allow-client-shm=true",
    "--grpc-http2-max-ping-strikes=0",
    "--strict-readiness=false",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("fuzz")
    write_models(folder / "models")
    with running(folder / "models", *FLAGS, directory=folder / "server") as running_server:
        yield running_server


@pytest.fixture
def watch(server: Server) -> Iterator[Watch]:
    watch = Watch(server)
    yield watch
    watch.close()


def test_every_kind_of_conversation_is_right_before_it_is_spoilt(server: Server) -> None:
    random = Random(SEED)
    for _ in range(60):
        exchanges = conversation(random)
        with Client(server.http_port) as client:
            greet(client)
            client.send(*interleave(exchanges, random))
            for index, exchange in enumerate(exchanges):
                stream = client.read_stream(1 + 2 * index)
                assert (stream.status, stream.grpc_status) == (200, 0 if exchange.is_rpc else -1), exchange


@pytest.mark.timeout(SECONDS + 100)
def test_bad_frames_change_nothing(server: Server, watch: Watch) -> None:
    started = time.monotonic()
    number, settled_bytes = FIRST_ROUND, 0
    outcomes: Counter[str] = Counter()
    while (elapsed := time.monotonic() - started) < SECONDS:
        if not settled_bytes and elapsed > SECONDS * WARM_UP:
            settled_bytes = watch.resident_bytes
        talks, random = make_talks(SEED, number)
        try:
            for _, streams in attack(server.http_port, talks, random):
                outcomes.update(map(_outcome, streams))
            if number % ROUNDS_BETWEEN_CHECKS == 0:
                watch.check()
                watch.check_log()
        except BaseException as error:
            error.add_note(f"seed {SEED}, round {number}: {[talk.name for talk in talks]}\n{server.log[-4000:]}")
            raise
        number += 1
    grown_bytes = watch.resident_bytes - settled_bytes
    watch.check()
    watch.check_log()
    watch.await_as_before()
    assert grown_bytes < MAX_GROWTH_BYTES
    assert len(outcomes) > MIN_OUTCOMES, "the frames are not bad enough to prove anything"


def _outcome(stream: Stream) -> str:
    """How a stream ended, and what an error says but for its names and numbers."""
    fields = stream.headers | stream.trailers
    sentence = fields.get("grpc-message", "") if stream.status == 200 else stream.body.decode("utf-8", "replace")
    ending = f"{stream.status} {stream.grpc_status} {stream.error and stream.error.name} "
    return ending + re.sub(r"'[^']*'|\d+", "", sentence)
