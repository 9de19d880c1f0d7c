"""The soak notices what is lost and what is wrong."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from benchmarks.soak.connection import Answer, Connection, LostError
from benchmarks.soak.inference import Inference, as_binary, as_chunks, as_deflate, as_gzip, as_json, as_raw
from benchmarks.soak.soak import Row, memory_growth
from benchmarks.soak.tally import Outcome, Tally
from benchmarks.soak.timeline import Timeline

X = np.arange(32, dtype=np.float32).reshape(2, 16)


def ask(timeline: Timeline) -> Inference:
    return Inference("m", timeline, timeline.mark(), X, "7")


def result(factor: int, **fields: Any) -> Answer:
    """What a model that multiplies by the factor answers."""
    output = {"name": "y", "shape": [2, 16], "datatype": "FP32", "data": (X * factor).ravel().tolist()}
    return Answer(200, {}, json.dumps({"model_name": "m", "id": "7", "outputs": [output], **fields}).encode())


def error(status: int, sentence: str) -> Answer:
    return Answer(status, {}, json.dumps({"error": sentence}).encode())


def test_the_states_between_question_and_answer_may_answer() -> None:
    timeline = Timeline(2)
    early = timeline.mark()
    timeline.begin(3)
    assert timeline.possible(early) == {2, 3}
    timeline.settle()
    assert (timeline.state, timeline.possible(early), timeline.possible(timeline.mark())) == (3, {2, 3}, {3})
    timeline.begin(4)
    timeline.take_back()
    assert timeline.possible(timeline.mark()) == {3}


def test_right_answers_are_right() -> None:
    timeline = Timeline(2)
    asked = ask(timeline)
    assert asked.judge(result(2)) == (Outcome.ANSWERED, "")
    binary = json.dumps(
        {"model_name": "m", "id": "7", "outputs": [{"name": "y", "shape": [2, 16], "datatype": "FP32"}]}
    ).encode()
    headers = {"inference-header-content-length": str(len(binary))}
    assert asked.judge(Answer(200, headers, binary + (X * 2).tobytes())) == (Outcome.ANSWERED, "")
    timeline.begin(None)
    assert asked.judge(error(404, "unknown model 'm'")) == (Outcome.UNLOADED, "")


@pytest.mark.parametrize(
    "answer",
    [
        result(3),
        result(2, id="8"),
        result(2, model_name="n"),
        error(404, "Request for unknown model: 'm' is not found"),
        error(500, "unexpected internal error"),
    ],
)
def test_other_answers_are_wrong(answer: Answer) -> None:
    outcome, complaint = ask(Timeline(2)).judge(answer)
    assert outcome is Outcome.WRONG
    assert complaint


@pytest.mark.parametrize("encode", [as_json, as_binary, as_gzip, as_deflate, as_raw, as_chunks])
def test_a_request_has_one_framing(encode: Any) -> None:
    head = ask(Timeline(2)).request(encode).partition(b"\r\n\r\n")[0]
    assert (b"\r\nContent-Length: " in head) != (b"\r\nTransfer-Encoding: chunked" in head)


def test_the_tally_keeps_count_and_the_first_complaints() -> None:
    tally = Tally()
    tally.count("json", Outcome.ANSWERED)
    for number in range(100):
        tally.complain("raw", Outcome.LOST, str(number))
    assert tally.by_outcome == {Outcome.ANSWERED: 1, Outcome.LOST: 100}
    assert tally.by_kind == {("json", Outcome.ANSWERED): 1, ("raw", Outcome.LOST): 100}
    assert tally.complaints[0] == "raw: lost: 0"
    assert len(tally.complaints) < 100


@contextmanager
def peer_that_sends(data: bytes) -> Iterator[Connection]:
    """A connection whose other end sends these bytes and closes."""

    def send() -> None:
        accepted, _ = listener.accept()
        with accepted:
            accepted.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=send)
        thread.start()
        with Connection(listener.getsockname()[1]) as connection:
            yield connection
        thread.join()


def test_an_answer_that_is_cut_short_is_lost() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"
    with peer_that_sends(answer) as connection, pytest.raises(LostError, match="the server closed"):
        connection.read()


def test_bytes_behind_an_answer_are_seen() -> None:
    with peer_that_sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP") as connection:
        assert connection.read() == Answer(200, {"content-length": "2"}, b"ab")
        assert connection.has_more


def test_memory_is_judged_by_thirds_behind_the_first_minute() -> None:
    def rows(*resident_mb: int) -> list[Row]:
        return [
            Row(seconds=30.0 * number, requests_per_s=1, outcomes={}, resident_bytes=size, descriptors=1, threads=1)
            for number, size in enumerate(resident_mb, 1)
        ]

    assert memory_growth(rows(10, 100, 100, 90, 150, 100, 100)) == 0
    assert memory_growth(rows(10, 100, 100, 110, 110, 120, 120)) == pytest.approx(0.2)
    assert memory_growth(rows(10, 100)) is None
