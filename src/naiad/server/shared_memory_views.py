"""What requests may do with shared memory: system regions when the server allows it, CUDA regions never on a CPU
(triton.md §1.8)."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from naiad.engine.shared_memory import SharedMemory
from naiad.errors import InvalidArgumentError, NotFoundError, UnsupportedError
from naiad.protocol import json_value
from naiad.protocol.shared_memory import parse_registration
from naiad.server.response import JSON, Response, json_response

_DONE: Final = Response(200, b"", JSON)


class SharedMemoryViews:
    """The routes of both shared memory extensions: region name, version (always "") and body in.

    Args:
        memory: the regions.
        allowed: clients may register regions (--allow-client-shm).
    """

    def __init__(self, memory: SharedMemory, *, allowed: bool) -> None:
        self.memory = memory
        self._allowed = allowed

    def status(self, name: str, version: str, body: bytes | memoryview) -> Response:
        """The registered regions, or one of them.

        Raises:
            NotFoundError: there is none of that name.
        """
        return json_response(
            [
                {"name": region.name, "key": region.key, "offset": region.offset, "byte_size": region.byte_size}
                for region in self.memory.regions(name)
            ]
        )

    def register(self, name: str, version: str, body: bytes | memoryview) -> Response:
        """Register a region.

        Raises:
            NaiadError: clients may not, or the region cannot be.
        """
        self._check()
        if not name:
            raise InvalidArgumentError("'region name' is necessary to register system shared memory region")
        self.memory.register(name, parse_registration(body))
        return _DONE

    def unregister(self, name: str, version: str, body: bytes | memoryview) -> Response:
        """Unregister a region, or all of them; one that is not there is no error.

        Raises:
            UnsupportedError: clients may not.
        """
        self._check()
        self.memory.unregister(name)
        return _DONE

    def cuda_status(self, name: str, version: str, body: bytes | memoryview) -> Response:
        """There are never CUDA regions.

        Raises:
            NotFoundError: one is asked for by name.
        """
        if any(region.name == name for region in self.memory.regions()):
            raise NotFoundError(
                f"The region named '{name}' is registered as system shared memory, not CUDA shared memory"
            )
        if name:
            raise NotFoundError(f"Unable to find cuda shared memory region: '{name}'")
        return json_response([])

    def cuda_register(self, name: str, version: str, body: bytes | memoryview) -> Response:
        """What a server without GPUs says.

        Raises:
            InvalidArgumentError, UnsupportedError: always.
        """
        self._check()
        if not name:
            raise InvalidArgumentError("'region name' is necessary to register cuda shared memory region")
        handle = json_value.parse(body).get("raw_handle") if body else None
        text = handle.get("b64") if isinstance(handle, dict) else None
        if not isinstance(text, str):
            raise InvalidArgumentError("Shared memory register request has no 'raw_handle' field")
        try:
            base64.b64decode(text, validate=True)
        except binascii.Error:
            raise InvalidArgumentError("'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t") from None
        raise InvalidArgumentError(f"failed to register CUDA shared memory region: '{name}', GPUs not supported")

    def cuda_unregister(self, name: str, version: str, body: bytes | memoryview) -> Response:
        """Nothing to do.

        Raises:
            UnsupportedError: clients may not.
        """
        self._check()
        return _DONE

    def _check(self) -> None:
        if not self._allowed:
            raise UnsupportedError(
                "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable."
            )
