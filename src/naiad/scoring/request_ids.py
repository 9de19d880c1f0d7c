"""The ids under which a request is known: read from its headers, sent back with its answer (azure-ml.md §4.4)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

_MAX_LENGTH: Final = 100
_DEPRECATED: Final = (
    "x-ms-request-id header has been deprecated and will be removed from future versions of the server."
    " Please use x-ms-client-request-id."
)

logger = logging.getLogger("azmlinfsrv")


class RequestIdSource:
    """Makes ids: random UUIDs (RFC 9562 §5.4), several times faster than `uuid.uuid4`.

    To be made in the process that uses it: one made before a fork would give the same ids in every child.
    """

    def __init__(self) -> None:
        self._bits = Random().getrandbits  # noqa: S311 - an id need not be secret

    def next(self) -> bytes:
        """A new id."""
        bits = self._bits
        return b"%08x-%04x-4%03x-%04x-%012x" % (bits(32), bits(16), bits(12), 0x8000 | bits(14), bits(48))


@dataclass(frozen=True, slots=True)
class RequestIds:
    """What a request says about its ids.

    Attributes:
        request_id: its own, or empty: then every request with this head gets a new one.
        client_id: what its client calls it, or empty.
        legacy_id: what `x-ms-request-id` says in the answer; empty for the request's id.
        fault: why they cannot be accepted, or empty.
    """

    request_id: bytes = b""
    client_id: bytes = b""
    legacy_id: bytes = b""
    fault: str = ""

    def fields(self, source: RequestIdSource) -> bytes:
        """The header lines of an answer; the source gives the request an id, if it has none."""
        request_id = self.request_id or source.next()
        client = b"x-ms-client-request-id: %b\r\n" % self.client_id if self.client_id else b""
        return b"x-request-id: %b\r\nx-ms-request-id: %b\r\n%b" % (request_id, self.legacy_id or request_id, client)


def read_request_ids(headers: Mapping[bytes, bytes]) -> RequestIds:
    """The ids in a request's headers, by lower-case name."""
    request_id = headers.get(b"x-request-id", b"")
    if len(request_id) > _MAX_LENGTH:
        return RequestIds(fault=f"x-request-id must not exceed {_MAX_LENGTH} characters")
    legacy_id = headers.get(b"x-ms-request-id", b"")
    client_id = headers.get(b"x-ms-client-request-id", b"")
    if legacy_id:
        logger.warning(_DEPRECATED)
    if max(len(legacy_id), len(client_id)) > _MAX_LENGTH:
        fault = f"x-ms-request-id and x-ms-client-request-id must not exceed {_MAX_LENGTH} characters"
        return RequestIds(request_id, fault=fault)
    return RequestIds(request_id, client_id or legacy_id, legacy_id or client_id)
