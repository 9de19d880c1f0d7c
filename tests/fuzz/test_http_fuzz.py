"""A server that gets bytes nobody should send answers, or closes, and stays as it was.

`NAIAD_FUZZ_SECONDS` says how long it goes on (20), `NAIAD_FUZZ_SEED` with what (0), `NAIAD_FUZZ_ROUND` where it begins.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory
from random import Random

import pytest

from tests.fuzz.answers import error_sentence, split_answers
from tests.fuzz.attack import attack, make_streams
from tests.fuzz.corpus import ATTACKED, SEGMENT, SEGMENT_BYTES, WATCHED, any_request, write_models
from tests.fuzz.watch import Watch
from tests.support.http_client import Answer, Connection
from tests.support.server import Server, running

SECONDS = float(os.environ.get("NAIAD_FUZZ_SECONDS", "20"))
SEED = os.environ.get("NAIAD_FUZZ_SEED", "0")
FIRST_ROUND = int(os.environ.get("NAIAD_FUZZ_ROUND", "0"))

ROUNDS_BETWEEN_CHECKS = 10
WARM_UP = 0.4
"""The part of the time after which memory may not grow."""
MAX_GROWTH_BYTES = 8 << 20
MIN_OUTCOMES = 50
"""How many different answers the least run brings."""

FLAGS = (
    "--model-control-mode=explicit",
    *(f"--load-model={name}" for name in (WATCHED, *ATTACKED)),
    "--http-max-input-size=1000000",
    "--http-max-body-size=2000000",
    "--allow-client-shm=true",
    "--strict-readiness=false",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("fuzz")
    write_models(folder / "models")
    with shared_memory(), running(folder / "models", *FLAGS, directory=folder / "server") as running_server:
        yield running_server


@contextlib.contextmanager
def shared_memory() -> Iterator[None]:
    """The segment that requests register."""
    segment = SharedMemory(SEGMENT, create=True, size=SEGMENT_BYTES)
    try:
        yield
    finally:
        segment.close()
        segment.unlink()


@pytest.fixture
def watch(server: Server) -> Iterator[Watch]:
    watch = Watch(server)
    yield watch
    watch.close()


def test_every_kind_of_request_is_right_before_it_is_spoilt(server: Server) -> None:
    random = Random(SEED)
    right: Counter[str] = Counter()
    with server.connect() as connection:
        for _ in range(400):
            request = any_request(random)
            answers, rest = split_answers(b"".join(_replies(connection, request.encode(random))))
            assert (len(answers), rest) == (1, b"")
            right[request.target.partition("?")[0].rpartition("/")[2]] += answers[0].status == 200
    routes = {"infer", "generate", "generate_stream", "v2", "ready", "stats", "config", "index", "load", "unload"}
    assert right.keys() > routes | {"register", "unregister", "status", "nothing"}
    assert not any(count == 0 for name, count in right.items() if name != "nothing"), right


def _replies(connection: Connection, request: bytes) -> Iterator[bytes]:
    """What comes back for one request, up to the end of its answer."""
    connection.send(request)
    received = b""
    while not split_answers(received)[0]:
        piece = connection.socket.recv(1 << 16)
        assert piece, "the server closes"
        received += piece
        yield piece


@pytest.mark.timeout(SECONDS + 100)
def test_bad_bytes_change_nothing(server: Server, watch: Watch) -> None:
    started = time.monotonic()
    number, settled_bytes = FIRST_ROUND, 0
    outcomes: Counter[str] = Counter()
    while (elapsed := time.monotonic() - started) < SECONDS:
        if not settled_bytes and elapsed > SECONDS * WARM_UP:
            settled_bytes = watch.resident_bytes
        streams, random = make_streams(SEED, number)
        try:
            for _, answers in attack(server.http_port, streams, random):
                outcomes.update(map(_outcome, answers))
            if number % ROUNDS_BETWEEN_CHECKS == 0:
                watch.check()
                watch.check_log()
                watch.reload()
        except BaseException as error:
            names = [stream.name for stream in streams]
            error.add_note(f"seed {SEED}, round {number}: {names}\n{server.log[-4000:]}")
            raise
        number += 1
    grown_bytes = watch.resident_bytes - settled_bytes
    watch.check()
    watch.check_log()
    watch.await_as_before()
    assert grown_bytes < MAX_GROWTH_BYTES
    assert len(outcomes) > MIN_OUTCOMES, "the bytes are not bad enough to prove anything"


def _outcome(answer: Answer) -> str:
    """The status, and what an error says but for its names and numbers."""
    sentence = error_sentence(answer) if answer.status != 200 and answer.body else ""
    return f"{answer.status} " + re.sub(r"'[^']*'|\d+", "", sentence)
