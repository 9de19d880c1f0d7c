"""The headers by which browsers are told who may call."""

from __future__ import annotations

from naiad.scoring.cors import Cors

ORIGIN = {b"origin": b"https://a.example"}
PREFLIGHT = {**ORIGIN, b"access-control-request-method": b"POST"}


def test_nothing_is_said_without_origins_or_to_others() -> None:
    assert Cors(()).fields("GET", ORIGIN) == b""
    assert Cors(()).fields("OPTIONS", PREFLIGHT) == b""
    assert Cors(("https://b.example",)).fields("GET", ORIGIN) == b""
    assert Cors(("https://a.example",)).fields("GET", {}) == b""


def test_a_named_origin_is_echoed() -> None:
    expected = b"Access-Control-Allow-Origin: https://a.example\r\nVary: Origin\r\n"
    assert Cors(("https://b.example", "https://A.example")).fields("GET", ORIGIN) == expected


def test_everybody() -> None:
    assert Cors(("*",)).fields("GET", {}) == b"Access-Control-Allow-Origin: *\r\n"
    assert b"https://a.example" in Cors(("*",)).fields("GET", ORIGIN)


def test_a_preflight() -> None:
    cors = Cors(("*",))
    assert cors.is_preflight("OPTIONS", PREFLIGHT)
    assert not cors.is_preflight("OPTIONS", ORIGIN)
    assert not cors.is_preflight("POST", PREFLIGHT)
    assert not Cors(()).is_preflight("OPTIONS", PREFLIGHT)
    fields = cors.fields("OPTIONS", {**PREFLIGHT, b"access-control-request-headers": b"x-a"})
    assert b"Access-Control-Allow-Headers: x-a\r\nAccess-Control-Allow-Methods: GET, POST\r\n" in fields
    assert b"Allow-Methods" not in cors.fields("POST", ORIGIN)
