"""Bodies in chunks: any cut, every limit, and nothing that two servers could read in two ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.errors import ContentTooLargeError, HeaderFieldsTooLargeError, InvalidArgumentError, NaiadError
from naiad.server.chunked import ChunkedBody
from naiad.server.request_head import HeadCache

HEAD = HeadCache(1000).parse(b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
LAST = b"0\r\n\r\n"


def body(*, max_bytes: int = 10_000, max_line_bytes: int = 1000) -> ChunkedBody:
    return ChunkedBody(HEAD, max_bytes=max_bytes, max_line_bytes=max_line_bytes)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def read(data: bytes) -> tuple[bytes, bytes | None]:
    taken = body()
    rest = taken.feed(data)
    return bytes(taken.content), rest


def refusal(data: bytes, error: type[NaiadError] = InvalidArgumentError, **limits: int) -> str:
    with pytest.raises(error) as caught:
        body(**limits).feed(data)
    assert type(caught.value) is error
    return caught.value.message


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=5), st.integers(1, 50), st.binary(max_size=10))
def test_chunks_become_one_body_however_they_are_cut(chunks: list[bytes], step: int, behind: bytes) -> None:
    data = b"".join(map(chunk, chunks)) + LAST
    taken = body()
    for start in range(0, len(data), step):
        end = min(start + step, len(data))
        is_last = end == len(data)
        rest = taken.feed(data[start:end] + (behind if is_last else b""))
        assert rest == (behind if is_last else None)
    assert taken.content == b"".join(chunks)


def test_nothing_at_all() -> None:
    assert read(LAST) == (b"", b"")
    assert read(b"000\r\n\r\nGET") == (b"", b"GET")


@pytest.mark.parametrize(
    "size", [b"2", b"02", b"0000000000000002", b"2;a", b"2;a=b", b'2 ; a="b;c"', b"2;\xff"], ids=repr
)
def test_sizes_and_extensions(size: bytes) -> None:
    assert read(size + b"\r\nab\r\n" + LAST) == (b"ab", b"")


def test_sizes_are_hexadecimal_in_either_case() -> None:
    assert read(b"a\r\n0123456789\r\nB\r\n0123456789a\r\n" + LAST) == (b"01234567890123456789a", b"")


def test_trailers_are_read_past() -> None:
    trailers = b"Authorization: Bearer stolen\r\nX-A:\r\n"
    assert read(chunk(b"ab") + b"0\r\n" + trailers + b"\r\nGET") == (b"ab", b"GET")
    assert b"authorization" not in HEAD.headers


@pytest.mark.parametrize(
    "data",
    [
        b"zz\r\n",
        b"\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b"0x2\r\n",
        b" 2\r\n",
        b"2 \r\n",
        b"2_0\r\n",
        b"2 a\r\n",
        b"2\nab\r\n",
        b"2;a\nb\r\n",
        b"2;a\rb\r\n",
        b"2;\0\r\n",
        b"00000000000000002\r\n",
        b"fffffffffffffffff\r\n",
        b"2\r\nabc\r\n",
        b"2\r\nabc",
        b"2\r\nab0\r\n\r\n",
        b"2\r\nab\n",
        b"2\r\nab\rx",
        b"0\r\nno field\r\n\r\n",
        b"0\r\nA : b\r\n\r\n",
        b"0\r\n A: b\r\n\r\n",
        b"0\r\nA: b\n\r\n\r\n",
        b"0\r\nA: \0\r\n\r\n",
        b"0\r\n: b\r\n\r\n",
    ],
    ids=repr,
)
def test_what_is_no_chunk(data: bytes) -> None:
    assert refusal(data).startswith("malformed HTTP request: ")


def test_a_body_up_to_the_limit_and_one_beyond() -> None:
    taken = body(max_bytes=10)
    assert taken.feed(chunk(b"a" * 5) + chunk(b"b" * 5) + LAST) == b""
    assert refusal(chunk(b"a" * 5) + b"6\r\n", ContentTooLargeError, max_bytes=10) == (
        "request body exceeds the maximum allowed input size of 10 bytes. Use --http-max-input-size to increase the "
        "limit."
    )


@pytest.mark.parametrize("size", [b"b", b"ffffffff", b"ffffffffffffffff"])
def test_a_chunk_that_is_too_large_is_refused_at_its_announcement(size: bytes) -> None:
    refusal(size + b"\r\n", ContentTooLargeError, max_bytes=10)


def test_as_many_chunks_as_triton_takes() -> None:
    taken = body(max_bytes=1 << 20)
    assert taken.feed(chunk(b"a") * 65_536 + LAST) == b""
    assert refusal(chunk(b"a") * 65_537, max_bytes=1 << 20) == (
        "Chunked request body exceeds maximum of 65536 non-empty chunks. Send fewer or larger HTTP chunks."
    )


def test_lines_without_end() -> None:
    message = "malformed HTTP request: a line between chunks is too long"
    assert refusal(b"2;" + b"a" * 5000) == message
    taken = body()
    assert taken.feed(b"2;" + b"a" * 98) is None
    with pytest.raises(InvalidArgumentError, match=message):
        taken.feed(b"a" * 901)


def test_trailers_without_end() -> None:
    assert refusal(b"0\r\n" + b"A: b\r\n" * 1000, HeaderFieldsTooLargeError) == "trailers are larger than 1000 bytes"
