"""What requests may do with shared memory: system regions when the server allows it, CUDA regions never on a CPU
(triton.md §1.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from naiad.engine.shared_memory import SharedMemory
from naiad.errors import InvalidArgumentError, NotFoundError, UnsupportedError
from naiad.protocol.shared_memory import Registration


class SharedMemoryViews:
    """Both shared memory extensions.

    Args:
        memory: the regions.
        allowed: clients may register regions (--allow-client-shm).
    """

    def __init__(self, memory: SharedMemory, *, allowed: bool) -> None:
        self.memory = memory
        self._allowed = allowed

    def status(self, name: str) -> list[dict[str, Any]]:
        """The registered regions, or one of them.

        Raises:
            NotFoundError: there is none of that name.
        """
        return [
            {"name": region.name, "key": region.key, "offset": region.offset, "byte_size": region.byte_size}
            for region in self.memory.regions(name)
        ]

    def register(self, name: str, read: Callable[[], Registration]) -> None:
        """Register a region.

        Args:
            name: of the region.
            read: reads what it is to be; not before it is known that clients may.

        Raises:
            NaiadError: clients may not, or the region cannot be.
        """
        self._check()
        self.memory.register(name, read())

    def unregister(self, name: str) -> None:
        """Unregister a region, or all of them; one that is not there is no error.

        Raises:
            UnsupportedError: clients may not.
        """
        self._check()
        self.memory.unregister(name)

    def cuda_status(self, name: str) -> list[dict[str, Any]]:
        """There are never CUDA regions.

        Raises:
            NotFoundError: one is asked for by name.
        """
        if name and any(region.name == name for region in self.memory.regions()):
            raise NotFoundError(
                f"The region named '{name}' is registered as system shared memory, not CUDA shared memory"
            )
        if name:
            raise NotFoundError(f"Unable to find cuda shared memory region: '{name}'")
        return []

    def cuda_register(self, name: str, check: Callable[[], object]) -> None:
        """What a server without GPUs says.

        Args:
            name: of the region.
            check: refuses a request that is malformed; not before it is known that clients may.

        Raises:
            InvalidArgumentError, UnsupportedError: always.
        """
        self._check()
        check()
        raise InvalidArgumentError(f"failed to register CUDA shared memory region: '{name}', GPUs not supported")

    def cuda_unregister(self, name: str) -> None:
        """Nothing to do.

        Raises:
            UnsupportedError: clients may not.
        """
        self._check()

    def _check(self) -> None:
        if not self._allowed:
            raise UnsupportedError(
                "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable."
            )
