"""Compressed bodies, both ways (triton.md §1.4)."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.errors import InvalidArgumentError, UnsupportedError
from naiad.protocol.compression import IDENTITY, check_encoding, choose_encoding, compress, decompress

BOTH = pytest.mark.parametrize("encoding", [b"gzip", b"deflate"])


def refusal(body: bytes, encoding: bytes, max_bytes: int = 1000) -> str:
    with pytest.raises(InvalidArgumentError) as caught:
        decompress(body, encoding, max_bytes=max_bytes)
    return caught.value.message


class TestNames:
    @pytest.mark.parametrize("value", [b"", b" ", b"identity", b"IDENTITY"])
    def test_none(self, value: bytes) -> None:
        assert check_encoding(value) is IDENTITY

    @pytest.mark.parametrize(("value", "name"), [(b"gzip", b"gzip"), (b" GZip ", b"gzip"), (b"deflate", b"deflate")])
    def test_known(self, value: bytes, name: bytes) -> None:
        assert check_encoding(value) == name

    @pytest.mark.parametrize("value", [b"br", b"gzip, deflate", b"gzip,gzip", b"x-gzip", b"\xff"])
    def test_unknown(self, value: bytes) -> None:
        with pytest.raises(UnsupportedError, match="Unsupported compression type"):
            check_encoding(value)


class TestDecompress:
    @BOTH
    @given(data=st.binary(max_size=2000))
    def test_what_was_compressed(self, encoding: bytes, data: bytes) -> None:
        assert decompress(memoryview(compress(data, encoding)), encoding, max_bytes=len(data) or 1) == data

    @BOTH
    def test_what_other_tools_compress(self, encoding: bytes) -> None:
        packed = gzip.compress(b"abc") if encoding == b"gzip" else zlib.compress(b"abc")
        assert decompress(packed, encoding, max_bytes=3) == b"abc"

    @BOTH
    @pytest.mark.parametrize("size", [1001, 1002, 5000, 1_000_000])
    def test_more_than_the_limit(self, encoding: bytes, size: int) -> None:
        assert refusal(compress(b"a" * size, encoding), encoding) == (
            "Decompressed data size exceeds the maximum allowed value of 1000 bytes. "
            "Use --http-max-input-size to increase the limit."
        )

    @BOTH
    def test_much_more_than_the_limit_costs_no_memory(self, encoding: bytes) -> None:
        bomb = compress(bytes(100_000_000), encoding)
        tracemalloc.start()
        try:
            refusal(bomb, encoding)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 1_000_000

    @BOTH
    @pytest.mark.parametrize("body", [b"", b"a", b"{}", b"\0" * 100])
    def test_what_is_not_compressed(self, encoding: bytes, body: bytes) -> None:
        assert refusal(body, encoding).startswith(f"the request body is not valid {encoding.decode()}: ")

    @BOTH
    @pytest.mark.parametrize("cut", [1, 4, 8, 12])
    def test_what_is_cut_short(self, encoding: bytes, cut: int) -> None:
        packed = compress(bytes(range(200)), encoding)
        assert refusal(packed[:-cut], encoding) == (
            f"the request body is not valid {encoding.decode()}: it ends too early"
        )

    @BOTH
    def test_what_is_damaged(self, encoding: bytes) -> None:
        packed = bytearray(compress(bytes(range(200)), encoding))
        packed[-1] ^= 0xFF
        assert refusal(bytes(packed), encoding).startswith("the request body is not valid ")


class TestChoose:
    @pytest.mark.parametrize(
        ("accept", "chosen"),
        [
            (b"", b"identity"),
            (b"identity", b"identity"),
            (b"br", b"identity"),
            (b"gzip", b"gzip"),
            (b"deflate", b"deflate"),
            (b"GZIP", b"gzip"),
            (b"gzip;q=0.1, deflate;q=0.5", b"deflate"),
            (b"gzip;q=0.5, deflate;q=0.1", b"gzip"),
            (b"gzip;q=0", b"identity"),
            (b"gzip;q=0, deflate;q=0, identity", b"identity"),
            (b"identity;q=1, gzip;q=0.5", b"identity"),
            (b"identity;q=0.2, gzip;q=0.5", b"gzip"),
            (b"br, gzip", b"gzip"),
            (b"gzip;q=abc", b"identity"),
            (b"gzip;q=nan", b"identity"),
            (b"gzip;q=1e99", b"gzip"),
            (b"gzip;q=-1", b"identity"),
            (b",,;;q,=,", b"identity"),
            (b"*;q=0", b"identity"),
        ],
    )
    def test_the_heaviest_offer(self, accept: bytes, chosen: bytes) -> None:
        assert choose_encoding(accept) == chosen

    @given(st.binary(max_size=60))
    def test_any_header_is_an_answer(self, accept: bytes) -> None:
        assert choose_encoding(accept) in (b"identity", b"gzip", b"deflate")
