"""TCP ports on this machine: is one taken, and who holds it."""

from __future__ import annotations

import errno
import socket
from typing import Final

import psutil

LOOPBACK: Final = (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6))


def is_taken(port: int) -> bool:
    """Whether something listens on the port of this machine's loopback addresses.

    Both are looked at: `localhost` may mean either, and a client must not reach a stranger.
    """
    return any(_refused(address, family, port) for address, family in LOOPBACK)


def _refused(address: str, family: socket.AddressFamily, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As the server does it: connections that linger after a close do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        return error.errno in (errno.EADDRINUSE, errno.EACCES)
    return False


def holder(port: int) -> psutil.Process | None:
    """The process that listens on a port; None when nobody does or the system does not tell."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        address = connection.laddr
        if connection.status == psutil.CONN_LISTEN and address and address.port == port and connection.pid:
            try:
                return psutil.Process(connection.pid)
            except psutil.NoSuchProcess:
                continue
    return None
