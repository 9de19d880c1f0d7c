"""Asking a process of a service whether it is well."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def ask_health(*, address: str, port: int, path: str, key: str | None, timeout_s: float) -> bool | None:
    """Ask a health route.

    Args:
        address: the process's.
        port: its HTTP port.
        path: of the route.
        key: a key, when requests need one.
        timeout_s: how long the answer may take.

    Returns:
        Whether the process says that it is well; None when nothing came from it at all.
    """
    authorization = f"Authorization: Bearer {key}\r\n" if key else ""
    request = f"GET {path} HTTP/1.1\r\nHost: {address}:{port}\r\n{authorization}Connection: close\r\n\r\n"
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(request.encode())
                status_line = await reader.readline()
            finally:
                writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
    except ConnectionResetError:  # somebody accepted, and hung up
        return False
    except (OSError, TimeoutError, ValueError):
        return None
    parts = status_line.split()
    # 401: the keys have just been replaced, and the process has not read them yet.
    return parts[1] in (b"200", b"401") if len(parts) > 1 else False
