"""Header lists of HTTP/2, read once and remembered after that, as those of HTTP/1.1 are (fast-path.md point 3).

A client sends the same headers with every request, and the same headers mean the same request.
"""

from __future__ import annotations

from typing import Final

from naiad.errors import HeaderFieldsTooLargeError
from naiad.server.grpc_call import GrpcService
from naiad.server.grpc_head import GrpcHead, is_grpc, read_grpc_head
from naiad.server.request_head import RequestHead

_MAX_REMEMBERED: Final = 1024
_MAX_REMEMBERED_BYTES: Final = 2048
_FIELD_OVERHEAD_BYTES: Final = 32  # RFC 9113 §6.5.2

HeaderList = tuple[tuple[bytes, bytes], ...]


class Http2HeadCache:
    """Heads by their header lists.

    Args:
        max_head_bytes: longer header lists are refused.
        service: what answers gRPC; None when nothing does.
        compression_level: of zlib's, for answers by gRPC to clients that accept compressed ones; 0 for none.
    """

    def __init__(self, max_head_bytes: int, service: GrpcService | None, *, compression_level: int) -> None:
        self._max_head_bytes = max_head_bytes
        self._service = service
        self._compression_level = compression_level
        self._heads: dict[HeaderList, GrpcHead | RequestHead] = {}

    def read(self, headers: HeaderList) -> GrpcHead | RequestHead:
        """The head that these headers make.

        Raises:
            HeaderFieldsTooLargeError: they are too long.
        """
        head = self._heads.get(headers)
        if head is not None:
            return head
        size = sum(len(name) + len(value) + _FIELD_OVERHEAD_BYTES for name, value in headers)
        if size > self._max_head_bytes:
            raise HeaderFieldsTooLargeError(f"request head is larger than {self._max_head_bytes} bytes")
        fields = dict(headers)
        if self._service is not None and is_grpc(fields.get(b"content-type", b"")):
            head = read_grpc_head(fields, self._service, compression_level=self._compression_level)
        else:
            head = _request_head(fields, headers)
        if size <= _MAX_REMEMBERED_BYTES:
            if len(self._heads) >= _MAX_REMEMBERED:
                self._heads.clear()
            self._heads[headers] = head
        return head


def _request_head(fields: dict[bytes, bytes], headers: HeaderList) -> RequestHead:
    """The head of what is no RPC, as HTTP/1.1 would have it."""
    regular = [(name, value) for name, value in headers if not name.startswith(b":")]
    by_name = dict(regular)
    by_name.setdefault(b"host", fields.get(b":authority", b""))
    method = fields.get(b":method", b"").decode("latin-1")
    path, _, query = fields.get(b":path", b"*").partition(b"?")  # CONNECT has none
    return RequestHead(method, path, by_name, version="2", keep_alive=True, query=query, fields=regular)
