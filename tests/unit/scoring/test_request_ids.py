"""Ids of requests."""

from __future__ import annotations

from uuid import UUID

from naiad.scoring.request_ids import RequestIdSource, read_request_ids


def test_new_ids_are_random_uuids() -> None:
    source = RequestIdSource()
    ids = [UUID(source.next().decode()) for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {(made.version, made.variant) for made in ids} == {(4, "specified in RFC 4122")}


def test_two_sources_differ() -> None:
    assert RequestIdSource().next() != RequestIdSource().next()


def test_the_answer_tells_what_the_request_said() -> None:
    source = RequestIdSource()
    given = {b"x-request-id": b"r", b"x-ms-client-request-id": b"c"}
    assert read_request_ids(given).fields(source) == (
        b"x-request-id: r\r\nx-ms-request-id: c\r\nx-ms-client-request-id: c\r\n"
    )
    made = read_request_ids({}).fields(source)
    first, second, _ = made.split(b"\r\n")
    assert first.removeprefix(b"x-request-id: ") == second.removeprefix(b"x-ms-request-id: ")
    assert made != read_request_ids({}).fields(source)


def test_long_ids_are_faults() -> None:
    assert read_request_ids({b"x-request-id": b"r" * 101}).fault == "x-request-id must not exceed 100 characters"
    assert not read_request_ids({b"x-request-id": b"r" * 100}).fault
    for name in (b"x-ms-request-id", b"x-ms-client-request-id"):
        assert "x-ms-client-request-id must not exceed" in read_request_ids({name: b"m" * 101}).fault
