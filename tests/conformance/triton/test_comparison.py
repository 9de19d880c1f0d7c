"""The harness itself: what it calls a difference, what it reads from a connection, what it counts."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conformance.triton.comparison import ABSENT, Difference, compare, compare_values
from tests.conformance.triton.known_difference import Kind, KnownDifference
from tests.conformance.triton.ledger import Ledger, Tally
from tests.conformance.triton.wire import PROBE, Answer, Reply, ask

JSON = {"content-type": "application/json"}
LIVE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def reply(body: bytes = b"{}", *, status: int = 200, headers: dict[str, str] | None = None, after: int = 200) -> Reply:
    return Reply((Answer("HTTP/1.1", status, "OK", JSON if headers is None else headers, body),), after)


def parts(one: Reply, other: Reply) -> list[str]:
    return [difference.part for difference in compare(one, other)]


class TestComparison:
    @pytest.mark.parametrize(
        ("one", "other", "part"),
        [
            (reply(status=200), reply(status=400), "status"),
            (reply(headers={"content-type": "a"}), reply(headers={"content-type": "b"}), "header/content-type"),
            (reply(headers={"connection": "close"}), reply(headers={}), "header/connection"),
            (reply(after=200), reply(after=0), "afterwards"),
            (reply(b"plain"), reply(b"other"), "body"),
            (reply(b"{}"), reply(b""), "body"),
            (reply(b'{"a":1}'), reply(b'{"a":2}'), "body/a"),
            (reply(b'{"a":1}'), reply(b'{"a":1.0}'), "body/a"),
            (reply(b'{"a":1}'), reply(b'{"a":true}'), "body/a"),
            (reply(b'{"a":[1]}'), reply(b'{"a":[1,2]}'), "body/a/length"),
            (reply(b'{"a":[{"b":1}]}'), reply(b'{"a":[{"b":"1"}]}'), "body/a/0/b"),
            (reply(b'{"a":1,"b":2}'), reply(b'{"b":2,"a":1}'), "body/order"),
            (reply(b'{"a":1}'), reply(b"{}"), "body/a"),
            (reply(b"{}"), reply(b'{"a":1}'), "body/a"),
        ],
    )
    def test_what_differs(self, one: Reply, other: Reply, part: str) -> None:
        assert parts(one, other) == [part]
        assert parts(one, one) == []

    def test_other_numbers_of_answers(self) -> None:
        assert compare(Reply((), 0), reply()) == [Difference("answers", [], [200])]

    def test_what_one_does_not_have(self) -> None:
        assert compare_values("v", {"a": 1}, {"b": 2}) == [Difference("v/a", 1, ABSENT), Difference("v/b", ABSENT, 2)]

    def test_floats_are_compared_by_value_in_their_datatype(self) -> None:
        def tensor(datatype: str, text: str) -> Reply:
            return reply(b'{"outputs":[{"datatype":"%b","data":[%b]}]}' % (datatype.encode(), text.encode()))

        assert parts(tensor("FP32", "0.1"), tensor("FP32", "0.10000000149011612")) == []
        assert parts(tensor("FP64", "0.1"), tensor("FP64", "0.10000000149011612")) == ["body/outputs/0/data/0"]
        assert parts(tensor("FP64", "0.30000000000000004"), tensor("FP64", "0.30000000000000007")) == []
        assert parts(tensor("FP32", "NaN"), tensor("FP32", "NaN")) == []
        assert parts(tensor("FP32", "NaN"), tensor("FP32", "1.0")) == ["body/outputs/0/data/0"]

    def test_times_differ_by_nature(self) -> None:
        one, other = b'{"s":{"count":1,"ns":5},"last_inference":1}', b'{"s":{"count":1,"ns":9},"last_inference":2}'
        assert parts(reply(one), reply(other)) == []
        assert parts(reply(one), reply(other.replace(b'"count":1', b'"count":2'))) == ["body/s/count"]

    def test_bytes_behind_the_json(self) -> None:
        headers = {"inference-header-content-length": "2"}
        assert parts(reply(b"{}abc", headers=headers), reply(b"{}abd", headers=headers)) == ["binary"]
        longer = reply(b"{ }abc", headers={"inference-header-content-length": "3"})
        assert parts(reply(b"{}abc", headers=headers), longer) == []

    def test_compressed_bodies_are_compared_unpacked(self) -> None:
        headers = {"content-encoding": "gzip"}
        one, other = (reply(gzip.compress(b'{"a":1}', level), headers=headers) for level in (0, 9))
        assert parts(one, other) == []

    def test_events(self) -> None:
        headers = {"content-type": "text/event-stream; charset=utf-8"}
        one = reply(b'data: {"a":1}\n\ndata: {"a":2}\n\n', headers=headers)
        other = reply(b'data: {"a":1}\n\ndata: {"a":3}\n\n', headers=headers)
        assert parts(one, other) == ["body/1/a"]


@contextmanager
def answering(*turns: tuple[bytes, bytes]) -> Iterator[int]:
    """A server of one connection: for each turn it waits for bytes and sends an answer; then it closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                received = b""
                for expected, answer in turns:
                    while not received.endswith(expected):
                        received += connection.recv(1 << 16)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join(10)


class TestWire:
    @pytest.mark.parametrize(
        ("sent", "body"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc"),
            (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", b""),
        ],
    )
    def test_an_answer_and_the_connection_afterwards(self, sent: bytes, body: bytes) -> None:
        with answering((b"x", sent), (PROBE, LIVE)) as port:
            found = ask(port, b"x")
        assert [answer.body for answer in found.answers] == [body]
        assert found.afterwards == 200

    def test_an_answer_that_ends_with_the_connection(self) -> None:
        with answering((b"x", b"HTTP/1.0 200 OK\r\nX: y\r\n\r\nabc")) as port:
            found = ask(port, b"x")
        assert (found.answers[0].body, found.answers[0].headers, found.afterwards) == (b"abc", {"x": "y"}, 0)

    def test_no_answer(self) -> None:
        with answering((b"x", b"")) as port:
            assert ask(port, b"x") == Reply((), 0)

    def test_an_interim_answer_asks_for_the_rest(self) -> None:
        with answering((b"x", b"HTTP/1.1 100 Continue\r\n\r\n"), (b"y", LIVE), (PROBE, LIVE)) as port:
            found = ask(port, b"x", then=b"y")
        assert [answer.status for answer in found.answers] == [100, 200]

    def test_several_answers(self) -> None:
        with answering((b"x", LIVE + LIVE), (PROBE, LIVE)) as port:
            assert len(ask(port, b"x", answers=2).answers) == 2


class TestLedger:
    def test_what_nobody_explains(self) -> None:
        ledger = Ledger(table=[KnownDifference(Kind.CHOICE, "why", "noun/*", "status", triton="200")])
        assert record(ledger, Difference("status", 200, 400)) == []
        assert record(ledger, Difference("status", 400, 200)) == ["noun/case: status: triton 400, naiad 200"]
        assert record(ledger, Difference("reason", 1, 2)) == ["noun/case: reason: triton 1, naiad 2"]
        assert record(ledger) == []
        assert ledger.tallies == {"HTTP": Tally(compared=4, exact=1, added=1, agreeing=1)}
        assert len(ledger.unexplained) == 2

    def test_how_much_a_difference_weighs(self) -> None:
        kinds = {"body/hint": Kind.ADDITION, "body/runtime": Kind.ORACLE, "status": Kind.CHOICE}
        ledger = Ledger(table=[KnownDifference(kind, "why", part=part) for part, kind in kinds.items()])
        added, oracle, choice = (Difference(part, 1, 2) for part in kinds)
        for differences in ([], [added], [added, oracle], [added, oracle, choice], [choice]):
            record(ledger, *differences)
        assert ledger.tallies["HTTP"] == Tally(compared=5, exact=1, added=2, agreeing=3)
        assert sorted(ledger.met.values()) == [2, 2, 3]

    def test_the_mildest_row_counts(self) -> None:
        ledger = Ledger(table=[KnownDifference(Kind.CHOICE, "one"), KnownDifference(Kind.ADDITION, "other")])
        record(ledger, Difference("status", 1, 2))
        assert ledger.tallies["HTTP"].added == 1
        assert [row.reason for row in ledger.met] == ["other"]

    def test_protocols_are_counted_apart(self) -> None:
        ledger = Ledger(table=[])
        ledger.record("a", [], protocol="HTTP")
        ledger.record("b", [Difference("status", 1, 2)], protocol="gRPC")
        assert [str(tally)[:42] for tally in ledger.tallies.values()] == [
            "1 pairs of answers, 100.0 % the same to th",
            "1 pairs of answers, 0.0 % the same to the ",
        ]

    def test_rows_that_explain_nothing_are_not_met(self) -> None:
        row = KnownDifference(Kind.CHOICE, "why", "other/*")
        ledger = Ledger(table=[row])
        record(ledger, Difference("status", 1, 2))
        assert not ledger.met[row]


def record(ledger: Ledger, *found: Difference) -> list[str]:
    return ledger.record("noun/case", found)
