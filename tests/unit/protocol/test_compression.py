"""Compressed bodies: both encodings both ways, limits, and who wins in Accept-Encoding (triton.md §1.4)."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.errors import InvalidArgumentError, UnsupportedError
from naiad.protocol.compression import IDENTITY, check_encoding, choose_encoding, compress, decompress


@given(st.binary(max_size=2000), st.sampled_from([b"gzip", b"deflate"]))
def test_what_is_compressed_comes_back(body: bytes, encoding: bytes) -> None:
    assert decompress(compress(body, encoding), encoding, max_bytes=max(1, len(body))) == body


def test_the_formats_are_everybody_elses() -> None:
    assert gzip.decompress(compress(b"abc", b"gzip")) == b"abc"
    assert zlib.decompress(compress(b"abc", b"deflate")) == b"abc"


def test_a_small_body_that_grows_is_refused() -> None:
    bomb = zlib.compress(bytes(10_000_000))
    with pytest.raises(InvalidArgumentError, match="exceeds the maximum allowed value of 1000 bytes"):
        decompress(bomb, b"deflate", max_bytes=1000)


@pytest.mark.parametrize("body", [b"plain", gzip.compress(b"x" * 100, mtime=0)[:-9]])
def test_bodies_that_are_not_compressed(body: bytes) -> None:
    with pytest.raises(InvalidArgumentError, match="the request body is not valid gzip"):
        decompress(body, b"gzip", max_bytes=1000)


def test_nothing() -> None:
    with pytest.raises(InvalidArgumentError, match="nothing to be decompressed"):
        decompress(b"", b"deflate", max_bytes=1000)


@pytest.mark.parametrize("value", [b"", b"identity", b" Identity "])
def test_no_encoding(value: bytes) -> None:
    assert check_encoding(value) is IDENTITY


def test_encodings_are_named_in_any_case() -> None:
    assert check_encoding(b"GZIP") == b"gzip"


@pytest.mark.parametrize("value", [b"br", b"gzip, deflate", b"x-gzip"])
def test_other_encodings(value: bytes) -> None:
    with pytest.raises(UnsupportedError, match="Unsupported compression type"):
        check_encoding(value)


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        (b"identity", IDENTITY),
        (b"", IDENTITY),
        (b"br", IDENTITY),
        (b"gzip", b"gzip"),
        (b"deflate", b"deflate"),
        (b"gzip, deflate", b"gzip"),
        (b"gzip;q=0.1, deflate;q=0.5", b"deflate"),
        (b"gzip;q=0, deflate;q=0", IDENTITY),
        (b"gzip;q=0.5, identity", IDENTITY),
        (b"gzip;q=0.5, identity;q=0.1", b"gzip"),
        (b"gzip;q=oops", IDENTITY),
        (b"deflate, gzip", b"deflate"),
        (b"identity, gzip", IDENTITY),
        (b"*", IDENTITY),
        (b"*;q=0.5, gzip;q=0.1", b"gzip"),
        (b"GZIP;Q=1", b"gzip"),
    ],
)
def test_the_highest_weight_wins(accepted: bytes, chosen: bytes) -> None:
    assert choose_encoding(accepted) == chosen
