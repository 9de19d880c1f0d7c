"""naiad over a repository, as a user starts it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

from benchmarks.server import LOOPBACK, Server


class NaiadServer(Server):
    """naiad, one process."""

    name: ClassVar[str] = "naiad"

    def command(self, folder: Path) -> list[str]:
        """`naiad serve` on loopback ports."""
        return [
            *(sys.executable, "-m", "naiad", "serve"),
            *("--model-repository", str(self.repository)),
            *("--http-address", LOOPBACK),
            *("--http-port", str(self.http_port)),
            *("--grpc-address", LOOPBACK),
            *("--grpc-port", str(self.grpc_port)),
            *("--metrics-port", str(self.metrics_port)),
        ]
