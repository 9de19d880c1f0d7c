from __future__ import annotations

import hmac

import pytest

from naiad.config.restricted_api import CATEGORIES, parse_restricted_api
from naiad.errors import RestrictedError
from naiad.server.restricted import Restrictions


def restrictions(*texts: str) -> Restrictions:
    return Restrictions([parse_restricted_api(text) for text in texts])


def test_nothing_is_restricted() -> None:
    assert not restrictions()
    for category in (*CATEGORIES, ""):
        restrictions().check(category, {})


def test_the_header_opens() -> None:
    checks = restrictions("health,logging:X-Key=one", "trace:other=two")
    assert checks
    checks.check("health", {b"x-key": b"one"})
    checks.check("logging", {b"x-key": b"one", b"other": b"wrong"})
    checks.check("trace", {b"other": b"two"})
    checks.check("inference", {})


@pytest.mark.parametrize("value", [None, b"", b"on", b"One", b"one ", b"one,one", b"\xff\xfe", b"two"])
def test_anything_else_does_not(value: bytes | None) -> None:
    checks = restrictions("health:X-Key=one", "trace:other=two")
    with pytest.raises(RestrictedError) as caught:
        checks.check("health", {} if value is None else {b"x-key": value})
    error = caught.value
    assert (error.http_status, error.message) == (403, "This API is restricted, expecting header 'X-Key'")
    assert error.hint is None


def test_values_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    checks = restrictions("health:key=one")
    checks.check("health", {b"key": b"one"})
    for headers in ({b"key": b"two"}, {}):
        with pytest.raises(RestrictedError):
            checks.check("health", headers)
    assert compared == [(b"one", b"one"), (b"two", b"one"), (b"", b"one")]
