"""Regions of shared memory: bounds, names, and a segment that shrinks under the server."""

from __future__ import annotations

import _posixshmem
import os
from collections.abc import Iterator

import pytest

from naiad.engine.shared_memory import SharedMemory
from naiad.errors import AlreadyExistsError, InternalError, InvalidArgumentError, NaiadError, NotFoundError
from naiad.protocol.shared_memory import Registration, Span

SIZE = 64


@pytest.fixture
def key() -> Iterator[str]:
    name = f"/naiad_test_{os.getpid()}"
    descriptor = _posixshmem.shm_open(name, os.O_CREAT | os.O_RDWR | os.O_EXCL, mode=0o600)
    try:
        os.write(descriptor, bytes(range(SIZE)))
        yield name
    finally:
        os.close(descriptor)
        _posixshmem.shm_unlink(name)


@pytest.fixture
def memory(key: str) -> SharedMemory:
    shared = SharedMemory()
    shared.register("r", Registration(key, 16, 32))
    return shared


def test_a_span_is_read_and_written_from_the_regions_offset(memory: SharedMemory) -> None:
    span = Span("r", 4, 8)
    region = memory.region(span)
    assert region.read(span) == bytes(range(20, 28))
    region.write(span, b"abcd")
    assert region.read(span) == b"abcd" + bytes(range(24, 28))


@pytest.mark.parametrize(
    ("span", "message"),
    [
        (Span("other", 0, 1), "Unable to find shared memory region: 'other'"),
        (Span("r", 33, 1), "Invalid offset for shared memory region: 'r'"),
        (Span("r", 0, 33), "Invalid offset + byte size for shared memory region: 'r'"),
        (Span("r", 32, 1), "Invalid offset + byte size for shared memory region: 'r'"),
        (Span("r", 2**64 - 1, 2), "Integer overflow detected: byte_size (2) + offset (18446744073709551615) exceeds"),
    ],
)
def test_spans_outside_a_region(memory: SharedMemory, span: Span, message: str) -> None:
    with pytest.raises((NotFoundError, InvalidArgumentError)) as caught:
        memory.region(span)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("name", "registration", "error", "message"),
    [
        ("r", Registration("/x", 0, 1), AlreadyExistsError, "shared memory region 'r' already in manager"),
        (
            "n",
            Registration("/naiad_absent", 0, 1),
            InternalError,
            "Unable to open shared memory region: '/naiad_absent'",
        ),
        ("n", Registration("/../etc/passwd", 0, 1), InvalidArgumentError, "invalid shm key"),
        ("n", Registration("", 0, 1), InvalidArgumentError, "invalid shm key"),
        ("n", Registration("/a\0b", 0, 1), InvalidArgumentError, "invalid shm key"),
        ("n", Registration("/triton_python_backend_shm_region_1", 0, 1), InvalidArgumentError, "reserved prefix"),
    ],
)
def test_registrations_that_cannot_be(
    memory: SharedMemory, name: str, registration: Registration, error: type[NaiadError], message: str
) -> None:
    with pytest.raises(error) as caught:
        memory.register(name, registration)
    assert message in caught.value.message


@pytest.mark.parametrize(("offset", "size"), [(0, SIZE + 1), (SIZE, 1), (0, 0), (2**63, 2**63)])
def test_regions_beyond_their_segment(key: str, offset: int, size: int) -> None:
    with pytest.raises(InvalidArgumentError, match="failed to register shared memory region 'n': invalid args"):
        SharedMemory().register("n", Registration(key, offset, size))


def test_a_segment_that_shrinks_is_an_error_and_no_crash(memory: SharedMemory, key: str) -> None:
    span = Span("r", 0, 32)
    region = memory.region(span)
    os.truncate(f"/dev/shm{key}", 20)
    with pytest.raises(InvalidArgumentError, match="Invalid offset"):
        region.read(span)


def test_an_unregistered_region_stays_open_for_who_has_it(memory: SharedMemory) -> None:
    span = Span("r", 0, 4)
    region = memory.region(span)
    memory.unregister("r")
    memory.unregister("r")
    assert region.read(span) == bytes(range(16, 20))
    with pytest.raises(NotFoundError):
        memory.region(span)


def test_regions_are_listed_by_name(memory: SharedMemory, key: str) -> None:
    memory.register("a", Registration(key, 0, 1))
    assert [region.name for region in memory.regions()] == ["a", "r"]
    assert [region.offset for region in memory.regions("r")] == [16]
    with pytest.raises(NotFoundError, match="Unable to find system shared memory region: 'x'"):
        list(memory.regions("x"))
    memory.unregister()
    assert list(memory.regions()) == []
