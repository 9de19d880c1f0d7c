"""Who is at the other end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from naiad.server.exchange import peer_address


@pytest.mark.parametrize(
    ("peer", "address"),
    [(("127.0.0.1", 4711), "127.0.0.1"), (("::1", 4711, 0, 0), "::1"), ("/run/socket", ""), ("", ""), (None, "")],
)
def test_only_an_internet_address_is_one(peer: Any, address: str) -> None:
    assert peer_address(asyncio.BaseTransport(extra={"peername": peer})) == address
