"""The comparison sees what it should, and nothing that differs by nature."""

from __future__ import annotations

import pytest

from tests.conformance.azureml.comparison import compare, compare_documents, compare_lines
from tests.conformance.azureml.exchange import Answer
from tests.conformance.azureml.ledger import Difference, KnownDifference, Ledger
from tests.conformance.azureml.milestones import accesses, milestones

ID = "0f9c8a3e-1d2b-4c5d-8e6f-0123456789ab"
OTHER_ID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
LOG = f"""
2026-11-22 19:01:34,014 I [8531] gunicorn.error - Listening at: http://127.0.0.1:5001
2026-11-22 19:01:34,897 I [8545] azmlinfsrv.print - hello
2026-11-22 19:01:34,897 I [8545] azmlinfsrv.user_script - Invoking user's init function
2026-11-22 19:01:34,897 I [8545] azmlinfsrv - Worker with pid 8545 ready for serving traffic
2026-11-22 19:01:34,911 I [8545] azmlinfsrv - POST /score?a=1 200 0.399ms 2
2026-11-22 19:01:34,912 I [8545] azmlinfsrv - GET /score 200 12.000ms N/A
2026-11-22 19:01:34,913 I [8545] azmlinfsrv.user_script - Invoking user's init function {ID}
"""


def answer(status: int = 200, body: bytes = b"{}", **headers: str) -> Answer:
    return Answer(status, tuple((name.replace("_", "-"), value) for name, value in headers.items()), body)


def test_what_differs_by_nature_is_the_same() -> None:
    one = answer(date="today", server="gunicorn", x_request_id=ID, x_ms_run_fn_exec_ms="0.123", connection="close")
    other = answer(date="later", x_request_id=OTHER_ID, x_ms_run_fn_exec_ms="45.000")
    assert not list(compare(one, other))


@pytest.mark.parametrize(
    ("other", "part"),
    [
        (answer(201, x_a="1"), "status"),
        (answer(body=b"{ }", x_a="1"), "body"),
        (answer(x_a="2"), "header/x-a"),
        (answer(), "header/x-a"),
        (answer(x_a="1", x_b="1"), "header/x-b"),
        (Answer(200, (("x-a", "1"), ("x-a", "1")), b"{}"), "header/x-a"),
    ],
)
def test_everything_else_is_seen(other: Answer, part: str) -> None:
    assert [difference.part for difference in compare(answer(x_a="1"), other)] == [part]


def test_the_order_of_a_set_is_no_difference() -> None:
    assert not list(compare(answer(allow="GET, HEAD"), answer(allow="HEAD,GET")))
    assert [each.part for each in compare(answer(allow="GET, HEAD"), answer(allow="GET"))] == ["header/allow"]


def test_an_id_that_is_missing_or_given_is_seen() -> None:
    assert [each.part for each in compare(answer(x_request_id=ID), answer())] == ["header/x-request-id"]
    assert [each.part for each in compare(answer(x_request_id=ID), answer(x_request_id="one"))] == [
        "header/x-request-id"
    ]


def test_documents_are_compared_without_their_prose() -> None:
    one = answer(body=b'{"info": {"description": "a", "title": "t"}, "paths": [1, {"x": 2}]}')
    same = answer(body=b'{"paths": [1, {"x": 2}], "info": {"title": "t", "description": "another"}}')
    assert not list(compare_documents(one, same))
    other = answer(201, body=b'{"info": {"title": "u"}, "paths": [1, {"x": 3}]}')
    parts = [difference.part for difference in compare_documents(one, other)]
    assert parts == ["body/info/description", "body/info/title", "body/paths/1/x", "status"]


def test_lines_are_compared_by_what_only_one_has() -> None:
    assert list(compare_lines("log", ["a", "b"], ["a", "c"])) == [Difference("log", ["b"], ["c"])]
    assert list(compare_lines("log", ["a", "b"], ["b", "a"])) == [Difference("log", ["a", "b"], ["b", "a"])]
    assert not list(compare_lines("log", ["a"], ["a"]))


def test_a_log_is_read_until_the_host_is_ready() -> None:
    assert milestones(LOG) == ["print: hello", "Invoking user's init function", "Worker with pid "]
    assert accesses(LOG) == ["POST /score?a=1 ", "GET /score N/A"]


def test_the_ledger_explains_by_its_table_only() -> None:
    row = KnownDifference("echo/*", "status", "because", "500", "400")
    ledger = Ledger((row,))
    assert not ledger.record("echo/one", [Difference("status", 500, 400)])
    assert not ledger.record("echo/two", [])
    assert ledger.record("echo/three", [Difference("status", 500, 401), Difference("body", "", "")])
    assert ledger.record("other/one", [Difference("status", 500, 400)])
    assert (ledger.agreeing, len(ledger.cases), ledger.met, len(ledger.unexplained)) == (1, 4, {row}, 3)
