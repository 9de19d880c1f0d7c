"""Messages of gRPC, however they are cut and compressed; time-outs; status."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naiad.errors import ContentTooLargeError, InternalError, InvalidArgumentError, NotFoundError, UnavailableError
from naiad.protocol.compression import IDENTITY
from naiad.server.grpc_framing import MessageReader, error_trailers, frame, parse_timeout_ns
from tests.support.http2_client import framed_message


class Budget:
    """Bytes that are held."""

    def __init__(self, most: int = 1 << 30) -> None:
        self.most = most
        self.held = 0

    def reserve(self, size: int) -> None:
        if self.held + size > self.most:
            raise UnavailableError("full")
        self.held += size

    def release(self, size: int) -> None:
        self.held -= size

    def reader(self, encoding: bytes = IDENTITY, *, max_bytes: int = 1 << 20) -> MessageReader:
        return MessageReader(
            encoding, max_bytes=max_bytes, max_plain_bytes=max_bytes, reserve=self.reserve, release=self.release
        )


class TestReading:
    @given(
        messages=st.lists(st.binary(max_size=300), max_size=8),
        cuts=st.lists(st.integers(0, 3000), max_size=12),
        compressed=st.booleans(),
    )
    def test_any_cut(self, messages: list[bytes], cuts: list[int], compressed: bool) -> None:
        sent = b"".join(
            framed_message(gzip.compress(message) if compressed else message, compressed=compressed)
            for message in messages
        )
        budget = Budget()
        reader = budget.reader(b"gzip")
        borders = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
        read: list[bytes] = []
        for start, end in pairwise(borders):
            read += [bytes(message) for message in reader.feed(sent[start:end])]
        assert read == messages
        assert not reader.is_amid
        assert budget.held == 0

    def test_what_is_held_counts_until_the_last_view_is_gone(self) -> None:
        budget = Budget()
        reader = budget.reader()
        sent = framed_message(b"x" * 1000)
        assert list(reader.feed(sent[:600])) == []
        assert reader.is_amid
        assert budget.held == 595
        (message,) = reader.feed(sent[600:])
        assert budget.held == 1000
        view = np.frombuffer(message, np.uint8)[10:20]
        del message
        assert budget.held == 1000
        del view
        assert budget.held == 0

    def test_a_reader_that_is_dropped_holds_nothing(self) -> None:
        budget = Budget()
        reader = budget.reader()
        list(reader.feed(framed_message(b"x" * 1000)[:600]))
        del reader
        assert budget.held == 0

    def test_only_what_has_come_counts(self) -> None:
        budget = Budget(most=100)
        reader = budget.reader()
        sent = framed_message(b"x" * 1000)
        list(reader.feed(sent[:50]))
        with pytest.raises(UnavailableError):
            list(reader.feed(sent[50:200]))

    def test_a_message_that_is_too_long_is_refused_by_its_prefix(self) -> None:
        with pytest.raises(ContentTooLargeError, match=r"^message of 1001 bytes is larger than the 1000 bytes that"):
            list(Budget().reader(max_bytes=1000).feed(framed_message(b"x" * 1001)[:5]))

    @pytest.mark.parametrize(("encoding", "flag"), [(IDENTITY, 1), (IDENTITY, 2), (b"gzip", 2), (b"gzip", 255)])
    def test_a_flag_that_means_nothing(self, encoding: bytes, flag: int) -> None:
        with pytest.raises(InternalError, match=f"compressed-flag is {flag}"):
            list(Budget().reader(encoding).feed(bytes([flag, 0, 0, 0, 0])))

    @pytest.mark.parametrize("encoding", [b"gzip", b"deflate"])
    def test_what_is_not_compressed_as_it_says(self, encoding: bytes) -> None:
        with pytest.raises(InvalidArgumentError, match=f"not valid {encoding.decode()}"):
            list(Budget().reader(encoding).feed(framed_message(b"abc", compressed=True)))

    def test_a_little_that_becomes_much(self) -> None:
        bomb = framed_message(zlib.compress(bytes(10_000)), compressed=True)
        with pytest.raises(InvalidArgumentError, match="exceeds the maximum allowed value of 1000 bytes"):
            list(Budget().reader(b"deflate", max_bytes=1000).feed(bomb))


class TestWriting:
    @given(pieces=st.lists(st.binary(max_size=40_000), max_size=4))
    @pytest.mark.parametrize("encoding", [IDENTITY, b"gzip", b"deflate"])
    def test_what_is_written_can_be_read(self, pieces: list[bytes], encoding: bytes) -> None:
        arrays = [np.frombuffer(piece, np.uint8).data for piece in pieces]
        sent = b"".join(frame(arrays, encoding=encoding, level=1))
        (message,) = Budget().reader(encoding).feed(sent)
        assert bytes(message) == b"".join(pieces)

    def test_views_of_any_type(self) -> None:
        assert b"".join(frame([np.ones(2, np.float32).data])) == framed_message(np.ones(2, np.float32).tobytes())

    @pytest.mark.parametrize("encoding", [b"gzip", b"deflate"])
    def test_only_what_gets_smaller_is_compressed(self, encoding: bytes) -> None:
        assert frame([b"abc"], encoding=encoding, level=9) == [framed_message(b"abc")]
        assert sum(map(len, frame([bytes(10_000)], encoding=encoding, level=9))) < 100

    def test_what_no_client_takes(self) -> None:
        huge = np.broadcast_to(np.uint8(0), (1 << 31,)).data
        with pytest.raises(InternalError, match=r"^Response has byte size 2147483648 which exceeds gRPC's byte size"):
            frame([huge])


class TestTimeouts:
    @pytest.mark.parametrize(
        ("text", "ns"),
        [
            (b"1H", 3_600_000_000_000),
            (b"2M", 120_000_000_000),
            (b"3S", 3_000_000_000),
            (b"4m", 4_000_000),
            (b"5u", 5_000),
            (b"99999999n", 99_999_999),
            (b"0n", 0),
        ],
    )
    def test_units(self, text: bytes, ns: int) -> None:
        assert parse_timeout_ns(text) == ns

    @pytest.mark.parametrize("text", [b"", b"1", b"S", b"1s", b"-1S", b"100000000S", b"1.5S", b"1S ", b"1S\n", b"\xff"])
    def test_what_is_none(self, text: bytes) -> None:
        with pytest.raises(InvalidArgumentError, match=r"^grpc-timeout must be up to 8 digits and one of H, M, S,"):
            parse_timeout_ns(text)


class TestStatus:
    @given(text=st.text())
    def test_any_sentence(self, text: str) -> None:
        (code, message) = error_trailers(NotFoundError(text))
        assert code == (b"grpc-status", b"5")
        assert all(0x20 <= byte < 0x7F for byte in message[1])
        if len(message[1]) < 3000:
            assert unquote(message[1].decode()) == text.encode(errors="replace").decode()

    def test_hints(self) -> None:
        assert error_trailers(NotFoundError("a", hint="100 %"))[2] == (b"hint", b"100 %25")

    @pytest.mark.parametrize("letter", ["a", "%", "é", "€", "😀"])
    def test_a_long_one_is_cut_between_letters(self, letter: str) -> None:
        _, (_, message) = error_trailers(NotFoundError(letter * 5000))
        assert 2900 < len(message) <= 3000
        assert set(unquote(message.decode())) <= {letter, "�"}
