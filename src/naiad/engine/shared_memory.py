"""System shared memory that clients register: POSIX segments that tensors are read from and written to
(triton.md §1.8).

Segments are read and written through their descriptor and never mapped: a client that shrinks a mapped segment would
kill the server.
"""

from __future__ import annotations

import _posixshmem
import os
from collections.abc import Iterator
from typing import Final

from naiad.errors import AlreadyExistsError, InternalError, InvalidArgumentError, NotFoundError
from naiad.protocol.shared_memory import Registration, Span

_MAX_SIZE: Final = (1 << 64) - 1
_RESERVED_PREFIX: Final = "triton_python_backend_shm_region_"


class Region:
    """One registered region. Its segment stays open for as long as anything refers to the object.

    Args:
        name: what requests call it.
        key: of the POSIX segment.
        offset: where in the segment it begins.
        byte_size: how long it is.
        descriptor: of the segment; closed with the object.
    """

    def __init__(self, name: str, key: str, *, offset: int, byte_size: int, descriptor: int) -> None:
        self.name = name
        self.key = key
        self.offset = offset
        self.byte_size = byte_size
        self._descriptor = descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)

    def read(self, span: Span) -> bytes:
        """The bytes of a span.

        Raises:
            InvalidArgumentError: the segment has become shorter.
        """
        data = os.pread(self._descriptor, span.byte_size, self.offset + span.offset)
        if len(data) < span.byte_size:
            raise InvalidArgumentError(f"Invalid offset + byte size for shared memory region: '{self.name}'")
        return data

    def write(self, span: Span, data: bytes | memoryview) -> None:
        """Put bytes at the beginning of a span that is long enough for them."""
        os.pwrite(self._descriptor, data, self.offset + span.offset)


class SharedMemory:
    """The regions that clients have registered with this server."""

    def __init__(self) -> None:
        self._regions: dict[str, Region] = {}

    def register(self, name: str, wanted: Registration) -> None:
        """Open a segment.

        Raises:
            AlreadyExistsError: the name is taken.
            InvalidArgumentError: the key cannot be a segment's, or the region reaches beyond the segment.
            InternalError: there is no such segment.
        """
        key, offset, byte_size = wanted.key, wanted.offset, wanted.byte_size
        if name in self._regions:
            raise AlreadyExistsError(f"shared memory region '{name}' already in manager")
        if "/" in key.removeprefix("/") or not key.removeprefix("/") or "\0" in key:
            raise InvalidArgumentError(f"cannot register shared memory region '{name}' - invalid shm key '{key}'")
        if key.removeprefix("/").startswith(_RESERVED_PREFIX):
            raise InvalidArgumentError(
                f"cannot register shared memory region '{name}' with key '{key}' as the key contains the reserved "
                f"prefix '{_RESERVED_PREFIX}'"
            )
        try:
            descriptor = _posixshmem.shm_open(key if key.startswith("/") else f"/{key}", os.O_RDWR)
        except OSError as error:
            raise InternalError(f"Unable to open shared memory region: '{key}'") from error
        region = Region(name, key, offset=offset, byte_size=byte_size, descriptor=descriptor)
        if byte_size == 0 or offset + byte_size > os.fstat(descriptor).st_size:
            raise InvalidArgumentError(f"failed to register shared memory region '{name}': invalid args")
        self._regions[name] = region

    def unregister(self, name: str = "") -> None:
        """Forget a region, or all of them. Requests that use it keep it open until they are answered."""
        if name:
            self._regions.pop(name, None)
        else:
            self._regions.clear()

    def regions(self, name: str = "") -> Iterator[Region]:
        """One region, or all of them by name.

        Raises:
            NotFoundError: there is none of that name.
        """
        if name and name not in self._regions:
            raise NotFoundError(f"Unable to find system shared memory region: '{name}'")
        for known, region in sorted(self._regions.items()):
            if name in ("", known):
                yield region

    def region(self, span: Span) -> Region:
        """The region that a span lies in.

        Raises:
            NotFoundError: there is no such region.
            InvalidArgumentError: the span reaches beyond it.
        """
        name, end = span.region, span.offset + span.byte_size
        region = self._regions.get(name)
        if region is None:
            raise NotFoundError(f"Unable to find shared memory region: '{name}'")
        if end > _MAX_SIZE:
            raise InvalidArgumentError(
                f"Integer overflow detected: byte_size ({span.byte_size}) + offset ({span.offset}) exceeds maximum "
                f"value ({_MAX_SIZE}) for region '{name}'"
            )
        if span.offset > region.byte_size:
            raise InvalidArgumentError(f"Invalid offset for shared memory region: '{name}'")
        if end > region.byte_size:
            raise InvalidArgumentError(f"Invalid offset + byte size for shared memory region: '{name}'")
        return region
